"""``fastembed tfidf CORPUS... -o X.npz``: documents to a sparse matrix; its flags are TfidfVectorizer's parameters."""

import time

from .. import models
from .matrix import check_outputs, matrix_command
from .options import open_corpus, read
from .outputs import write_matrix, written

ENDINGS = {
    ".npz": "the matrix, for scipy.sparse.load_npz; its terms go beside it into a JSON list, X.terms.json",
    ".fe": "the vectorizer: fe.load(file).transform(more documents)",
}


def run(corpus, out, tokenizer, cache_dir, errors, quiet, **values):
    targets = check_outputs(out, ENDINGS)
    vectorizer = models.get("tfidf")(**values)
    settings = {"tokenizer": tokenizer, "cache_dir": cache_dir, "errors": errors, "threads": vectorizer.threads}
    documents = open_corpus(corpus, **settings)
    read(documents, quiet)
    matrix = vectorizer.fit_transform(documents)
    for path in targets:
        start = time.perf_counter()
        if path.suffix.lower() == ".fe":
            vectorizer.save(path)
        else:
            write_matrix(matrix, vectorizer.get_feature_names_out().tolist(), path)
        written(path, f"{matrix.shape[0]:,} documents x {matrix.shape[1]:,} terms", time.perf_counter() - start)


tfidf = matrix_command(
    "tfidf",
    run,
    ENDINGS,
    "Weigh the terms of documents by TF-IDF. CORPUS is as for train; each line that is not empty is a document.",
    lowercase=False,
)
