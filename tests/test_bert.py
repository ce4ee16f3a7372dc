"""BERT: vectors of pieces, words and sentences; pre-training, stopped and gone on with."""

import logging

import numpy as np
import pytest

import fastembed as fe
from fastembed.errors import CorpusError, FormatError, NotFittedError, ParameterError

pytest.importorskip("tokenizers", reason="tokenizers is not installed")
import tiny_bert  # noqa: E402

from fastembed import parallel  # noqa: E402
from fastembed.models.callbacks import STOP, Callback  # noqa: E402
from fastembed.models.pretraining import WarmUp, neighbourly, piece_counts, piece_ids  # noqa: E402
from fastembed.nn import masked  # noqa: E402
from fastembed.nn.attention import EncoderSizes  # noqa: E402
from fastembed.nn.masking import Masking, Sequences  # noqa: E402
from fastembed.nn.params import Params  # noqa: E402

TEXT = ["the cat sat on the mat", "a dog lay on a rug", "the dog sat on the rug", "unbelievable cats"] * 15
SMALL = {"layers": 1, "dim": 16, "heads": 2, "vocab_size": 60, "max_length": 16, "batch": 4, "epochs": 2, "threads": 1}


def model(**options):
    return fe.BERT(**(SMALL | options))


@pytest.fixture
def loaded(tmp_path):
    return fe.BERT.load(tiny_bert.folder(tmp_path / "m"), threads=1)


def weights(bert):
    return bert.params.flat.copy()


# -- embed


def test_embed_shapes_and_layers(loaded):
    states = loaded.embed(["The white whales", "", ["sea", "."]])
    assert [a.shape for a in states] == [(3, 4, 8), (3, 0, 8), (3, 2, 8)] and states[0].dtype == np.float32
    assert np.array_equal(loaded.embed(["The white whales"], layers=-1)[0], states[0][2])
    assert np.allclose(loaded.embed(["the white whales"], layers="mix")[0], states[0].mean(0), atol=1e-6)
    assert (loaded.depth, loaded.width) == (3, 8)


@pytest.mark.parametrize("layers", ["all", "mix", 0, -1, np.int64(1)])
def test_vectors_keep_no_others_in_memory(loaded, layers):
    for vectors in loaded.embed(["the whale", "sea sea sea", "a"], layers=layers):
        assert vectors.base is None or vectors.base.nbytes == vectors.nbytes


def test_special_tokens_and_pooling(loaded):
    whole = loaded.embed(["the whale", ""], special_tokens=True)
    assert [a.shape[1] for a in whole] == [4, 2]
    inner = loaded.embed(["the whale", ""])
    assert np.array_equal(whole[0][:, 1:-1], inner[0])
    for pool, wanted in (("mean", [a[-1].mean(0) for a in whole]), ("cls", [a[-1, 0] for a in whole])):
        found = loaded.embed(["the whale", ""], pool=pool)
        assert found.shape == (2, 8) and np.allclose(found, wanted, atol=1e-6)
    assert loaded.embed(["the whale"], layers="all", pool="mean").shape == (1, 3, 8)
    assert loaded.embed([], pool="mean").shape == (0, 8) and loaded.embed([]) == []
    assert np.allclose(np.linalg.norm(loaded.embed(["a whale", "sea"], pool="mean", normalize=True), axis=1), 1)


def test_words_are_means_of_their_pieces(loaded):
    pieces = loaded.embed(["the whales whaleser sea"])[0]
    words = loaded.embed(["the whales  whaleser sea"], align="words")[0]
    wanted = [pieces[:, :1], pieces[:, 1:3], pieces[:, 3:6], pieces[:, 6:]]
    assert np.allclose(words, np.concatenate([part.mean(1, keepdims=True) for part in wanted], 1), atol=1e-6)
    lists = loaded.word_states([["the", "whales", "whaleser", "sea"], ["\u0301", "zebra"], []])
    assert np.allclose(lists[0], words, atol=1e-5) and [a.shape[1] for a in lists] == [4, 2, 0]


def test_a_corpus_is_sentences(loaded):
    found = loaded.embed(fe.Corpus(["the whale", "sea"]))
    assert [a.shape[1] for a in found] == [2, 1]


