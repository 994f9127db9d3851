"""Golden values of what other systems compute: GrowthBook's own package where it has the function, else SciPy and NumPy.

gbstats 0.8.0 is the newest on PyPI, and older than the documentation we follow. Left out, because it differs there: relative effects
with a covariate (it leaves the covariance with the baseline out), proportions with a covariate (divisor n - 1), and the upper end of
its one-sided interval for "lesser" (the half-width is taken off instead of added). Ratios with a covariate and the one-sided sequence
it does not have.
"""

from itertools import combinations

import numpy as np
from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig, GaussianPrior
from gbstats.frequentist.tests import (
    FrequentistConfig,
    OneSidedTreatmentGreaterTTest,
    OneSidedTreatmentLesserTTest,
    SequentialConfig,
    SequentialTwoSidedTTest,
    TwoSidedTTest,
)
from gbstats.models.statistics import (
    ProportionStatistic,
    QuantileStatistic,
    RatioStatistic,
    RegressionAdjustedStatistic,
    SampleMeanStatistic,
)
from scipy import integrate, optimize, stats
from scipy.special import ndtr

ALPHA = 0.05


def golden() -> list[dict]:
    values: list[dict] = []

    def add(function: str, source: str, arguments: list, value: list) -> None:
        values.append({"function": function, "arguments": arguments, "value": value, "source": source})

    rng = np.random.default_rng(20)
    for kind, build, sides in metrics(rng):
        for difference in ("absolute", "relative"):
            if kind == "cuped" and difference == "relative":
                continue
            given = [kind, *sides, difference]
            effect(add, given, build, sides, difference)
    quantiles(add)
    cuped_ratios(add, rng)
    group_sequential(add)
    rank_tests(add, rng)
    for level in (0, 12.5, 50, 98, 99.9, 100):
        data = rng.normal(size=13).round(6).tolist()
        add("percentile", "numpy", [data, level], [np.percentile(data, level)])
    return values


def effect(add, given: list, build, sides: tuple, difference: str) -> None:
    def of(test, config):
        return test(build(sides[0]), build(sides[1]), config).compute_result()

    plain = FrequentistConfig(difference_type=difference, alpha=ALPHA)
    two = of(TwoSidedTTest, plain)
    add("welch both", "gbstats", [*given, ALPHA], [two.expected, two.uplift.stddev, *two.ci, two.p_value])
    greater = of(OneSidedTreatmentGreaterTTest, plain)
    add("welch greater", "gbstats", [*given, ALPHA], [greater.ci[0], greater.p_value])
    add("welch lesser p", "gbstats", [*given, ALPHA], [of(OneSidedTreatmentLesserTTest, plain).p_value])
    for tuning in (300, 5_000):
        config = SequentialConfig(difference_type=difference, alpha=ALPHA, sequential_tuning_parameter=tuning)
        result = of(SequentialTwoSidedTTest, config)
        add("sequential both", "gbstats", [*given, ALPHA, tuning], [*result.ci, result.p_value])
    for prior in ([], [0.02, 0.04]):
        gaussian = GaussianPrior(*prior, True) if prior else GaussianPrior(proper=False)
        result = of(EffectBayesianABTest, EffectBayesianConfig(difference_type=difference, prior_effect=gaussian))
        value = [result.expected, result.uplift.stddev, *result.ci, result.chance_to_win, *result.risk]
        add("posterior", "gbstats", [*given, ALPHA, *prior], value)


def metrics(rng: np.random.Generator):
    """Kind, constructor from a list of numbers, and the two variants as such lists."""

    def mean(side):
        return SampleMeanStatistic(n=int(side[0]), sum=side[1], sum_squares=side[2])

    def ratio(side):
        n, m, mm, d, dd, md = side
        return RatioStatistic(int(n), mean([n, m, mm]), mean([n, d, dd]), md)

    def cuped(side):
        n, y, yy, x, xx, xy = side
        return RegressionAdjustedStatistic(int(n), mean([n, y, yy]), mean([n, x, xx]), xy, 0)

    def proportion(side):
        return ProportionStatistic(n=int(side[0]), sum=side[1])

    for sizes in ((40, 55), (2_000, 190)):
        control, treatment = (rng.gamma(2, 3, n) + shift for n, shift in zip(sizes, (0, 0.4)))
        yield "mean", mean, tuple([len(v), v.sum(), (v * v).sum()] for v in (control, treatment))
        yield "proportion", proportion, tuple([len(v), int((v > 7).sum())] for v in (control, treatment))
        pairs = []
        for v in (control, treatment):
            events = rng.poisson(3, len(v)) + 1.0
            m = events * v * 0.2
            pairs.append([len(v), m.sum(), (m * m).sum(), events.sum(), (events * events).sum(), (m * events).sum()])
        yield "ratio", ratio, tuple(pairs)
        pairs = []
        for v in (control, treatment):
            x = 0.7 * v + rng.normal(1, 2, len(v))
            pairs.append([len(v), v.sum(), (v * v).sum(), x.sum(), (x * x).sum(), (x * v).sum()])
        yield "cuped", cuped, tuple(pairs)


