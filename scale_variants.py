"""Words a second by variant, dim and threads, each variant in a process of its own, alternating; 50 MB of text8, one epoch."""

import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, ROOT)
VARIANTS = ({}, {"FE_NEW": "1", "FE_LAG": "12"}, {"FE_NEW": "2", "FE_LAG": "12"}, {"FE_NEW": "2"})


def one(dim, threads):
    import fastembed as fe
    from bench import data

    text = data.text(None, 50)
    settings = {"window": 5, "negative": 5, "sample": 1e-4, "min_count": 5, "epochs": 2, "lr": 0.05, "seed": 1}
    model = fe.SkipGram(dim=dim, threads=threads, **settings).fit(text.path, verbose=0)
    variant = {name: value for name, value in sorted(os.environ.items()) if name.startswith("FE_")}
    best = max(epoch["words_per_second"] for epoch in model.history)
    print(json.dumps({"dim": dim, "threads": threads, "variant": variant, "M words/s": round(best / 1e6, 2)}), flush=True)


if len(sys.argv) == 3:
    one(int(sys.argv[1]), int(sys.argv[2]))
else:
    for _ in range(2):
        for dim in (100, 300):
            for threads in (1, 4, 16):
                for variant in VARIANTS:
                    subprocess.run([sys.executable, __file__, str(dim), str(threads)], env=os.environ | variant, check=True)