def test_order_and_company_do_not_matter(loaded):
    texts = ["the whale " * (k % 7) for k in range(40)]
    alone = [loaded.embed([text])[0] for text in texts]
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(loaded.embed(texts), alone, strict=True))


def test_long_text_is_cut_off_with_a_warning(loaded, caplog):
    with caplog.at_level(logging.WARNING, "fastembed"):
        found = loaded.embed(["whale " * 20, "sea"])
    assert [a.shape[1] for a in found] == [14, 1]
    assert "1 of 2 sentences have more than 14 pieces" in caplog.text
    words = loaded.word_states([["whales"] * 20])[0]
    assert words.shape[1] == 20 and words[:, :7].any(2).all() and not words[:, 7:].any()


@pytest.mark.parametrize(
    ("options", "match"),
    [({"pool": "max"}, "pool='max'"), ({"align": "letters"}, "align='letters'"), ({"layers": 3}, "layers=3")],
)
def test_impossible_wishes(loaded, options, match):
    with pytest.raises(ParameterError, match=match):
        loaded.embed(["the"], **options)


@pytest.mark.parametrize("sentences", ["the whale", [3], [["the", 3]], [b"the"], [None], None, 3])
def test_what_is_no_sentence(loaded, sentences):
    with pytest.raises(ParameterError, match="sentence"):
        loaded.embed(sentences)


def test_not_fitted():
    for ask in (lambda b: b.embed(["a"]), lambda b: b.depth, lambda b: b.judge(["a"]), lambda b: b.save("folder")):
        with pytest.raises(NotFittedError, match="call fit"):
            ask(fe.BERT())


def test_threads_give_the_same(loaded):
    texts = ["the white whale sea " * 3] * 9
    one = loaded.embed(texts)
    two = loaded.set_params(threads=2).embed(texts)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_fill(loaded):
    [row] = loaded.fill("the [MASK] whale", topn=3)
    assert len(row) == 3 and row[0][1] >= row[1][1] > 0
    [whole] = loaded.fill("the [MASK] whale", topn=100)
    assert len(whole) == len(tiny_bert.TOKENS) and abs(sum(p for _, p in whole) - 1) < 1e-6
    for text, topn, said in (("the whale", 3, r"no \[MASK\]"), (None, 3, "NoneType"), ("[MASK]", -1, "topn=-1")):
        with pytest.raises(ParameterError, match=said):
            loaded.fill(text, topn)


def test_without_a_head(tmp_path):
    arrays = {name: array for name, array in tiny_bert.tensors().items() if not name.startswith("cls.")}
    bert = fe.BERT.load(tiny_bert.folder(tmp_path / "m", arrays=arrays), threads=1, epochs=1)
    with pytest.raises(ParameterError, match="no head"):
        bert.fill("the [MASK]")
    with pytest.raises(ParameterError, match="no head"):
        bert.judge(["the whale"])
    bert.save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe")
    assert np.array_equal(again.embed(["the"])[0], bert.embed(["the"])[0])
    assert again.fit(["the white whale a sea"] * 9, resume=True, verbose=0).fill("the [MASK]")


def test_precision(loaded, tmp_path):
    texts, exact = ["the white whales", "", "a sea ."], weights(loaded)
    plain = loaded.embed(texts)
    rounded = fe.BERT.load(tmp_path / "m", threads=1, precision="bfloat16")
    found = rounded.embed(texts)
    assert all(np.allclose(a, b, atol=0.1) for a, b in zip(found, plain, strict=True))
    assert np.abs(found[0] - plain[0]).max() > 1e-4
    rounded.save(tmp_path / "m.fe")
    for other in (loaded.set_params(precision="bfloat16"), fe.load(tmp_path / "m.fe")):
        assert all(np.array_equal(a, b) for a, b in zip(other.embed(texts), found, strict=True))
    assert np.array_equal(weights(rounded), exact)
    with pytest.raises(ParameterError, match="precision"):
        fe.BERT(precision="int8")


def test_saved_for_transformers(loaded, tmp_path):
    loaded.save(tmp_path / "again")
    again = fe.load(tmp_path / "again")
    assert np.array_equal(again.params.flat, loaded.params.flat)
    assert again.get_params() | {"threads": 1} == loaded.get_params()


