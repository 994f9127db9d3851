"""Golden values of comparisons of embeddings: whole kernel matrices with NumPy, the jackknife by leaving every embedding out in turn."""

import numpy as np
from scipy import stats
from scipy.spatial import distance


def golden() -> list[dict]:
    values: list[dict] = []

    def add(function: str, source: str, arguments: list, value: list) -> None:
        values.append({"function": function, "arguments": arguments, "value": value, "source": source})

    for x, y in samples():
        bandwidths = [round(float(sigma), 6) for sigma in bandwidths_of(np.vstack([x, y]))]
        add("bandwidthsOf", "scipy", [x], list(bandwidths_of(x)))
        for given in (bandwidths, bandwidths[:1]):
            estimate, error = unbiased_mmd(x, y, given), jackknife_error(x, y, given)
            half_width = stats.norm.isf(0.05) * error
            add("unbiasedMmd", "numpy", [x, y, given, 0.1], [estimate, error, estimate - half_width, estimate + half_width])
        add("biasedMmd", "numpy", [x, y, bandwidths], [biased_mmd(x, y, bandwidths)])
        add("cmmd", "numpy", [x, y], [1000 * biased_mmd(unit(x), unit(y), [10])])
        add("crossMmd", "numpy", [x, y, bandwidths], cross_mmd(x, y, bandwidths))
        for sample in (x, y):
            add("diversity", "numpy", [sample], [vendi_score(sample), mean_pairwise_cosine(sample)])

    rng = np.random.default_rng(62)
    for size in (1, 2, 7, 12):
        half = np.round(rng.normal(size=(size, size)), 6)
        matrix = half + half.T
        add("symmetricEigenvalues", "numpy", [matrix], list(np.linalg.eigvalsh(matrix)[::-1]))
    # Of rank 1: all but one are 0.
    add("symmetricEigenvalues", "numpy", [np.ones((4, 4))], list(np.linalg.eigvalsh(np.ones((4, 4)))[::-1]))
    return values


def kernel(a: np.ndarray, b: np.ndarray, bandwidths: list[float]) -> np.ndarray:
    squares = distance.cdist(a, b, "sqeuclidean")
    return np.mean([np.exp(-squares / (2 * sigma**2)) for sigma in bandwidths], axis=0)


def unbiased_mmd(x: np.ndarray, y: np.ndarray, bandwidths: list[float]) -> float:
    def within(sample: np.ndarray) -> float:
        similarity = kernel(sample, sample, bandwidths)
        return similarity[~np.eye(len(sample), dtype=bool)].mean()

    return within(x) + within(y) - 2 * kernel(x, y, bandwidths).mean()


def biased_mmd(x: np.ndarray, y: np.ndarray, bandwidths: list[float]) -> float:
    # Of 1 − k instead of k: differences of numbers close to 1 would cost digits.
    def distance_of(a: np.ndarray, b: np.ndarray) -> float:
        squares = distance.cdist(a, b, "sqeuclidean")
        return np.mean([-np.expm1(-squares / (2 * sigma**2)) for sigma in bandwidths])

    return 2 * distance_of(x, y) - distance_of(x, x) - distance_of(y, y)


def jackknife_error(x: np.ndarray, y: np.ndarray, bandwidths: list[float]) -> float:
    def part(values: list[float]) -> float:
        return (len(values) - 1) * np.var(values)

    without_x = [unbiased_mmd(np.delete(x, i, axis=0), y, bandwidths) for i in range(len(x))]
    without_y = [unbiased_mmd(x, np.delete(y, i, axis=0), bandwidths) for i in range(len(y))]
    return float(np.sqrt(part(without_x) + part(without_y)))


def cross_mmd(x: np.ndarray, y: np.ndarray, bandwidths: list[float]) -> list[float]:
    (x1, x2), (y1, y2) = ((sample[: len(sample) // 2], sample[len(sample) // 2 :]) for sample in (x, y))
    of_x, of_y = (kernel(half, x2, bandwidths).mean(axis=1) - kernel(half, y2, bandwidths).mean(axis=1) for half in (x1, y1))
    estimate = of_x.mean() - of_y.mean()
    return [estimate, estimate / np.sqrt(of_x.var() / len(of_x) + of_y.var() / len(of_y))]


def bandwidths_of(sample: np.ndarray) -> np.ndarray:
    return np.median(distance.pdist(sample)) * np.array([0.25, 0.5, 1, 2, 4])


def vendi_score(sample: np.ndarray) -> float:
    eigenvalues = np.linalg.eigvalsh(cosines(sample) / len(sample))
    return float(np.exp(stats.entropy(np.maximum(eigenvalues, 0))))


def mean_pairwise_cosine(sample: np.ndarray) -> float:
    return float(cosines(sample)[np.triu_indices(len(sample), 1)].mean())


def cosines(sample: np.ndarray) -> np.ndarray:
    return unit(sample) @ unit(sample).T


def unit(sample: np.ndarray) -> np.ndarray:
    return sample / np.linalg.norm(sample, axis=1, keepdims=True)


def samples() -> list[tuple[np.ndarray, np.ndarray]]:
    """Equal laws, a shift with unequal sizes, another spread around the same mean, more dimensions than pictures."""
    rng = np.random.default_rng(61)

    def normal(n: int, dimensions: int, mean: float = 0, sd: float = 1) -> np.ndarray:
        return np.round(rng.normal(mean, sd, (n, dimensions)), 6)

    return [
        (normal(12, 4), normal(12, 4)),
        (normal(9, 3, 1), normal(20, 3, 1.8)),
        (normal(15, 2, 3), normal(11, 2, 3, 2.5)),
        (normal(5, 16, 0.2), normal(6, 16, 0.2)),
    ]
