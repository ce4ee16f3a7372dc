"""The benchmark's own arithmetic and parsing; nothing here is timed."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import assert_refused, run

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "bench").is_dir():
    pytest.skip("bench/ is not part of this installation", allow_module_level=True)
sys.path.append(str(ROOT))  # bench/ is not installed

from bench import __main__ as command  # noqa: E402
from bench import data, results, runner  # noqa: E402
from bench.cases import word2vec  # noqa: E402
from bench.peers import external, ours, stanford  # noqa: E402


def test_list_shows_every_case():
    done = subprocess.run([sys.executable, "-m", "bench", "--list"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    from bench.cases import CASES, GROUPS

    for name in (*CASES, *GROUPS):
        assert name in done.stdout


def test_unknown_case_is_bad_use():
    done = subprocess.run([sys.executable, "-m", "bench", "nothing"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "no case 'nothing'" in done.stderr and "Traceback" not in done.stderr


def test_selection():
    assert command.selected(["word2vec:sg-hs"], False) == [("word2vec", "sg-hs")]
    assert command.selected([], True) == [("quality", "sg-ns")]
    assert command.selected(["word2vec:cbow-ns"], True) == [("word2vec", "cbow-ns"), ("quality", "cbow-ns")]
    assert ("quality", "sg-ns") not in command.selected([], False)
    with pytest.raises(runner.BenchError, match="word2vec:nothing"):
        command.selected(["word2vec:nothing"], False)


def test_ratio_is_the_median_of_paired_rounds():
    mine = [{"rate": 10.0, "seconds": 1.0}, {"rate": 4.0, "seconds": 2.0}, {"rate": 9.0, "seconds": 1.0}]
    other = [{"rate": 5.0, "seconds": 3.0}, {"rate": 1.0, "seconds": 8.0}, {"rate": 3.0, "seconds": 2.0}]
    assert runner.paired_ratio(mine, other, "rate") == 3.0
    assert runner.paired_ratio(mine, other, "seconds", "less") == 3.0
    assert runner.paired_ratio(mine, [{"rate": None}] * 3, "rate") is None
    assert runner.medians(mine) == {"rate": 9.0, "seconds": 1.0}
    assert runner.medians([{"rate": 1.0}, {"rate": None}]) == {"rate": None}


def test_turns_alternate_and_a_failure_leaves_only_itself_out():
    order, told = [], []

    def measure(name):
        order.append(name)
        if name == "broken":
            raise runner.BenchError("no such thing")
        return {"seconds": 1.0}

    contestants = [runner.Contestant(name, lambda name=name: measure(name)) for name in ("a", "broken", "b")]
    left = runner.take_turns(contestants, 2, told.append)
    assert order == ["a", "broken", "b", "a", "b"]
    assert [one.name for one in left] == ["a", "b"] and len(left[0].rounds) == 2
    assert any("broken left out: no such thing" in line for line in told)


def test_only_names_contestants_that_are_there():
    contestants = [runner.Contestant(name, None) for name in ("fastembed", "gensim, iterable", "word2vec.c")]

    def chosen(*arguments):
        return [one.name for one in command.Context(command.parser().parse_args(arguments), []).chosen(contestants)]

    assert chosen() == ["fastembed", "gensim, iterable", "word2vec.c"]
    assert chosen("--only", "gensim", "--only", "word") == ["gensim, iterable", "word2vec.c"]
    with pytest.raises(runner.BenchError, match="--only glove: there is none of that name among fastembed, gensim"):
        chosen("--only", "glove")


def test_table_shows_how_many_times_better_ours_is():
    mine = runner.Contestant(results.OURS, None, [{"rate": 2e6, "peak": 1e8}])
    other = runner.Contestant("peer", None, [{"rate": 5e5, "peak": None}])
    columns = [results.Column("rate", "training", "rate", "more"), results.Column("peak", "peak", "megabytes", "less")]
    lines = results.Table("k", "title", columns, [mine, other], ["note"]).text().splitlines()
    assert lines[0] == "title" and lines[-1] == "  note"
    assert "0.500 M/s   4.00x" in lines[3] and lines[3].rstrip().endswith("-")
    assert "2.000 M/s" in lines[2] and "x" not in lines[2].replace("fastembed", "")


def test_execute_reports_output_peak_and_failure():
    run = runner.execute([sys.executable, "-c", "x = bytearray(b'1') * 80_000_000; print(input())"], "hello")
    assert run.output.strip() == "hello"
    assert run.peak is None or 80e6 < run.peak < 2e9
    with pytest.raises(runner.BenchError, match="ended with 3: why"):
        runner.execute([sys.executable, "-c", "print('why'); raise SystemExit(3)"])


def test_peer_option(tmp_path):
    program = external.parse(f"mine:sg-ns,cbow-ns={sys.executable} -C 8")
    assert (program.name, program.kinds, program.command[1:]) == ("mine", ("sg-ns", "cbow-ns"), ("-C", "8"))
    assert external.parse(f"mine={sys.executable}").kinds == ("sg-ns",)
    assert [external.parse(f"{kind}=ls").kinds for kind in ("k:lmplz", "k:query")] == [("lmplz",), ("query",)]
    for wrong in ("mine", "=x", "mine=", "mine:nonsense=ls", "mine=/no/such/program"):
        with pytest.raises(runner.BenchError, match="--peer"):
            external.parse(wrong)


def test_reported_rate_is_the_last_one():
    output = "\rAlpha: 0.02  Words/thread/sec: 90.50k  \rAlpha: 0.01  Words/thread/sec: 101.25k  "
    assert external.rate(output) == pytest.approx(101_250)
    assert external.rate("\rProgress: 9%  Words/sec: 1346.53k") == pytest.approx(1_346_530)
    assert external.rate("nothing") is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell script and symbolic links")
def test_external_program_is_run_with_the_options_of_word2vec_c(tmp_path):
    script = tmp_path / "peer"
    script.write_text('#!/bin/sh\necho "$@"\ncat text > vectors\necho "Words/sec: 2.00k"\n')
    script.chmod(0o755)
    text = tmp_path / "corpus"
    text.write_text("some text")
    job = {"text": str(text), "output": str(tmp_path / "out"), "sg": True, "hs": False, "dim": 7, "window": 5}
    job |= {"negative": 5, "sample": 1e-4, "min_count": 5, "epochs": 1, "lr": 0.025, "threads": 2}
    figures = external.train(external.parse(f"peer={script} -extra 1"), job)
    assert (tmp_path / "out").read_text() == "some text" and figures["reported"] == 2000
    line = " ".join(external.arguments(job))
    for part in ("-size 7", "-negative 5", "-hs 0", "-cbow 0", "-iter 1", "-threads 2", "-train text", "-binary 1"):
        assert part in line


@pytest.mark.parametrize("block", [3, 7, 1 << 20])
def test_recut_keeps_words_and_lines(tmp_path, monkeypatch, block):
    monkeypatch.setattr(data, "BLOCK", block)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("a bb ccc d e f\n\ng hh i\nj k l m n o pp")
    assert data.recut(source, target, words=3) == 16
    lines = [line.split() for line in target.read_text().splitlines() if line.split()]
    assert lines == [["a", "bb", "ccc"], ["d", "e", "f"], ["g", "hh", "i"], ["j", "k", "l"], ["m", "n", "o"], ["pp"]]


def test_text_is_cut_between_words_and_cached(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTEMBED_BENCH_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "corpus.txt"
    source.write_text("word " * 1000)
    text = data.text(source, 0.001234)
    assert text.words == 246 and text.size == 1230 and Path(text.path).read_text() == "word " * 246
    stamp = os.stat(text.path).st_mtime_ns
    assert data.text(source, 0.001234) == text and os.stat(text.path).st_mtime_ns == stamp
    assert data.text(source).words == 1000
    with pytest.raises(runner.BenchError, match="no such file"):
        data.text(tmp_path / "missing")


def test_analogies_by_kind():
    sections = [
        {"section": "capital", "correct": [1, 2], "incorrect": [3, 4]},
        {"section": "gram1", "correct": [1], "incorrect": [2, 3]},
        {"section": "Total accuracy", "correct": [1] * 3, "incorrect": [1] * 4},
    ]
    assert ours.by_kind(sections) == {"semantic": 0.5, "syntactic": pytest.approx(1 / 3)}
    assert ours.by_kind([])["semantic"] is None


def test_save_keeps_other_cases(tmp_path, monkeypatch):
    (tmp_path / "fastembed").mkdir()
    (tmp_path / "bench").mkdir()
    (tmp_path / "fastembed" / "_version.py").write_text('__version__ = "9.8"\n')
    monkeypatch.setattr(results, "ROOT", tmp_path)
    columns = [results.Column("rate", "training", "rate", "more")]
    for key, rate in (("a:1", 1.0), ("b:1", 2.0), ("a:1", 3.0)):
        contestant = runner.Contestant(results.OURS, None, [{"rate": rate}])
        path = results.save(results.Table(key, key, columns, [contestant]), {"repeats": 1})
    saved = json.loads((tmp_path / path).read_text())
    assert saved["version"] == "9.8" and sorted(saved["cases"]) == ["a:1", "b:1"]
    assert saved["cases"]["a:1"]["rows"][0]["medians"] == {"rate": 3.0}


def test_epoch_as_the_difference_of_two_runs():
    assert [word2vec.epochs_more(seconds) for seconds in (1, 6, 100)] == [4, 3, 1]
    assert word2vec.difference({"whole": 3.0, "cpu": 2.0}, {"whole": 5.0, "cpu": 3.5}, 1) == {"train": 2.0, "cpu": 1.5}
    assert word2vec.difference({"whole": 3.0, "cpu": 2.0}, {"whole": 9.0, "cpu": 5.0}, 3) == {"train": 2.0, "cpu": 1.0}
    nothing = {"train": None, "cpu": None}
    assert word2vec.difference({"whole": 4.0, "cpu": 4.0}, {"whole": 4.5, "cpu": 4.5}, 4) == nothing
    assert word2vec.difference({"whole": 3.0, "cpu": 3.0}, {"whole": 4.0, "cpu": 3.01}, 1) == nothing
    assert word2vec.difference({"whole": 3.0, "cpu": None}, {"whole": 5.0, "cpu": None}, 1) == {
        "train": 2.0,
        "cpu": None,
    }


def test_losses_that_stanford_s_program_prints():
    text = "01/02/26 - 03:04.05PM, iter: 001, cost: 0.018612\n01/02/26 - 03:04.06PM, iter: 002, cost: 0.012494\n"
    assert stanford.COST.findall(text) == ["0.018612", "0.012494"]
    assert external.parse("s:glove=ls").kinds == ("glove",)


def test_the_command_line_runs_the_benchmarks_of_a_checkout(tmp_path):
    verb = [sys.executable, "-m", "fastembed", "bench"]
    found = functools.partial(
        subprocess.run, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert "history " in found([*verb, "--list"]).stdout
    assert "--megabytes" in found([*verb, "--help"]).stdout
    assert found([*verb, "nothing"]).returncode == 2


def test_the_command_line_says_where_the_benchmarks_are(tmp_path, monkeypatch):
    monkeypatch.setattr("fastembed.cli.bench._SOURCE", tmp_path)
    assert_refused(run("bench", "--list"), 1, "are not installed: run python -m bench in a checkout of the source")