def test_unreadable_native_files(loaded, tmp_path):
    tensors, meta = loaded.to_native()
    for change in (
        {"sizes": "[1, 2]"},
        {"sizes": "[14, 16, true]"},
        {"parts": '["tail"]'},
        {"special": '{"cls": "x"}'},
    ):
        fe.io.native.write(tmp_path / "m.fe", tensors, meta | change)
        with pytest.raises(FormatError, match="is no complete BERT"):
            fe.load(tmp_path / "m.fe")
    fe.io.native.write(tmp_path / "m.fe", tensors | {"pieces": np.zeros(5, np.uint8)}, meta)
    with pytest.raises(FormatError, match=r"tokenizer\.json"):
        fe.load(tmp_path / "m.fe")


# -- training


def test_it_learns():
    bert = model(dim=32, epochs=30, dropout=0.0, lr=1e-2).fit(TEXT, verbose=0)
    assert bert.history[-1]["loss"] < 0.5 * bert.history[0]["loss"]
    loss, accuracy = bert.judge(TEXT)
    assert loss < 2 and accuracy > 0.3
    assert bert.fill("the dog sat on the [MASK]")[0][0][0] in ("rug", "mat")


def test_held_out_figures():
    record = model(held_out=0.2).fit(TEXT, verbose=0).history[-1]
    assert record["held_out_loss"] > 0 and 0 <= record["held_out_accuracy"] <= 1
    for share in (0, 1e-300):
        assert "held_out_loss" not in model(held_out=share, epochs=1).fit(TEXT, verbose=0).history[-1]


@pytest.mark.filterwarnings("error")
def test_text_of_which_nothing_can_be_hidden():
    bert = model(vocab_size=20, epochs=1, pack=False, held_out=0.5).fit(["a b", "\u0416"] * 20, verbose=0)
    with pytest.raises(CorpusError, match="no piece of the text can be hidden"):
        bert.judge(["\u6f22 \u5b57"])


@pytest.mark.parametrize("options", [{}, {"next_sentence": True, "whole_words": True}])
def test_resumed_is_as_uninterrupted(tmp_path, options):
    whole = model(**options).fit(TEXT, verbose=0)
    calls = []
    stopped = model(**options)

    def stop(bert, record):
        calls.append(record)
        return STOP

    stopped.fit(TEXT, verbose=0, callbacks=[stop], checkpoint=tmp_path)
    assert len(calls) == 1
    again = model(**options).fit(TEXT, verbose=0, resume=True, checkpoint=tmp_path)
    assert np.array_equal(weights(again), weights(whole)) and len(again.history) == 2
    losses = [record["loss"] for record in again.history]
    assert losses == [record["loss"] for record in whole.history]


def test_stopped_inside_an_epoch_and_gone_on_with(tmp_path):
    class Stop(fe.callbacks.Callback):
        def on_progress(self, bert, progress):
            return STOP

    whole = model(epochs=1).fit(TEXT, verbose=0)
    parted = model(epochs=1)
    for _ in range(40):
        parted.fit(TEXT, verbose=0, resume=True, callbacks=[Stop()])
        parted.save(tmp_path / "m.fe")
        parted = fe.load(tmp_path / "m.fe")
        if parted.history:
            break
    assert np.array_equal(weights(parted), weights(whole))


def test_threads_train_the_same():
    assert np.array_equal(weights(model().fit(TEXT, verbose=0)), weights(model(threads=2).fit(TEXT, verbose=0)))


def test_questions_in_the_middle_of_a_step_change_nothing(monkeypatch):
    monkeypatch.setattr(parallel, "POLL_SECONDS", 1e-4)

    class Asking(Callback):
        def on_progress(self, bert, progress):
            bert.fill("the [MASK] sat")
            bert.judge(["the dog"])
            bert.embed(["the dog"])

    one, two = model().fit(TEXT, verbose=0), model().fit(TEXT, verbose=0, callbacks=Asking())
    assert np.array_equal(one.params.flat, two.params.flat)


def test_seeds_differ():
    one, two, other = (model(seed=seed, epochs=1).fit(TEXT, verbose=0) for seed in (1, 1, 2))
    assert np.array_equal(weights(one), weights(two)) and not np.array_equal(weights(one), weights(other))


