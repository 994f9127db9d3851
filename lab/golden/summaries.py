"""Golden values of summaries: from all values at once with NumPy, where ours take them one at a time."""

import numpy as np


def golden() -> list[dict]:
    values: list[dict] = []

    def add(function: str, arguments: list, *value) -> None:
        values.append({"function": function, "arguments": arguments, "value": [float(number) for number in value], "source": "numpy"})

    rng = np.random.default_rng(71)
    for offset in (0.0, 1e6):
        x = np.round(offset + rng.normal(size=23), 6)
        add("moments", [list(x)], x.mean(), x.var(ddof=1), x.std(ddof=1) / np.sqrt(len(x)))
    for size in (2, 19, 60):
        y = np.round(rng.gamma(3.0, size=size) + 0.5, 6)
        x = np.round(2 * y + rng.normal(size=size), 6)
        (xx, xy), (_, yy) = np.cov(x, y)
        ratio = x.mean() / y.mean()
        add("covarianceMatrix", [list(x), list(y)], xx, yy, xy)
        add("ratioOf", [list(x), list(y)], ratio, (xx - 2 * ratio * xy + ratio**2 * yy) / (size * y.mean() ** 2))
        add("linearisedRatio", [list(x), list(y), 7.5, 2.25], ratio + (7.5 - ratio * 2.25) / y.mean())
    for sizes in ((5, 9), (40, 12)):
        groups = [np.round(np.column_stack(correlated(rng, size)), 6) for size in sizes]
        centred = np.vstack([group - group.mean(axis=0) for group in groups])
        theta = (centred[:, 0] @ centred[:, 1]) / (centred[:, 0] @ centred[:, 0])
        explained = np.corrcoef(centred.T)[0, 1] ** 2
        first = groups[0]
        adjusted = first[:, 1] - theta * (first[:, 0] - 0.3)
        add("regressionAdjustment", [[group.tolist() for group in groups], 0.3], theta, adjusted.mean(), adjusted.var(ddof=1), explained)
    for centre in (0.0, 3.0):
        control, candidate = clusters(rng, 14, 3.0), clusters(rng, 9, 3.4)
        means = [delta_method(units) for units in (control, candidate)]
        singles = np.concatenate([np.array(unit) for unit in control])
        (base, base_variance), (other, other_variance) = means
        relative_error = np.sqrt(other_variance + (other / base) ** 2 * base_variance) / abs(base)
        add("clusterMean", [centre, control], base, base_variance, base_variance / (singles.var(ddof=1) / len(singles)))
        add("compareClusters", [centre, control, candidate], other - base, np.sqrt(base_variance + other_variance), other / base - 1, relative_error)
    for shift in (0.0, 0.5):
        a, b = np.round(rng.normal(size=(8, 3)), 6), np.round(rng.normal(shift, size=(6, 3)), 6)
        within = [np.mean([u @ v for i, u in enumerate(set_) for j, v in enumerate(set_) if i != j]) for set_ in (a, b)]
        between = np.mean([u @ v for u in a for v in b])
        add("embeddingMeans", [a.tolist(), b.tolist()], *a.mean(axis=0), np.trace(np.cov(a.T)), within[0], within[0] + within[1] - 2 * between)
    return values


def correlated(rng, size: int):
    x = rng.normal(size=size)
    return x, 0.8 * x + rng.normal(size=size) + 1


def clusters(rng, units: int, mean: float) -> list[list[float]]:
    return [list(np.round(rng.normal(mean, 1, size=rng.integers(1, 5)) + rng.normal(), 6)) for _ in range(units)]


def delta_method(units: list[list[float]]) -> tuple[float, float]:
    sums = np.array([sum(unit) for unit in units])
    counts = np.array([len(unit) for unit in units], dtype=float)
    ratio = sums.sum() / counts.sum()
    # The variance of the ratio is that of its residuals.
    return ratio, np.var(sums - ratio * counts, ddof=1) / (len(units) * counts.mean() ** 2)