def quantiles(add) -> None:
    sides = ([1_500, 1_450, 0.9, 7.1, 6.9, 7.4], [700, 600, 0.9, 7.6, 7.2, 8.1])
    for difference in ("absolute", "relative"):
        effect(
            add,
            ["quantile", *sides, difference],
            lambda side: QuantileStatistic(int(side[0]), int(side[1]), *side[2:]),
            sides,
            difference,
        )


def cuped_ratios(add, rng: np.random.Generator) -> None:
    """Effect and standard error of a ratio with a covariate, the gradient by central differences."""
    for sizes in ((30, 25), (400, 60)):
        sides = []
        for n in sizes:
            level = rng.gamma(4, 1, n)
            d_post, d_pre = rng.poisson(4, n) + 1.0, rng.poisson(3, n) + 1.0
            m_post = d_post * level + rng.normal(0, 0.5, n)
            m_pre = d_pre * level + rng.normal(0, 0.5, n)
            sides.append(np.array([m_post, d_post, m_pre, d_pre]))
        means = np.concatenate([side.mean(axis=1) for side in sides])
        covariance = np.zeros((8, 8))
        for i, side in enumerate(sides):
            covariance[4 * i : 4 * i + 4, 4 * i : 4 * i + 4] = np.cov(side) / side.shape[1]
        for difference in ("absolute", "relative"):
            for theta in (0.0, 0.6):

                def estimate(b):
                    adjusted = (b[4] / b[5] - theta * b[6] / b[7]) - (b[0] / b[1] - theta * b[2] / b[3])
                    return adjusted if difference == "absolute" else adjusted / (b[0] / b[1])

                gradient = []
                for i in range(8):
                    step = np.zeros(8)
                    step[i] = 1e-5 * abs(means[i])
                    gradient.append((estimate(means + step) - estimate(means - step)) / (2 * step[i]))
                gradient = np.array(gradient)
                error = np.sqrt(gradient @ covariance @ gradient)
                sums = [[side.shape[1], side.sum(axis=1), side @ side.T] for side in sides]
                add("cuped ratio", "numpy", [*sums, difference, theta], [estimate(means), error])


def group_sequential(add) -> None:
    """Levels that spend alpha * t^2, by adaptive quadrature over the path's steps."""
    for counts, alpha in (([500, 1_000], 0.05), ([200, 500, 1_000], 0.05), ([300, 600, 1_000], 0.01)):
        times = np.array(counts) / counts[-1]
        edges: list[float] = []
        levels = []
        for time in times:

            def excess(edge):
                return 1 - stays_inside([*edges, edge], times, 0, 0.0) - alpha * time**2

            edges.append(optimize.brentq(excess, np.sqrt(time), 6 * np.sqrt(time), xtol=1e-10))
            levels.append(2 * stats.norm.sf(edges[-1] / np.sqrt(time)))
        add("groupSequentialLevels", "scipy", [counts, counts[-1], alpha], levels)


def stays_inside(edges: list[float], times: np.ndarray, look: int, path: float) -> float:
    """Probability that a Brownian path which is at `path` at the look before stays within the edges from this look on."""
    spread = np.sqrt(times[look] - (times[look - 1] if look > 0 else 0))
    edge = edges[look]
    if look == len(edges) - 1:
        return ndtr((edge - path) / spread) - ndtr((-edge - path) / spread)

    def density(to):
        here = np.exp(-0.5 * ((to - path) / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
        return here * stays_inside(edges, times, look + 1, to)

    return integrate.quad(density, -edge, edge, epsabs=1e-11, epsrel=1e-11)[0]


def rank_tests(add, rng: np.random.Generator) -> None:
    for x, y in (
        (rng.normal(0, 1, 9).round(1), rng.normal(0.5, 1, 7).round(1)),
        (rng.poisson(2, 30) * 1.0, rng.poisson(3, 41) * 1.0),
    ):
        test = stats.mannwhitneyu(x, y, method="asymptotic")
        z = np.sign(test.statistic - len(x) * len(y) / 2) * stats.norm.isf(test.pvalue / 2)
        add("wilcoxonDiff", "scipy", [x, y], [z])
    for x, y in (([2, 1, 3, 5], [2, 2, 4, 1, 0]), ([1, 1, 2, 6], [1, 3, 3]), ([4, 4, 7, 9, 9], [1, 4, 5, 5])):
        add("pipeCdMannWhitney exact", "counted out", [x, y], counted_out(x, y))


def counted_out(x: list, y: list) -> list[float]:
    """One-sided p-values by going through every way the values could have been dealt."""
    pooled = np.array(x + y, dtype=float)

    def u(chosen):
        mask = np.zeros(len(pooled), dtype=bool)
        mask[list(chosen)] = True
        a, b = pooled[mask][:, None], pooled[~mask][None, :]
        return (a > b).sum() + 0.5 * (a == b).sum()

    observed = u(range(len(x)))
    dealt = np.array([u(chosen) for chosen in combinations(range(len(pooled)), len(x))])
    return [observed, (dealt <= observed).mean(), (dealt >= observed).mean()]