def test_own_pieces_and_a_cased_vocabulary():
    pieces = fe.Pieces.of_vocab(tiny_bert.TOKENS)
    with pytest.raises(ParameterError, match="pieces='pieces.json': give fe.Pieces"):
        model(epochs=1).fit(["the white whale sea"], verbose=0, pieces="pieces.json")
    bert = model(epochs=1).fit(["the white whale sea"] * 20, verbose=0, pieces=pieces)
    with pytest.raises(ParameterError, match="seed=-1"):
        bert.judge(["the sea"], seed=-1)
    with pytest.raises(ParameterError, match="goes on with its own"):
        bert.fit(["the sea"] * 9, resume=True, verbose=0, pieces=fe.Pieces.train(["the sea"], 20))
    assert bert.fit(["the sea"] * 9, resume=True, verbose=0, pieces=pieces).pieces is pieces
    assert bert.pieces is pieces and len(bert.params["embeddings.words"]) == len(tiny_bert.TOKENS)
    assert any(
        token != token.lower() for token in model(cased=True, epochs=1).fit(["The Cat"] * 9, verbose=0).vocab[5:]
    )


@pytest.mark.parametrize(
    ("text", "options", "match"),
    [(["\u200d"] * 5, {}, "control characters"), (TEXT, {"dim": 10, "heads": 4}, "no multiple of heads=4")],
)
def test_what_cannot_be_trained(text, options, match):
    with pytest.raises((CorpusError, ParameterError), match=match):
        model(**options).fit(text, verbose=0)


def test_more_positions_than_there_are(loaded):
    with pytest.raises(ParameterError, match="max_length=64: the model has 16 positions"):
        loaded.set_params(max_length=64).fit(["the whale"], resume=True, verbose=0)


def test_too_large_a_learning_rate():
    bert = model(lr=1e6, clip=None, warmup=0.0, epochs=4)
    with pytest.raises(fe.errors.TrainingError, match="smaller lr"):
        bert.fit(TEXT, verbose=0)
    assert bert.pieces is None


def test_learning_rate():
    schedule = WarmUp(1.0, 0.0, 2, 100, share=0.25)
    assert [schedule.at(tokens) for tokens in (0, 25, 50, 125, 200)] == [0.0, 0.5, 1.0, 0.5, 0.0]
    assert WarmUp(1.0, 0.0, 1, 10, share=0.0).at(0) == 1.0 and WarmUp(1.0, 0.0, 1, 10, share=1.0).at(10) == 0.0


def test_pieces_of_a_corpus_are_those_of_its_lines(monkeypatch):
    monkeypatch.setattr("fastembed.models.pretraining.BLOCK", 7)
    encoded = fe.Corpus([*TEXT[:9], "\u200d", "cats\u200d on"]).encode()
    pieces = fe.Pieces.of_vocab([*tiny_bert.TOKENS, "cat", "on", "d", "##o", "##g", "m", "##at", "r"])
    ids, offsets = piece_ids(pieces, encoded)
    wanted, ends = pieces.encode(encoded.lines())
    assert np.array_equal(ids, wanted) and np.array_equal(offsets, np.unique(ends))
    assert np.array_equal(piece_counts(pieces, encoded), np.bincount(ids, minlength=len(pieces)))


def test_parameters_at_the_start():
    sizes = EncoderSizes(14, 12, 2, width=8, layers=1, heads=1, inner=8)
    params = masked.begin(sizes, ("head",), (1,), np.arange(14))
    positions = params["embeddings.positions"].astype(np.float64)
    assert np.allclose((positions**2).mean(1), masked.deviation(8) ** 2)
    near, far = ((positions[k:] * positions[:-k]).sum(1) for k in (1, 4))
    assert np.allclose(near, near[0]) and np.allclose(far, far[0]) and near[0] > far[0]
    assert np.isclose(np.exp(params["output.bias"].astype(np.float64)).sum(), 1)


