"""The command line: every verb, fastText's spellings, exit codes, and errors of one line."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from command import LINES, assert_refused, done, run

import fastembed as fe
from fastembed.cli import app, doctor, main, options
from fastembed.cli import train as train_module

SMALL = ["--dim", "8", "--min-count", "1", "--epochs", "2", "--threads", "1"]


@pytest.fixture
def trained(folder):
    done(run("train", "skipgram", "text.txt", "-o", "m.fe", *SMALL))
    return folder


def test_help_lists_every_verb():
    output = done(run("--help"))
    for verb in (
        "train",
        "tfidf",
        "cooccur",
        "vocab",
        "nn",
        "analogy",
        "eval",
        "convert",
        "explore",
        "info",
        "doctor",
        "demo",
    ):
        assert f"  {verb} " in output
        assert "Usage" in done(run(verb, "--help"))


def test_without_a_verb_the_help_is_shown():
    result = run()
    assert result.exit_code == 2
    assert "Commands" in result.output


def test_version():
    assert fe.__version__ in done(run("--version"))


ENV = {**os.environ, "PYTHONPATH": str(Path(fe.__file__).parent.parent)}


def test_runs_as_a_module():
    args = [sys.executable, "-m", "fastembed", "--version"]
    result = subprocess.run(args, env=ENV, capture_output=True, text=True)
    assert result.returncode == 0
    assert fe.__version__ in result.stdout


@pytest.mark.parametrize("name", ["skipgram", "cbow"])
def test_every_parameter_of_a_model_is_a_flag(name):
    cls = {"skipgram": fe.SkipGram, "cbow": fe.CBOW}[name]
    command = app.get_command(None, "train").get_command(None, name)
    flags = {flag for p in command.params for flag in p.opts}
    for parameter in cls().get_params():
        assert "--" + parameter.replace("_", "-") in flags
    assert all(p.help for p in command.params if isinstance(p, click.Option) and not p.hidden)


def test_train_writes_what_was_asked(folder):
    output = done(
        run("train", "skipgram", "text.txt", "-o", "m.fe", "-o", "m.vec", "--seed", "7", "--no-dynamic-window", *SMALL)
    )
    model = fe.load("m.fe")
    assert isinstance(model, fe.SkipGram)
    params = model.get_params()
    assert (params["dim"], params["seed"], params["dynamic_window"], params["epochs"]) == (8, 7, False, 2)
    assert fe.load("m.vec").vectors.shape == (len(model.wv), 8)
    assert "wrote m.fe: 12 words x 8" in output
    assert "wrote m.vec" in output


def test_train_reads_standard_input(folder):
    done(run("train", "cbow", "-", "-o", "m.fe", *SMALL, stdin="\n".join(LINES)))
    assert isinstance(fe.load("m.fe"), fe.CBOW)


def test_train_reads_several_files_with_a_tokenizer(folder):
    (folder / "more.txt").write_text("Zebra, zebra; ZEBRA!\n" * 5)
    done(run("train", "skipgram", "text.txt", "more.txt", "--tokenizer", "words", "--lowercase", "-o", "m.vec", *SMALL))
    assert "zebra" in fe.load("m.vec")


def test_train_goes_on_from_a_model(trained):
    done(run("train", "skipgram", "text.txt", "--resume", "m.fe", "-o", "n.fe"))
    assert len(fe.load("n.fe").history) > len(fe.load("m.fe").history)


def test_train_goes_on_with_other_parameters_but_not_another_shape(trained):
    done(run("train", "skipgram", "text.txt", "--resume", "m.fe", "-o", "n.fe", "--epochs", "5"))
    assert len(fe.load("n.fe").history) == 5
    assert_refused(run("train", "skipgram", "text.txt", "--resume", "m.fe", "-o", "n.fe", "--dim", "9"), 2, "dim 8")
    assert_refused(run("train", "cbow", "text.txt", "--resume", "m.fe", "-o", "n.fe"), 1, "m.fe", "SkipGram, not CBOW")


def test_train_keeps_checkpoints(folder):
    done(run("train", "skipgram", "text.txt", "-o", "m.fe", "--checkpoint", "states", *SMALL))
    assert list((folder / "states").iterdir())


def test_fasttext_command_line_runs_unchanged(folder):
    line = "-input text.txt -output m -dim 8 -ws 3 -neg 4 -minCount 1 -epoch 2 -lr 0.03 -thread 1 -t 0.01 -loss ns"
    line += " -minn 2 -maxn 4 -bucket 300"
    output = done(run("skipgram", *line.split(), "-verbose", "0"))
    params = fe.load("m.bin").get_params()
    expected = {
        "dim": 8,
        "window": 3,
        "negative": 4,
        "min_count": 1,
        "epochs": 2,
        "sample": 0.01,
        "minn": 2,
        "maxn": 4,
        "bucket": 300,
    }
    assert {name: params[name] for name in expected} == expected
    assert not params["hs"] and params["sg"]
    assert "wrote m.vec" in output
    assert "wrote m.bin" in output
    assert len(fe.load("m.vec")) == 12


def test_fasttext_hierarchical_softmax(folder):
    done(
        run(
            "cbow", "-input", "text.txt", "-output", "m.fe", "-loss", "hs", "-dim", "8", "-minCount", "1",
            "-epoch", "1", "-t", "0", "-bucket", "100",
        )
    )  # fmt: skip
    params = fe.load("m.fe").get_params()
    assert params["hs"] and not params["sg"]
    assert not (folder / "m.vec").exists()


@pytest.mark.parametrize("flag", ["-lrUpdateRate", "-wordNgrams", "-dims", "--window-size"])
def test_an_unknown_option_is_named_as_a_whole(folder, flag):
    assert_refused(
        run("skipgram", "-input", "text.txt", "-output", "m", flag, "3"), 2, f"'{flag}'" if "dims" in flag else flag
    )
    assert not (folder / "m.fe").exists()


def test_subwords_are_refused_where_there_are_none(folder):
    assert_refused(run("train", "skipgram", "text.txt", "-o", "m.fe", "-maxn", "6"), 2, "n-grams")


def test_subwords_of_words(folder):
    small = ("--dim", "8", "--min-count", "1", "--epochs", "1", "--bucket", "100", "--sample", "0")
    done(run("train", "fasttext", "text.txt", "-o", "m.bin", *small))
    assert done(run("subwords", "m.bin", "where")).startswith("where (unknown): <wh <whe")
    assert "cat" in done(run("nn", "m.bin", "cats", "-k", "11"))
    assert len(done(run("subwords", "m.bin", "cats", "--nearest", "-k", "3")).splitlines()) == 4
    done(run("convert", "m.bin", "m.safetensors"))
    assert done(run("subwords", "m.safetensors", "where")).startswith("where (unknown): <wh <whe")
    done(run("convert", "m.bin", "m.fe"))
    done(run("convert", "m.fe", "again.bin"))
    assert Path("again.bin").read_bytes() == Path("m.bin").read_bytes()
    done(run("train", "skipgram", "text.txt", "-o", "plain.fe", *small[:6]))
    assert_refused(run("subwords", "plain.fe", "cat"), 1, "no character n-grams")
    assert_refused(run("train", "fasttext", "text.txt", "-o", "n.fe", "--minn", "7"), 2, "minn=7, maxn=6")


@pytest.mark.parametrize(
    "flags",
    [["--dim", "many"], ["--epochs", "1.5"], ["--lr", "fast"], ["--max-vocab", "x"], ["--tokenizer", "none"], ["-dim"]],
)
def test_a_wrong_value_is_misuse(folder, flags):
    assert_refused(run("train", "skipgram", "text.txt", "-o", "m.fe", *flags), 2)


@pytest.mark.parametrize(
    "flags", [["--dim", "0"], ["--window", "-3"], ["--lr", "nan"], ["--threads", "0"], ["--epochs", "0"]]
)
def test_an_impossible_value_is_misuse(folder, flags):
    assert_refused(run("train", "skipgram", "text.txt", "-o", "m.fe", *flags), 2, flags[0].strip("-"))


def test_an_output_is_required(folder):
    assert_refused(run("train", "skipgram", "text.txt"), 2, "-o")


def test_a_corpus_is_required(folder):
    assert_refused(run("train", "skipgram", "-o", "m.fe"), 2, "text file")


def test_standard_input_stands_alone(folder):
    assert_refused(run("train", "skipgram", "-", "text.txt", "-o", "m.fe"), 2, "standard input")


def test_an_unknown_ending_is_misuse(folder):
    assert_refused(run("train", "skipgram", "text.txt", "-o", "m.pkl"), 2, "m.pkl", ".safetensors")


def test_an_unknown_verb_is_misuse():
    assert_refused(run("trian"), 2, "'trian'; did you mean train?")
    assert_refused(run("train", "skipgarm"), 2, "did you mean skipgram?")
    assert_refused(run("zzz"), 2, "there are train, classify, tfidf, cooccur, vocab")


@pytest.fixture
def no_training(monkeypatch):
    def fit(self, *args, **kwargs):
        raise AssertionError("training began")

    monkeypatch.setattr(fe.SkipGram, "fit", fit)


def test_outputs_are_checked_before_training(folder, no_training):
    (folder / "there.vec").mkdir()
    for out, message in (("nowhere/m.fe", "no such folder"), ("there.vec", "is a folder")):
        assert_refused(run("train", "skipgram", "text.txt", "-o", "m.fe", "-o", out), 1, message)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_found_before_training(folder, no_training):
    (folder / "locked").mkdir(mode=0o500)
    assert_refused(run("train", "skipgram", "text.txt", "-o", "locked/m.fe"), 1, "locked")


def test_a_missing_corpus_is_a_failure(folder):
    assert_refused(run("train", "skipgram", "none.txt", "-o", "m.fe"), 1, "none.txt")
    assert not (folder / "m.fe").exists()


def test_an_empty_corpus_is_a_failure(folder):
    (folder / "empty.txt").write_text("")
    assert_refused(run("train", "skipgram", "empty.txt", "-o", "m.fe"), 1, "empty.txt")


def interrupt_after_training(monkeypatch):
    fit = fe.SkipGram.fit

    def interrupted(self, *args, **kwargs):
        fit(self, *args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(fe.SkipGram, "fit", interrupted)


def test_interrupt_saves_what_was_learnt(folder, monkeypatch):
    interrupt_after_training(monkeypatch)
    result = run("train", "skipgram", "text.txt", "-o", "m.fe", *SMALL)
    assert result.exit_code == 130
    assert "interrupted" in result.output
    assert len(fe.load("m.fe").wv) == 12


def test_interrupt_does_not_replace_a_finished_file(trained, monkeypatch):
    before = (trained / "m.fe").read_bytes()
    interrupt_after_training(monkeypatch)
    result = run("train", "skipgram", "text.txt", "-o", "m.fe", *SMALL)
    assert result.exit_code == 130
    assert (trained / "m.fe").read_bytes() == before
    assert len(fe.load("m.partial.fe").wv) == 12


def test_interrupt_before_training(folder, monkeypatch):
    def fit(self, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(fe.SkipGram, "fit", fit)
    result = run("train", "skipgram", "text.txt", "-o", "m.fe", *SMALL)
    assert result.exit_code == 130
    assert "nothing was written" in result.output
    assert not (folder / "m.fe").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("line", ["vocab text.txt", "--help", "nn m.fe king"])
def test_a_full_standard_output_is_named(trained, line, unbuffered):
    with open("/dev/full", "wb") as full:
        command, env = [sys.executable, "-m", "fastembed", *line.split()], ENV | {"PYTHONUNBUFFERED": unbuffered}
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=env)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "fastembed: error: standard output: No space left on device"


def test_an_unforeseen_error_is_one_line_unless_debug(folder, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("something\nstrange")

    monkeypatch.setattr(train_module, "open_corpus", broken)
    args = ("train", "skipgram", "text.txt", "-o", "m.fe")
    assert_refused(run(*args), 1, "RuntimeError: something strange (--debug shows where)")
    result = run(*args, "--debug")
    assert isinstance(result.exception, RuntimeError)


def test_vocab(folder):
    result = run("vocab", "text.txt", "--min-count", "120")
    assert result.stdout.splitlines() == [
        "the 240",
        "a 120",
        "and 120",
        "king 120",
        "man 120",
        "queen 120",
        "woman 120",
    ]
    assert "12 different" in result.stderr
    done(run("vocab", "text.txt", "-o", "words.txt", "--max-vocab", "2"))
    assert len((folder / "words.txt").read_text().splitlines()) == 2


def test_nn(trained):
    lines = done(run("nn", "m.fe", "king", "girl", "-k", "3")).splitlines()
    assert lines[0] == "king"
    assert lines[4] == "girl"
    assert len(lines) == 8
    expected = fe.load("m.fe").wv.most_similar("king", topn=3)
    assert [line.split()[1] for line in lines[1:4]] == [word for word, _ in expected]


def test_nn_of_an_unknown_word(trained):
    assert_refused(run("nn", "m.fe", "kin"), 1, "'kin'", "king")


def test_nn_reads_words_from_standard_input(trained):
    result = run("nn", "m.fe", "-k", "1", stdin="king\nnoword\n\nqueen\n")
    assert result.exit_code == 1
    assert "noword" in result.output
    assert result.output.splitlines()[-2] == "queen"


def test_analogy(trained):
    lines = done(run("analogy", "m.fe", "man", "woman", "king", "-k", "2")).splitlines()
    assert lines[0] == "man : woman = king : ?"
    assert len(lines) == 3
    assert done(run("analogy", "m.fe", "-k", "2", stdin="man woman king\n")).splitlines() == lines
    assert_refused(run("analogy", "m.fe", "man", "woman"), 2, "three words")
    assert_refused(run("analogy", "m.fe", stdin="man woman\n"), 1, "three words")


def test_eval(trained):
    (trained / "pairs.tsv").write_text("king\tqueen\t9\nman\twoman\t8\nboy\twalk\t1\nnone\tking\t5\n")
    (trained / "analogies.txt").write_text(": family\nman woman king queen\nboy girl king queen\n")
    output = done(run("eval", "m.fe", "pairs.tsv", "analogies.txt", "--sections"))
    assert "spearman" in output
    assert "25.0% unknown" in output
    assert "of 2 analogies" in output
    assert "family" in output
    rows = json.loads(run("eval", "m.fe", "pairs.tsv", "analogies.txt", "--json").stdout)
    assert [row["kind"] for row in rows] == ["pairs", "analogies"]
    assert rows[0]["out_of_vocabulary"] == 0.25
    assert rows[1]["asked"] == 2


def test_eval_of_a_missing_file(trained):
    assert_refused(run("eval", "m.fe", "none.tsv"), 1, "none.tsv")


def test_eval_counts_unknown_words_that_have_subwords(folder):
    done(run("train", "fasttext", "text.txt", "-o", "m.bin", "--dim", "6", "--bucket", "99", "--epochs", "1", "-q"))
    (folder / "pairs.tsv").write_text("king\tqueen\t9\nkings\tqueens\t8\nman\tboy\t7\nwomen\tking\t1\nman\tking\t2\n")
    known, whole = done(run("eval", "m.bin", "pairs.tsv")).splitlines()
    assert "40.0% unknown" in known and "pairs.tsv with subwords" in whole and "0.0% unknown" in whole
    (folder / "pairs.tsv").write_text("king\tqueen\t9\nman\tboy\t7\nman\tking\t2\n")
    assert len(done(run("eval", "m.bin", "pairs.tsv")).splitlines()) == 1


@pytest.mark.parametrize("ending", ["safetensors", "txt", "bin", "vec"])
def test_convert_there_and_back(trained, ending):
    done(run("convert", "m.fe", f"v.{ending}"))
    original, copy = fe.load("m.fe").wv, fe.load(f"v.{ending}")
    assert copy.index_to_key == original.index_to_key
    assert abs(copy.vectors - original.vectors).max() < 1e-5


def test_convert_refuses_what_it_cannot_write(trained):
    assert_refused(run("convert", "m.fe", "v.xyz"), 2, "v.xyz")
    assert_refused(run("convert", "m.fe", "folder"), 2, "folders are of ELMo and BERT only")
    assert_refused(run("convert", "m.fe", "m.arpa"), 2, "m.arpa: an ARPA file holds n-grams, and SkipGram has none")
    done(run("convert", "m.fe", "m.vec"))
    assert_refused(run("convert", "m.vec", "n.fe"), 2, "n.fe: vectors alone are no model")
    assert_refused(run("convert", "m.fe", "nowhere/v.bin"), 1, "nowhere")


def test_a_damaged_file_is_a_failure(trained):
    (trained / "bad.fe").write_bytes((trained / "m.fe").read_bytes()[:300])
    assert_refused(run("info", "bad.fe"), 1, "bad.fe")
    assert_refused(run("info", "none.fe"), 1, "none.fe")


def test_info(trained):
    output = done(run("info", "m.fe"))
    assert "SkipGram" in output
    assert "dimensions      8" in output
    done(run("convert", "m.fe", "v.bin"))
    assert "KeyedVectors" in done(run("info", "v.bin"))


def test_an_output_that_cannot_hold_the_words_says_so(tmp_path):
    (tmp_path / "zh.txt").write_text("中国 中国\n" * 9, "utf-8")
    command = [sys.executable, "-m", "fastembed", "vocab", str(tmp_path / "zh.txt")]
    found = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True)
    assert found.returncode == 1 and "no more than ascii: PYTHONIOENCODING=utf-8" in found.stderr


def test_doctor(monkeypatch):
    monkeypatch.setattr(
        doctor.metadata, "version", lambda name: (_ for _ in ()).throw(doctor.metadata.PackageNotFoundError)
    )
    output = done(run("doctor"))
    for part in (
        "fastembed-trainer",
        "instruction set",
        "threads",
        "huge pages",
        "extra zh",
        "extra tokenizers",
        "extra hdf5",
        "name conflict      none",
    ):
        assert part in output
    assert fe.simd.active() in output


def test_doctor_finds_the_other_fastembed(monkeypatch):
    monkeypatch.setattr(doctor.metadata, "version", lambda name: "0.7.1")
    result = run("doctor")
    assert result.exit_code == 1
    assert "fastembed 0.7.1 (Qdrant's inference library)" in result.output


def test_demo(folder):
    output = done(run("demo", "--lang", "en", "--epochs", "1", "--threads", "1", "--out", "."))
    assert "whale: " in output
    assert "he : she = his : ?" in output
    pictures = [path for path in folder.iterdir() if path.suffix in (".svg", ".png")]
    assert len(pictures) == 2
    assert len(fe.load("demo-en.fe").wv) > 9000


def test_demo_in_chinese_without_matplotlib(folder, monkeypatch):
    monkeypatch.setattr("fastembed.report.scene.has_matplotlib", lambda: False)
    output = done(run("demo", "--lang", "zh", "--epochs", "1", "--threads", "1"))
    assert "曹操: " in output
    assert "宝玉" in (folder / "demo-zh-map.svg").read_text(encoding="utf-8")


def test_a_closed_pipe_is_silent(trained):
    code = "import sys; from fastembed.cli import main; main(['vocab', 'text.txt'])"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        args = [sys.executable, "-c", code]
        result = subprocess.run(args, env=ENV, stdout=closed, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_reading_on_a_terminal_gives_the_same_corpus(folder, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)  # no thread of tqdm's that outlives the test
    corpus = fe.Corpus("text.txt", tokenizer="words")
    assert options.read(corpus) is corpus.encode()
    assert len(corpus.encode().ids) == 1260


def test_log_lines_and_warnings_are_marked(folder):
    (folder / "text.txt").write_bytes("\n".join(LINES).encode() + b"\n\xff king" * 30)
    output = done(run("train", "skipgram", "text.txt", "-o", "m.vec", *SMALL))
    assert "SkipGram epoch 2: loss" in output
    warnings = [line for line in output.splitlines() if line.startswith("fastembed: warning: ")]
    assert len(warnings) == 1
    assert "30 invalid UTF-8 sequences" in warnings[0]
    assert "SkipGram epoch" not in done(run("train", "skipgram", "text.txt", "-o", "m.vec", "-q", *SMALL))


def test_main_is_the_entry_point(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert fe.__version__ in capsys.readouterr().out
