"""Golden values of adjusted p-values (statsmodels' multipletests) and of the p-to-e calibrators (mpmath, 60 digits)."""

import mpmath as mp
import numpy as np
from statsmodels.stats.multitest import multipletests

METHODS = {
    "bonferroniAdjustedP": "bonferroni",
    "sidakAdjustedP": "sidak",
    "holmAdjustedP": "holm",
    "hochbergAdjustedP": "simes-hochberg",
    "hommelAdjustedP": "hommel",
    "benjaminiHochbergAdjustedP": "fdr_bh",
    "benjaminiYekutieliAdjustedP": "fdr_by",
}


def families() -> list[list[float]]:
    random = np.random.default_rng(7)
    return [
        [0.03],
        [0.04, 0.01],
        [1.0, 1.0, 1.0],
        [0.0, 0.5, 1.0, 0.0],
        # Ties, unsorted, tiny.
        [0.02, 0.02, 0.5, 0.02, 0.5, 0.9],
        [1e-300, 0.9, 1e-20, 0.04, 1e-20, 3e-5],
        # Every step-up bound is decided by the largest.
        [0.049, 0.048, 0.047, 0.046, 0.045],
        [round(float(p), 6) for p in random.uniform(size=17)],
        [round(float(p), 9) for p in random.beta(0.3, 3, size=25)],
    ]


def golden() -> list[dict]:
    mp.mp.dps = 60
    values = [
        {"function": name, "arguments": [ps], "value": multipletests(ps, method=method)[1], "source": "statsmodels"}
        for ps in families()
        for name, method in METHODS.items()
    ]
    for p in (1e-300, 1e-20, 1e-4, 0.004, 0.05, 0.3, 0.6, 0.61, 0.9, 0.999, 1 - 2.0**-40, 1 - 2.0**-52):
        exact = mp.mpf(p)
        mixed = (1 - exact + exact * mp.log(exact)) / (exact * mp.log(exact) ** 2)
        values.append({"function": "mixedEValueOfP", "arguments": [p], "value": mixed, "source": "mpmath"})
        for kappa in (0.1, 0.5, 0.9):
            power = mp.mpf(kappa) * exact ** (mp.mpf(kappa) - 1)
            values.append({"function": "eValueOfP", "arguments": [p, kappa], "value": power, "source": "mpmath"})
    return values
