"""``demo``: trains on the sample novels and shows neighbours, analogies and a map of the vectors."""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import click

from .outputs import check_folder
from .program import Verb, interrupts, say
from .query import table


@dataclass(frozen=True)
class Show:
    """What the demo asks about one language."""

    title: str
    neighbours: tuple
    analogies: tuple
    groups: dict = field(hash=False)


ENGLISH = Show(
    "English: Pride and Prejudice, Moby-Dick, War and Peace",
    ("whale", "mother", "emperor", "horse"),
    (
        ("he", "she", "his", "pronouns"),
        ("prince", "princess", "count", "titles"),
        ("take", "took", "give", "past tense"),
        ("man", "men", "boat", "plural"),
    ),
    {
        "family": "mother father sister brother daughter son wife husband aunt uncle niece cousin children parents",
        "sea": "whale ship boat sea captain sperm deck crew harpoon oars mast sail whales waves ahab starbuck",
        "war": "army troops battle enemy soldiers general regiment officers kutuzov napoleon guns attack french",
        "society": "dance ball dinner supper party invitation visit carriage marriage engagement acquaintance",
        "body": "eyes face hand lips hair head arm cheeks shoulders mouth fingers hands feet",
        "feelings": "love joy happiness grief fear anger pity shame hope despair pride tenderness jealousy",
        "places": "moscow petersburg russia london england france nantucket city town village house room",
        "time": "morning evening night day week month year hour minute winter summer autumn spring",
    },
)
CHINESE = Show(
    "Chinese: 红楼梦, 三国演义",
    ("曹操", "宝玉", "银子", "荆州"),
    (("凤姐", "平儿", "黛玉", "a lady and her maid"), ("贾琏", "凤姐", "贾珍", "husband and wife")),
    {
        "红楼梦": "宝玉 黛玉 宝钗 贾母 凤姐 袭人 晴雯 平儿 贾琏 王夫人 薛姨妈 探春 湘云 鸳鸯 紫鹃 刘姥姥 贾政 尤氏",
        "三国演义": "曹操 刘备 孙权 孔明 关公 张飞 赵云 周瑜 吕布 司马懿 鲁肃 黄忠 马超 袁绍 魏延 姜维 玄德 云长",
        "地名": "荆州 洛阳 许昌 徐州 冀州 汉中 成都 长安 西川 江东 江夏 南郡",
        "军事": "大军 人马 军士 先锋 都督 将军 太守 引兵 军马 粮草 城中 大寨",
        "称呼": "姐姐 妹妹 哥哥 嫂子 老太太 太太 奶奶 姑娘 丫头 老爷 母亲 媳妇 婆子 小厮",
        "日用": "银子 衣裳 东西 茶 酒 药 饭 钱 书 诗 花 灯",
    },
)
SETTINGS = {"dim": 100, "window": 5, "negative": 5, "min_count": 5, "sample": 1e-3, "lr": 0.05, "seed": 1}
FREQUENT = 20  # neighbours are shown only among words that occur at least so often


@click.command(cls=Verb)
@click.option(
    "--lang", type=click.Choice(["en", "zh", "both"]), default="both", show_default=True, help="Which novels."
)
@click.option("--epochs", type=click.IntRange(1), default=16, show_default=True, help="How often to read them.")
@click.option("--threads", type=click.IntRange(1), help="Default: every CPU.")
@click.option("--out", "folder", default=".", show_default=True, help="Folder for the models and pictures.")
def demo(lang, epochs, threads, folder):
    """Train SkipGram on the novels that ship with fastembed and show what it learnt."""
    folder = Path(folder)
    check_folder(folder)
    for name, show in (("en", ENGLISH), ("zh", CHINESE)):
        if lang in (name, "both"):
            _run(name, show, folder, epochs, threads)
    model = folder / ("demo-zh.fe" if lang == "zh" else "demo-en.fe")
    program = sys.argv[0] if sys.argv[0].endswith("fastembed") else "fastembed"
    say(f"\nmore: {program} nn {model} WORD ...")


def _run(name, show, folder, epochs, threads):
    """Train one language, print, draw, save."""
    from .. import models, report, sample
    from ..report.scene import picture_suffix

    click.echo(f"\n{show.title}")
    start = time.perf_counter()
    corpus = sample.english() if name == "en" else sample.chinese()
    model = models.get("skipgram")(**SETTINGS, epochs=epochs, threads=threads).fit(corpus, callbacks=(interrupts,))
    vectors, last = model.wv, model.history[-1]
    click.echo(
        f"{len(vectors):,} words x {vectors.vectors.shape[1]}, {epochs} epochs in {time.perf_counter() - start:.1f} s, "
        f"last loss {last['loss']:.3f}"
    )
    frequent = int((vectors.vocab.counts >= FREQUENT).sum())
    for word in show.neighbours:
        found = vectors.most_similar(word, topn=6, restrict_vocab=frequent)
        click.echo(f"  {word}: {', '.join(w for w, _ in found)}")
    for a, b, c, relation in show.analogies:
        found = vectors.most_similar(positive=[b, c], negative=[a], topn=3, restrict_vocab=frequent)
        click.echo(table(f"  {a} : {b} = {c} : ?  ({relation})", found).replace("\n", "\n  "))
    groups = {group: words.split() for group, words in show.groups.items()}
    ending = picture_suffix("".join(groups) + show.title)
    for path in (
        _saved(model, folder / f"demo-{name}.fe"),
        report.map(vectors, groups, folder / f"demo-{name}-map{ending}", title=show.title),
        report.training_curve(model, folder / f"demo-{name}-training{ending}"),
    ):
        click.echo(f"  wrote {path}")


def _saved(model, path):
    model.save(path)
    return path
