"""Train one variant of skip-gram (chosen by FE_* in the environment) on all of text8 and print one JSON line.

python scan.py SEED [DIM [MEGABYTES]]
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import fastembed as fe
from bench import data
from bench.peers.ours import scores

seed, dim, size = (int(given) for given in (sys.argv[1:] + ["100", "0"][len(sys.argv) - 2 :])[:3])
text, sets = data.text(None, size or None), data.evaluation_sets()
rates = {"sample": 1e-4, "min_count": 5, "epochs": 5, "lr": 0.05}
kind = getattr(fe, os.environ.get("FE_MODEL", "SkipGram"))
model = kind(dim=dim, window=5, negative=5, threads=1, seed=seed, **rates).fit(text.path, verbose=0)
found = scores(model.wv, {"sets": sets, "restrict": 30000, "subwords": False})
variant = {name: value for name, value in sorted(os.environ.items()) if name.startswith("FE_")}
speed = text.words * 5 / sum(epoch["seconds"] for epoch in model.history)
kept = {name: round(found[name], 4) for name in ("ws353", "simlex", "men", "analogies")}
print(json.dumps({"variant": variant, "seed": seed, "dim": dim, "speed": round(speed)} | kept), flush=True)
