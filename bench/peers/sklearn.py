"""scikit-learn inside a measured process."""


def documents(job):
    """fit_transform and transform of the lines of a text."""
    from sklearn.feature_extraction import text

    from .ours import matrices

    return matrices(getattr(text, job["class"])(ngram_range=(1, job["ngrams"])), job)


def svd(job):
    """The truncated SVD of a matrix by randomized subspace iteration; see ours."""
    from scipy import sparse
    from sklearn.decomposition import TruncatedSVD

    from .ours import decomposed

    made = sparse.load_npz(job["matrix"])
    model = TruncatedSVD(job["dim"], n_iter=job["iterations"], random_state=1)
    return decomposed(model, made, job["exact"])
