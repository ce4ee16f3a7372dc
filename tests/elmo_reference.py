"""bilm-tf's ELMo in NumPy, step by step in float64, and random files of its format: an oracle that shares no code."""

import json

import numpy as np

OPTIONS = {
    "lstm": {
        "cell_clip": 0.7, "proj_clip": 0.4, "dim": 9, "projection_dim": 5, "n_layers": 2, "use_skip_connections": True,
    },
    "char_cnn": {
        "embedding": {"dim": 3}, "filters": [[1, 4], [3, 6]], "n_highway": 2, "n_characters": 262,
        "max_characters_per_token": 12, "activation": "relu",
    },
}  # fmt: skip


def shapes(options):
    """Dataset -> shape."""
    lstm, cnn = options["lstm"], options.get("char_cnn")
    dim, cells, found = lstm["projection_dim"], lstm["dim"], {}
    if cnn:
        size, total = cnn["embedding"]["dim"], sum(n for _, n in cnn["filters"])
        found["char_embed"] = (261, size)
        for k, (width, n) in enumerate(cnn["filters"]):
            found |= {f"CNN/W_cnn_{k}": (1, width, size, n), f"CNN/b_cnn_{k}": (n,)}
        for k in range(cnn["n_highway"]):
            for name in ("carry", "transform"):
                found |= {f"CNN_high_{k}/W_{name}": (total, total), f"CNN_high_{k}/b_{name}": (total,)}
        if total != dim:
            found |= {"CNN_proj/W_proj": (total, dim), "CNN_proj/b_proj": (dim,)}
    for side in (0, 1):
        for layer in range(lstm["n_layers"]):
            name = f"RNN_{side}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
            found |= {f"{name}/W_0": (2 * dim, 4 * cells), f"{name}/B": (4 * cells,)}
            if cells != dim:
                found[f"{name}/W_P_0"] = (cells, dim)
    return found


def write(folder, options=OPTIONS, seed=0, change=None):
    """options.json and weights.hdf5 of random numbers in a folder; change(arrays) may spoil them. The arrays."""
    import h5py

    random = np.random.default_rng(seed)
    arrays = {name: random.normal(0, 0.6, shape).astype(np.float32) for name, shape in shapes(options).items()}
    if change:
        change(arrays)
    (folder / "options.json").write_text(json.dumps(options))
    with h5py.File(folder / "weights.hdf5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return arrays


class Bilm:
    """The network; its states go on from call to call."""

    def __init__(self, options, arrays):
        self.options, self.state = options, {}
        self.arrays = {name: array.astype(np.float64) for name, array in arrays.items()}

    def word(self, word):
        """(P,)"""
        cnn, arrays = self.options["char_cnn"], self.arrays
        inner = {"<S>": [256], "</S>": [257]}.get(word) or list(word.encode())
        row = [258, *inner[: cnn["max_characters_per_token"] - 2], 259]
        row += [260] * (cnn["max_characters_per_token"] - len(row))
        x, found = arrays["char_embed"][row], []
        for k, (width, _) in enumerate(cnn["filters"]):
            products = [
                np.einsum("we,wef->f", x[t : t + width], arrays[f"CNN/W_cnn_{k}"][0]) for t in range(len(x) - width + 1)
            ]
            found.append(np.max(products, axis=0) + arrays[f"CNN/b_cnn_{k}"])
        x = np.concatenate(found)
        x = np.maximum(x, 0) if cnn["activation"] == "relu" else np.tanh(x)
        for k in range(cnn["n_highway"]):
            carry, transform = (
                x @ arrays[f"CNN_high_{k}/W_{name}"] + arrays[f"CNN_high_{k}/b_{name}"]
                for name in ("carry", "transform")
            )
            gate = sigmoid(carry)
            x = gate * np.maximum(transform, 0) + (1 - gate) * x
        return x @ arrays["CNN_proj/W_proj"] + arrays["CNN_proj/b_proj"] if "CNN_proj/W_proj" in arrays else x

    def cell(self, key, x, layer):
        """One step of row and direction ``key``."""
        lstm, name = self.options["lstm"], f"RNN_{key[1]}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
        h, c = self.state.get((*key, layer), (np.zeros(lstm["projection_dim"]), np.zeros(lstm["dim"])))
        i, j, f, o = np.split(np.concatenate([x, h]) @ self.arrays[f"{name}/W_0"] + self.arrays[f"{name}/B"], 4)
        c = np.clip(sigmoid(f + 1) * c + sigmoid(i) * np.tanh(j), -lstm["cell_clip"], lstm["cell_clip"])
        h = sigmoid(o) * np.tanh(c)
        if f"{name}/W_P_0" in self.arrays:
            h = np.clip(h @ self.arrays[f"{name}/W_P_0"], -lstm["proj_clip"], lstm["proj_clip"])
        self.state[(*key, layer)] = h, c
        return h + x if layer and lstm["use_skip_connections"] else h

    def __call__(self, row, words, vector=None):
        """(L + 1, n, 2 P) of sentence ``row`` of a batch."""
        vectors = [(vector or self.word)(word) for word in ("<S>", *words, "</S>")]
        layers, sides = self.options["lstm"]["n_layers"], []
        for side in (0, 1):
            outputs = []
            for x in vectors[::-1] if side else vectors:
                steps = [x]
                for layer in range(layers):
                    steps.append(self.cell((row, side), steps[-1], layer))
                outputs.append(steps)
            sides.append(np.array(outputs[::-1] if side else outputs)[1:-1].reshape(-1, layers + 1, len(x)))
        return np.concatenate(sides, -1).swapaxes(0, 1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))
