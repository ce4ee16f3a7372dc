"""fe.report: layouts against their definitions, pictures that are well-formed, errors that say what is wrong."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import fastembed as fe
from fastembed.report import curve, layout, scene

SVG = "{http://www.w3.org/2000/svg}"
HISTORY = [
    {"epoch": e, "loss": 3.0 / e, "lr": 0.05 / e, "words_per_second": 1e6 + e, "seconds": 1.0} for e in range(1, 6)
]


def random_vectors(words, dim=20, seed=3):
    vectors = np.random.default_rng(seed).standard_normal((len(words), dim)).astype(np.float32)
    return fe.KeyedVectors(fe.Vocab(words, np.arange(len(words), 0, -1)), vectors)


def blobs(per=15, groups=4, dim=30):
    """(N, dim) points around well separated centres, and the group of each."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((groups, dim)) * 4
    points = np.repeat(centres, per, axis=0) + rng.standard_normal((groups * per, dim)) * 0.4
    return points, np.repeat(np.arange(groups), per)


def texts(path):
    return [node.text for node in ElementTree.parse(path).getroot().iter(SVG + "text")]


def test_pca_keeps_the_plane_of_largest_variance():
    rng = np.random.default_rng(0)
    flat = rng.standard_normal((50, 2)) * [5, 2]
    turned = flat @ np.linalg.qr(rng.standard_normal((7, 7)))[0][:2]
    flat = flat - flat.mean(axis=0)
    points = layout.pca(turned)
    assert np.allclose(layout._squared_distances(points), layout._squared_distances(flat), atol=1e-9)
    assert points[:, 0].var() > points[:, 1].var()


def test_tsne_gradient_against_central_differences():
    rng = np.random.default_rng(0)
    p = layout._similarities(rng.standard_normal((12, 5)), 3.0)
    y = rng.standard_normal((12, 2))

    def divergence(y):
        q = 1.0 / (1.0 + layout._squared_distances(y))
        np.fill_diagonal(q, 0.0)
        q /= q.sum()
        off = ~np.eye(12, dtype=bool)
        return (p[off] * np.log(p[off] / q[off])).sum()

    gradient, step = layout._tsne_gradient(p, y), 1e-6
    for i, j in ((0, 0), (3, 1), (11, 0)):
        moved = np.zeros_like(y)
        moved[i, j] = step
        assert (divergence(y + moved) - divergence(y - moved)) / (2 * step) == pytest.approx(gradient[i, j], abs=1e-7)


def test_similarities_have_the_perplexity_asked_for():
    p = layout._similarities(np.random.default_rng(0).standard_normal((40, 6)), 8.0)
    assert p.sum() == pytest.approx(1.0)
    assert np.allclose(p, p.T)
    assert (np.diag(p) == 0).all()


def test_tsne_separates_groups_and_needs_no_chance():
    points, group = blobs()
    y = layout.tsne(points)
    nearest = layout._squared_distances(y) + np.diag(np.full(len(y), np.inf))
    assert (group[nearest.argmin(axis=1)] == group).all()
    assert np.array_equal(y, layout.tsne(points))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_tsne_of_few_points(count):
    assert np.isfinite(layout.tsne(np.eye(5)[:count])).all()


def test_tsne_of_equal_points_is_finite():
    assert np.isfinite(layout.tsne(np.ones((8, 3)))).all()


def test_clusters_find_the_groups():
    points, group = blobs(dim=2)
    labels = layout.clusters(points, 4)
    assert all(len(set(labels[group == g])) == 1 for g in range(4))
    assert len(set(labels)) == 4


def test_spread_leaves_no_overlap_and_stays_inside():
    rng = np.random.default_rng(0)
    size = np.array([60.0, 18.0])
    boxes = np.column_stack([rng.uniform(300, 500, (60, 2)), np.tile(size, (60, 1))])
    centres = layout.spread(boxes, (0, 0, 1000, 700))
    apart = np.abs(centres[:, None] - centres[None]) + np.eye(60)[..., None] * 1e9
    overlap = np.minimum(size - apart, size).min(axis=2)
    assert overlap.max() < 2.0
    assert (centres - size / 2 >= -1e-9).all()
    assert (centres + size / 2 <= [1000 + 1e-9, 700 + 1e-9]).all()


def test_spread_parts_equal_points():
    centres = layout.spread(np.array([[50.0, 50, 20, 10]] * 2), (0, 0, 100, 100))
    assert np.abs(centres[0] - centres[1]).max() >= 9


def test_map_draws_every_word_once(tmp_path):
    words = ["whale", "ship", "<sea> & 'sky'", "宝玉", "Ω"]
    path = fe.report.map(random_vectors(words), [*words, "whale"], tmp_path / "map.svg", title="a < b")
    assert texts(path) == ["a < b", *words]


def test_map_with_groups_has_a_legend_and_a_colour_each(tmp_path):
    kv = random_vectors(["a", "b", "c", "d"])
    path = fe.report.map(kv, {"first": ["a", "b"], "second": ["c", "none"], "empty": ["nothing"]}, tmp_path / "map.svg")
    root = ElementTree.parse(path).getroot()
    colours = {node.text: node.get("fill") for node in root.iter(SVG + "text")}
    assert colours["a"] == colours["b"] != colours["c"]
    assert "second" in colours
    assert "empty" not in colours
    assert "d" not in colours