@pytest.mark.parametrize(("width", "heads", "offsets"), [(32, 4, [-1, 1]), (33, 3, [-1, 1]), (60, 6, [-1, 1, -2])])
def test_heads_that_look_aside(width, heads, offsets):
    sizes = EncoderSizes(9, 24, 2, width, 2, heads, inner=8)
    params = Params(masked.shapes(sizes, ()))
    masked.look_aside(params, sizes)
    both = masked.waves(24, width) @ params["1.attention.qkv"]
    for head in range(heads):
        queries, keys = (both[:, at + head * width // heads :][:, : width // heads] for at in (0, width))
        if head < len(offsets):
            assert np.array_equal((queries @ keys.T)[4:-4].argmax(1), np.arange(4, 20) + offsets[head])
        else:
            assert not queries.any() and not keys.any()
    assert not both[:, 2 * width :].any()


@pytest.mark.parametrize("text", [["a"], ["a", "b", "c"] * 5])
def test_text_without_neighbours_begins_at_random(text):
    bert = model(start="neighbours", pack=False, epochs=1).fit(text, verbose=0)
    assert np.isfinite(bert.embed(["a"])[0]).all()


def test_pieces_begin_as_skipgram_has_them():
    encoded = fe.Corpus(TEXT).encode()
    pieces = fe.Pieces.train(fe.Corpus(TEXT), 60, min_count=1)
    which, vectors = neighbourly(pieces, encoded, 16, seed=3)
    assert set(which.tolist()) == set(np.flatnonzero(piece_counts(pieces, encoded)).tolist())
    assert np.allclose(vectors.mean(0), 0, atol=1e-6) and np.isclose(vectors.std(), 1)
    first, again = (model(start="neighbours", epochs=1, threads=n).fit(TEXT, verbose=0) for n in (1, 2))
    assert np.array_equal(first.params.flat, again.params.flat)
    assert not np.array_equal(first.params.flat, model(epochs=1).fit(TEXT, verbose=0).params.flat)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_gradients(dropout):
    """Both heads and the tied embeddings, against central differences in double precision."""
    how = {"dropout": dropout, "attention_dropout": dropout, "dtype": np.float64}
    sizes = EncoderSizes(14, 12, 2, width=6, layers=1, heads=2, inner=8, **how)
    params = masked.begin(sizes, masked.PARTS, (1,), np.ones(14))
    random = np.random.default_rng(2)
    params.flat[:] += random.normal(0, 0.3, params.flat.shape)
    masking = Masking(2, 3, 4, np.arange(5, 14, dtype=np.int32), np.zeros(14, bool), room=12, share=0.3, pairs=True)
    ids = random.integers(5, 14, 30, dtype=np.int32)
    batch = masking.batch(Sequences(ids, np.int64([0, 4, 11, 17, 30]), 9), np.arange(3), random)
    network = masked.MaskedModel(sizes, params)

    def loss():
        losses, pairs = network.gradients(batch, np.random.default_rng(5) if dropout else None)
        return losses.mean() + pairs.mean()

    loss()
    grads = network.grads.flat.copy()
    for name in params:
        start, size = params.offsets[name], params[name].size
        for place in start + random.choice(size, min(size, 4), replace=False):
            kept = params.flat[place]
            ends = []
            for step in (1e-5, -1e-5):
                params.flat[place] = kept + step
                network.encoder.repack()
                ends.append(loss())
            params.flat[place] = kept
            assert abs((ends[0] - ends[1]) / 2e-5 - grads[place]) < 1e-6, name


def test_long_lines_of_chinese_are_learnt(caplog):
    """Words are cut into characters, so there is none too long."""
    text = fe.Corpus(["字" * 400 + "猫", "a b"] * 9)
    found = model(held_out=0.0, epochs=1).fit(text, verbose=0)
    assert {"字", "猫"} <= set(found.pieces.tokens) and "left out" not in caplog.text
    assert len(found.embed(text)) == 18 and found.judge(fe.Corpus(["字" * 2000]))[0] > 0


def test_the_pooler_is_asked_where_there_is_one(loaded):
    with pytest.raises(ParameterError, match='pool="pooler", layers=0: it takes the last layer'):
        loaded.embed(TEXT, 0, pool="pooler")
    without = model(epochs=1).fit(TEXT, verbose=0)
    with pytest.raises(ParameterError, match="a model with a pooler"):
        without.embed(TEXT, pool="pooler")
    pooled = model(epochs=1, next_sentence=True).fit(TEXT, verbose=0).embed(TEXT[:3], pool="pooler", normalize=True)
    assert pooled.shape == (3, 16)
    np.testing.assert_allclose(np.linalg.norm(pooled, axis=1), 1, rtol=1e-5)
