import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import fastembed as fe
from fastembed import cache, ingest
from fastembed.errors import CorpusError

TEXT = "the cat sat\non the mat\n"


def found(encoded):
    return encoded.vocab.words, encoded.vocab.counts.tolist(), encoded.ids.tolist(), encoded.offsets.tolist()


@pytest.fixture
def kept(tmp_path):
    """(text file, cache folder, the one entry in it, what it should give)."""
    path, folder = tmp_path / "text.txt", tmp_path / "new" / "cache"
    path.write_text(TEXT)
    want = found(fe.Corpus(path, cache_dir=folder).encode())
    (entry,) = folder.iterdir()
    return path, folder, entry, want


def test_a_cache_is_used_again(kept, monkeypatch):
    path, folder, entry, want = kept
    monkeypatch.setattr(fe.Corpus, "_read", None)  # it would read the text
    again = fe.Corpus(path, cache_dir=folder).encode()
    assert isinstance(again.ids, np.memmap) and found(again) == want
    path.write_text("more text")
    corpus = fe.Corpus(path, cache_dir=folder)
    with pytest.raises(TypeError):
        corpus.encode()


def test_a_change_after_the_cache_was_used_is_noticed(kept):
    path, folder, _, _ = kept
    corpus = fe.Corpus(path, cache_dir=folder)
    corpus.encode()
    path.write_text("more text")
    with pytest.raises(CorpusError, match="changed after it was read"):
        corpus.encode()


def test_settings_and_content_make_different_caches(kept):
    path, folder, _, _ = kept
    for options in ({"lowercase": True}, {"tokenizer": "words"}, {"max_word_bytes": 2}, {"errors": "strict"}):
        fe.Corpus(path, cache_dir=folder, **options).encode()
    assert len(list(folder.iterdir())) == 5
    fe.Corpus(path, cache_dir=folder, tokenizer=lambda text: text.split()).encode()  # nothing tells lambdas apart
    fe.Corpus(["a"], cache_dir=folder).encode()
    assert len(list(folder.iterdir())) == 5


def damage_value(entry, name, value):
    array = np.fromfile(entry / name, cache._FILES[name])
    array[1] = value
    array.tofile(entry / name)


def change_meta(entry, name, change):
    meta = json.loads((entry / "meta.json").read_text())
    (entry / "meta.json").write_text(json.dumps(meta | {name: change(meta[name])}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: damage_value(entry, "ids", 5),
        lambda entry: damage_value(entry, "ids", -1),
        lambda entry: damage_value(entry, "ids", 0),
        lambda entry: damage_value(entry, "counts", 9),
        lambda entry: damage_value(entry, "words", ord("x")),
        lambda entry: damage_value(entry, "offsets", 2),
        lambda entry: damage_value(entry, "starts", 2),
        lambda entry: damage_value(entry, "offsets", 99),
        lambda entry: damage_value(entry, "starts", -3),
        lambda entry: os.truncate(entry / "ids", 8),
        lambda entry: os.truncate(entry / "counts", 0),
        lambda entry: os.truncate(entry / "words", 7),
        lambda entry: os.remove(entry / "offsets"),
        lambda entry: change_meta(entry, "sums", lambda sums: None),
        lambda entry: change_meta(entry, "sums", lambda sums: sums | {"ids": sums["ids"] ^ 1}),
        lambda entry: (entry / "meta.json").write_text("{"),
        lambda entry: (entry / "meta.json").write_text("[]"),
        lambda entry: (entry / "meta.json").write_text(json.dumps({"version": 99})),
    ],
)
def test_a_damaged_cache_is_built_again(kept, damage):
    path, folder, entry, want = kept
    damage(entry)
    assert found(fe.Corpus(path, cache_dir=folder).encode()) == want
    assert [place.name for place in folder.iterdir()] == [entry.name]
    vocab, ids, _, _, _ = cache.Place(str(folder), fe.Corpus(path).source, _settings()).load()
    assert vocab.words == want[0] and ids.tolist() == want[2]


def test_many_ids_have_no_checksum(kept, monkeypatch):
    path, folder, entry, want = kept
    monkeypatch.setattr(cache, "_SUMMED", 8)
    assert found(fe.Corpus(path, cache_dir=folder).encode()) == want  # built again, now without
    damage_value(entry, "ids", 0)
    assert found(fe.Corpus(path, cache_dir=folder).encode())[2] != want[2]
    damage_value(entry, "ids", 5)
    assert found(fe.Corpus(path, cache_dir=folder).encode()) == want


def _settings():
    return {"tokenizer": "whitespace", "lowercase": False, "errors": "replace", "max_word_bytes": 1000}


def test_a_file_that_changes_before_it_is_opened_is_not_kept(tmp_path, monkeypatch):
    path, folder = tmp_path / "text.txt", tmp_path / "cache"
    path.write_text(TEXT)
    opened = fe.Corpus._blocks

    def late(corpus, reader):
        path.write_text("other words here")
        return opened(corpus, reader)

    monkeypatch.setattr(fe.Corpus, "_blocks", late)
    assert fe.Corpus(path, cache_dir=folder).encode().vocab.words == ["here", "other", "words"]
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
@pytest.mark.parametrize("kept", [True, False])
def test_a_full_disk(tmp_path, kept):
    """The limit on file sizes stands in for a full disk: the same call fails in the same way."""
    (tmp_path / "text").write_text("a b c d\n" * 50_000)
    folder = tmp_path / "cache"
    code = f"""
    import os, resource
    import fastembed as fe
    from fastembed import ingest
    ingest.MEMORY = 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
    try:
        fe.Corpus({str(tmp_path / "text")!r} if {kept} else ["a b c d"] * 50_000, cache_dir={str(folder)!r}).encode()
    except fe.errors.CorpusError as error:
        assert not os.listdir({str(folder)!r})
        print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"the ids of the corpus cannot be written to {folder}"), done.stdout + done.stderr


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text(TEXT)
    with pytest.raises(CorpusError, match="cache_dir=.*file.* cannot be made"):
        fe.Corpus(tmp_path / "file", cache_dir=tmp_path / "file").encode()


def test_errors_leave_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "MEMORY", 1)
    folder = tmp_path / "cache"
    (tmp_path / "text").write_bytes(b"ok " * 100_000 + b"\xff")
    with pytest.raises(CorpusError, match="0xff"):
        fe.Corpus(tmp_path / "text", cache_dir=folder, errors="strict").encode()
    (tmp_path / "text").write_bytes(b"  ")
    with pytest.raises(CorpusError, match="empty"):
        fe.Corpus(tmp_path / "text", cache_dir=folder).encode()
    assert list(folder.iterdir()) == []


def test_leftovers_of_killed_processes_are_swept(tmp_path):
    (tmp_path / "text").write_text(TEXT)
    folder = tmp_path / "cache"
    for name in (".building-old", ".building-new"):
        (folder / name).mkdir(parents=True)
        (folder / name / "ids").write_text("x")
    os.utime(folder / ".building-old" / "ids", (1, 1))
    fe.Corpus(tmp_path / "text", cache_dir=folder).encode()
    assert (folder / ".building-new" / "ids").exists() and not (folder / ".building-old").exists()
