"""Intervals, so that noise is not taken for progress."""

import numpy as np


def bootstrap_interval(
    values: list[float], groups: list[str], resamples: int, seed: int
) -> tuple[float, float]:
    """The 95 % interval of the mean, drawing whole groups (Efron & Tibshirani, 1993, ch. 13).

    Records of one group are not independent, so groups are resampled, not records.
    """
    names, member = np.unique(groups, return_inverse=True)
    sums = np.bincount(member, weights=values, minlength=len(names))
    sizes = np.bincount(member, minlength=len(names))
    draws = np.random.default_rng(seed).integers(len(names), size=(resamples, len(names)))
    means = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
