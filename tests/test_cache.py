import os

import numpy as np

import fastembed as fe


def found(encoded):
    return encoded.vocab.words, encoded.vocab.counts.tolist(), encoded.ids.tolist(), encoded.offsets.tolist()


def test_cache_is_used_again_and_validated(tmp_path):
    path, folder = tmp_path / "text.txt", tmp_path / "cache"
    path.write_text("the cat sat\non the mat\n")
    want = found(fe.Corpus(path, cache_dir=folder).encode())
    (entry,) = folder.iterdir()
    stamp = os.stat(entry / "ids").st_mtime_ns
    again = fe.Corpus(path, cache_dir=folder).encode()
    assert isinstance(again.ids, np.memmap) and found(again) == want
    assert os.stat(entry / "ids").st_mtime_ns == stamp
    ids = np.fromfile(entry / "ids", np.int32)
    ids[0] = 10**6
    ids.tofile(entry / "ids")
    assert found(fe.Corpus(path, cache_dir=folder).encode()) == want
    assert [entry.name for entry in folder.iterdir()] == [entry.name]
