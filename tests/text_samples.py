"""Random documents for comparisons with scikit-learn."""

import random

TEXT = (
    "the cat sat on a mat and The DOG ran home quickly x y2 snake_case don't e-mail 42 3.14 "
    "naïve Café Straße ΣΑΣ İstanbul Привет мир 中文 字 日本語テキスト ﬁn ½ 😀 𝔘nicode é\u0301 zero\u200bwidth"
)
WORDS = TEXT.split()
GAPS = (" ", " ", " ", "  ", "\n", " \t ", ", ", ". ", "\u2003", "\xa0", "-")


def documents(seed, size=40):
    """Documents of 0 to 60 words, some empty, some of white space only."""
    draw = random.Random(seed)
    pool = WORDS + ["".join(draw.choices("abcdeéж", k=draw.randint(1, 20))) for _ in range(30)]
    texts = ["".join(draw.choice(pool) + draw.choice(GAPS) for _ in range(draw.randint(0, 60))) for _ in range(size)]
    return [*texts, "", "  \n"]