def test_map_of_the_most_frequent_words_by_default(tmp_path):
    kv = random_vectors([f"w{i}" for i in range(150)])
    shown = texts(fe.report.map(kv, path=tmp_path / "map.svg"))
    assert shown == ["120 of 150 words, 20 dimensions", *(f"w{i}" for i in range(120))]


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_map_is_the_same_each_time(tmp_path, method):
    kv = random_vectors([f"w{i}" for i in range(30)])
    first = fe.report.map(kv, path=tmp_path / "1.svg", method=method).read_bytes()
    assert first == fe.report.map(kv, path=tmp_path / "2.svg", method=method).read_bytes()


def test_map_of_one_word(tmp_path):
    assert "only" in texts(fe.report.map(random_vectors(["only"]), path=tmp_path / "map.svg"))


def test_map_without_known_words(tmp_path):
    with pytest.raises(fe.errors.WordNotFoundError, match="none of the 2 words"):
        fe.report.map(random_vectors(["a"]), ["x", "y"], tmp_path / "map.svg")
    assert not (tmp_path / "map.svg").exists()


def test_map_of_what_cannot_be_drawn(tmp_path):
    kv = random_vectors(["a", "b", "c"])
    kv.vectors[1, 2] = np.nan
    with pytest.raises(fe.errors.ParameterError, match="'b'.*NaN"):
        fe.report.map(kv, path=tmp_path / "map.svg")
    with pytest.raises(fe.errors.NotFittedError):
        fe.report.map(fe.SkipGram(), path=tmp_path / "map.svg")
    with pytest.raises(fe.errors.ParameterError, match="list has no word vectors"):
        fe.report.map([], path=tmp_path / "map.svg")


def test_map_of_unknown_method(tmp_path):
    with pytest.raises(fe.errors.ParameterError, match="umap"):
        fe.report.map(random_vectors(["a"]), path=tmp_path / "map.svg", method="umap")


def test_picture_of_unknown_kind(tmp_path):
    with pytest.raises(fe.errors.ParameterError, match=r"must end in \.svg or \.png"):
        fe.report.training_curve(HISTORY, tmp_path / "curve.gif")


def test_control_characters_stay_out_of_the_svg(tmp_path):
    word = "a\x00b\x1b"
    assert texts(fe.report.map(random_vectors([word]), path=tmp_path / "map.svg"))[1] == "a\ufffdb\ufffd"


def test_svg_names_fonts_for_chinese(tmp_path):
    root = ElementTree.parse(fe.report.map(random_vectors(["曹操"]), path=tmp_path / "map.svg")).getroot()
    fonts = root.get("font-family")
    assert "Noto Sans CJK SC" in fonts
    assert "PingFang SC" in fonts
    assert "Microsoft YaHei" in fonts


def test_width_of_text():
    assert scene.text_width("曹操", 10) == 20
    assert 5 <= scene.text_width("a", 10) <= 6
    assert scene.text_width("milk", 10) > scene.text_width("ilk", 10) > 10
    assert scene.text_width("e\u0301", 10) == scene.text_width("e", 10)


def test_training_curve(tmp_path):
    shown = texts(fe.report.training_curve(HISTORY, tmp_path / "curve.svg"))
    assert shown[:2] == ["5 epochs of training", "loss"]
    assert "learning rate" in shown
    assert "words per second" in shown


def test_training_curve_of_one_epoch_and_of_missing_values(tmp_path):
    shown = texts(fe.report.training_curve([{"epoch": 1, "loss": float("nan"), "lr": 0.1}], tmp_path / "curve.svg"))
    assert shown.count("not recorded") == 2


def test_training_curve_before_training(tmp_path):
    with pytest.raises(fe.errors.NotFittedError, match="fit"):
        fe.report.training_curve(fe.SkipGram(), tmp_path / "curve.svg")


@pytest.mark.parametrize(("low", "high"), [(0, 1), (2.31, 2.94), (-3, 12345), (0.0499, 0.05), (7, 7), (0, 0)])
def test_ticks_cover_the_range_with_round_numbers(low, high):
    values = curve.ticks(low, high)
    assert values[0] <= low + 1e-9 and values[-1] >= high - 1e-9
    assert 2 <= len(values) <= 8
    assert np.allclose(np.diff(values), values[1] - values[0])


@pytest.mark.parametrize(
    ("value", "text"), [(0.05, "0.05"), (4.0, "4"), (1_200_000, "1.2M"), (25_000, "25k"), (0, "0")]
)
def test_short_numbers(value, text):
    assert curve.short(value) == text


def test_png_by_matplotlib(tmp_path):
    pytest.importorskip("matplotlib", reason="PNG needs the extra plot")
    kv = random_vectors(["$a^2$", "b"])  # a formula to matplotlib, if it were let
    for path in (
        fe.report.map(kv, path=tmp_path / "map.png"),
        fe.report.training_curve(HISTORY, tmp_path / "curve.png"),
    ):
        assert path.read_bytes().startswith(b"\x89PNG\r\n")


def test_png_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setattr(scene, "find_spec", lambda name: None)
    assert scene.picture_suffix("text") == ".svg"
    with pytest.raises(fe.errors.FastembedError, match=r"extra 'plot'.*\.svg"):
        fe.report.training_curve(HISTORY, tmp_path / "curve.png")
    assert not (tmp_path / "curve.png").exists()


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        fe.report.training_curve(HISTORY, tmp_path / "nowhere" / "curve.svg")
