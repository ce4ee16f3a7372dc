"""The cases: each module has a SUMMARY, the names of its PARTS, and run(context, part) -> list of Table."""

from . import (
    bert,
    cooccur,
    elmo,
    evaluate,
    fasttext,
    glove,
    history,
    ingest,
    mlm,
    ngram,
    nnlm,
    peak,
    quality,
    recurrent,
    rnnlm,
    svd,
    tfidf,
    vectors,
    word2vec,
)

CASES = {
    "ingest": ingest,
    "word2vec": word2vec,
    "fasttext": fasttext,
    "tfidf": tfidf,
    "cooccur": cooccur,
    "svd": svd,
    "glove": glove,
    "ngram": ngram,
    "nnlm": nnlm,
    "recurrent": recurrent,
    "rnnlm": rnnlm,
    "mlm": mlm,
    "elmo": elmo,
    "bert": bert,
    "vectors": vectors,
    "evaluate": evaluate,
    "sgns-peak": peak,
    "quality": quality,
    "history": history,
}

GROUPS = {"counts": ("tfidf", "cooccur")}  # names for several cases
