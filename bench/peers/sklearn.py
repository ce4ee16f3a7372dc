"""scikit-learn inside a measured process."""


def svd(job):
    """The truncated SVD of a matrix by randomized subspace iteration; see ours."""
    from scipy import sparse
    from sklearn.decomposition import TruncatedSVD

    from .ours import decomposed

    made = sparse.load_npz(job["matrix"])
    model = TruncatedSVD(job["dim"], n_iter=job["iterations"], random_state=1)
    return decomposed(model, made, job["exact"])
