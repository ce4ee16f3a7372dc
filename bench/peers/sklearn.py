"""scikit-learn inside a measured process."""


def documents(job):
    """fit_transform and transform of the lines of a text."""
    from sklearn.feature_extraction import text

    from .ours import matrices

    return matrices(getattr(text, job["class"])(ngram_range=(1, job["ngrams"])), job)
