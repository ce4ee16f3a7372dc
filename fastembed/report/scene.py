"""Scene: a picture as a list of lines, dots and texts, and its two writers: SVG (our own) and PNG (matplotlib).

Both draw the same list, so a picture looks the same with and without the extra.
"""

import unicodedata
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

from ..errors import FastembedError, ParameterError
from ..io.atomic import atomic_write

FONTS = (  # Latin first, then whatever draws Chinese, Japanese and Korean on Linux, macOS and Windows
    "Inter", "Helvetica Neue", "Arial", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC",
    "Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "DejaVu Sans", "sans-serif",
)  # fmt: skip
CJK_FONTS = FONTS[3:-2]
PALETTE = ("#3366cc", "#d9480f", "#2b8a3e", "#8a2fbf", "#b8860b", "#c2255c", "#087f8c", "#5c4a3a", "#6b7280", "#364fc7")
INK, FAINT, PAPER = "#1f2933", "#9aa5b1", "#ffffff"


@dataclass
class Scene:
    """A picture of ``width`` x ``height`` pixels; y grows downwards."""

    width: int
    height: int
    items: list = field(default_factory=list)

    def line(self, points, colour=FAINT, width=1.0):
        """points: sequence of (x, y)."""
        self.items.append(("line", [(float(x), float(y)) for x, y in points], colour, width))

    def dot(self, x, y, radius, colour):
        self.items.append(("dot", float(x), float(y), radius, colour))

    def text(self, x, y, text, size=13, colour=INK, anchor="start", bold=False):
        """``y`` is the base line; ``anchor`` is "start", "middle" or "end"."""
        self.items.append(("text", float(x), float(y), str(text), size, colour, anchor, bold))

    def svg(self):
        """The picture as the text of one SVG file."""
        fonts = ", ".join(f"'{name}'" if " " in name else name for name in FONTS)
        body = "\n".join(_SVG[kind](*rest) for kind, *rest in self.items)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="{fonts}">\n'
            f'<rect width="100%" height="100%" fill="{PAPER}"/>\n{body}\n</svg>\n'
        )

    def save(self, path):
        """Write .svg (always possible) or .png (needs matplotlib, the extra "plot"); returns the path."""
        path = Path(path)
        kind = path.suffix.lower()
        if kind == ".svg":
            with atomic_write(path) as out:
                out.write(self.svg().encode("utf-8"))
        elif kind == ".png":
            if not has_matplotlib():
                raise FastembedError(
                    f"{path}: PNG needs matplotlib (the extra 'plot'); give a name ending in .svg instead"
                )
            _save_png(self, path)
        else:
            raise ParameterError(f"{path}: a picture's name must end in .svg or .png")
        return path


def has_matplotlib():
    """Whether PNG can be written."""
    return find_spec("matplotlib") is not None


def can_draw(text):
    """Whether matplotlib finds a font for ``text`` (only wide characters need one beyond its own)."""
    if all(not _wide(c) for c in text):
        return True
    from matplotlib import font_manager

    known = {font.name for font in font_manager.fontManager.ttflist}
    return any(name in known for name in _MATPLOTLIB_CJK)


_MATPLOTLIB_CJK = (*CJK_FONTS, "Noto Sans CJK JP", "Noto Serif CJK SC", "Noto Serif CJK JP", "SimHei", "Heiti TC")


def picture_suffix(text=""):
    """ ".png" where matplotlib is there and has the characters of ``text``, else ".svg"."""
    return ".png" if has_matplotlib() and can_draw(text) else ".svg"


def text_width(text, size):
    """Estimated width in pixels: wide (CJK) characters are as wide as the font is high, Latin ones about half."""
    return size * sum(map(_share, text))


def _share(character):
    if unicodedata.combining(character):
        return 0.0
    if _wide(character):
        return 1.0
    if character in "mwMW@%":
        return 0.9
    return 0.33 if character in "ijltfrI.,:;'!| " else 0.7 if character.isupper() else 0.59


def _wide(character):
    return unicodedata.east_asian_width(character) in "WF"


def _xml(text):
    """Text for XML 1.0: control characters, which the format forbids, become the replacement character."""
    clean = "".join(
        c if c >= " " and c not in "\x7f\ufffe\uffff" and not "\ud800" <= c <= "\udfff" else "\ufffd" for c in text
    )
    return escape(clean)


def _svg_line(points, colour, width):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"/>'


def _svg_dot(x, y, radius, colour):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'


def _svg_text(x, y, text, size, colour, anchor, bold):
    weight = ' font-weight="600"' if bold else ""
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text {where} fill="{colour}"{weight}>{_xml(text)}</text>'


_SVG = {"line": _svg_line, "dot": _svg_dot, "text": _svg_text}
_ALIGN = {"start": "left", "middle": "center", "end": "right"}
_DPI = 100


def _save_png(scene, path):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    fonts = [name for name in ("DejaVu Sans", *_MATPLOTLIB_CJK) if name in known] or ["sans-serif"]
    figure = Figure(figsize=(scene.width / _DPI, scene.height / _DPI), dpi=2 * _DPI, facecolor=PAPER)
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set(xlim=(0, scene.width), ylim=(scene.height, 0))
    axes.axis("off")
    points = 72 / _DPI  # font and line sizes are in points there
    for kind, *rest in scene.items:
        if kind == "line":
            line, colour, width = rest
            axes.plot(*zip(*line, strict=True), color=colour, linewidth=width * points)
        elif kind == "dot":
            x, y, radius, colour = rest
            axes.plot([x], [y], "o", color=colour, markersize=2 * radius * points, markeredgewidth=0)
        else:
            x, y, text, size, colour, anchor, bold = rest
            style = {"color": colour, "ha": _ALIGN[anchor], "va": "baseline", "family": fonts, "parse_math": False}
            axes.text(x, y, _printable(text), fontsize=size * points, weight="bold" if bold else "normal", **style)
    canvas = FigureCanvasAgg(figure)
    with atomic_write(path) as out:
        canvas.print_png(out)


def _printable(text):
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
