"""Tables of medians and ratios: shown as text, saved as JSON."""

import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

from .peers import versions
from .runner import ROOT, medians, paired_ratio

OURS = "fastembed"
SHOW = {
    "rate": lambda value: f"{value / 1e6:.3f} M/s",
    "seconds": lambda value: f"{value:.3f} s" if value < 10 else f"{value:.1f} s",
    "megabytes": lambda value: f"{value / 1e6:.0f} MB",
    "score": lambda value: f"{value:.3f}",
    "error": lambda value: f"{value:.1e}",
    "number": lambda value: f"{value:.1f}",
}


@dataclass(frozen=True)
class Column:
    """One figure: its heading, how to show it, and whether "more" or "less" of it is better ("" shows no ratio)."""

    figure: str
    heading: str
    show: str
    better: str = ""


@dataclass
class Table:
    """One comparison: the first contestant named OURS, if there is one, is compared with all others."""

    key: str
    title: str
    columns: list
    contestants: list
    notes: list = field(default_factory=list)

    def rows(self):
        """One dict a contestant: name, medians, ratios (how many times better ours is), the figures of every round."""
        ours = next((one.rounds for one in self.contestants if one.name == OURS), None)
        rows = []
        for one in self.contestants:
            ratios = {}
            if ours and one.rounds is not ours:
                for column in filter(lambda column: column.better, self.columns):
                    ratios[column.figure] = paired_ratio(ours, one.rounds, column.figure, column.better)
            rows.append({"name": one.name, "medians": medians(one.rounds), "ratios": ratios, "rounds": one.rounds})
        return rows

    def text(self):
        """The table as aligned lines; "12.3x" after a figure: ours is 12.3 times better than this.

        Figures that nobody has are left out.
        """
        found = self.rows()
        known = [
            column for column in self.columns if any(row["medians"].get(column.figure) is not None for row in found)
        ]
        rows = [["", *(column.heading for column in known)]]
        rows += [[row["name"], *(_cell(row, column) for column in known)] for row in found]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [self.title]
        for row in rows:
            cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
            lines.append("  " + "   ".join([row[0].ljust(widths[0]), *cells]))
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def _cell(row, column):
    value = row["medians"].get(column.figure)
    shown = "-" if value is None else SHOW[column.show](value)
    if column.better:
        ratio = row["ratios"].get(column.figure)
        shown += f" {f'{ratio:.2f}x' if ratio else '':>7}"
    return shown


def machine():
    """What the figures were measured on, in words that name no host."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": model,
        "cpus": cpus,
        "system": platform.system(),
        "python": platform.python_version(),
        "isa": os.environ.get("FASTEMBED_ISA", "best"),
    }


def save(table, settings):
    """Add ``table`` to bench/results/<version>.json, in place of an earlier one of the same key -> the file's path."""
    namespace = {}
    exec((ROOT / "fastembed" / "_version.py").read_text(), namespace)
    path = ROOT / "bench" / "results" / f"{namespace['__version__']}.json"
    path.parent.mkdir(exist_ok=True)
    kept = json.loads(path.read_text()) if path.exists() else {"cases": {}}
    kept |= {"version": namespace["__version__"]}
    kept["cases"][table.key] = {
        "title": table.title,
        "machine": machine(),
        "versions": versions(),
        "settings": settings,
        "rows": table.rows(),
        "notes": table.notes,
    }
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    return path.relative_to(ROOT)
