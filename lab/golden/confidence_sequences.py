"""Golden values of confidence sequences with NumPy and SciPy: mixtures as integrals over the tilt, ends of intervals by a root search.

Arms are strings of 0 (control) and 1 (candidate), one character an observation; propensities are given as a ramp, a list of
[propensity, observations] in the order in which they came.
"""

import numpy as np
from scipy import integrate, optimize
from scipy.special import betaln, lambertw

TIGHTEST_AT = 5_000
PREDICTION_FROM = 20


def golden() -> list[dict]:
    values: list[dict] = []

    def add(function: str, source: str, arguments: list, value: list) -> None:
        values.append({"function": function, "arguments": arguments, "value": value, "source": source})

    rng = np.random.default_rng(41)

    for alpha in (0.1, 0.05, 1e-3, 1e-6):
        for tightest_at in (5_000, 100):
            exact, approximate = exact_precision(alpha) * tightest_at, approximate_precision(alpha) * tightest_at
            add("rhoSquared", "scipy", [alpha, tightest_at], [1 / exact, 1 / approximate])
            for n, standard_error in ((1, 0.3), (150, 0.02), (40_000, 1.7)):
                # In units of one observation's standard deviation the sum has the intrinsic time n.
                unit = standard_error / np.sqrt(n)
                widths = [unit * bound(n, precision, alpha, True) for precision in (exact, approximate)]
                add("asymptoticHalfWidth", "scipy", [standard_error, n, alpha, tightest_at], widths)
                one_sided = one_sided_width(standard_error, n, alpha, 1 / (approximate_precision(2 * alpha) * tightest_at))
                add("asymptoticOneSidedHalfWidth", "scipy", [standard_error, n, alpha, tightest_at], [one_sided])

    for z, n, rho_squared in ((0.0, 10, 1e-3), (2.2, 400, 1e-3), (-4.5, 10_000, 2e-3), (6.0, 90, 5e-4)):
        add("asymptoticLnE", "scipy", [z, n, rho_squared], [ln_mixture(z * np.sqrt(n), n, 1 / rho_squared, True)])
        if z > 0:
            add("asymptoticOneSidedP", "scipy", [z, n, rho_squared], [one_sided_p(z, n, rho_squared)])

    for alpha in (0.05, 1e-4):
        for at in (1_250, 30):
            for v in (0.2, 40, 5_000):
                precisions = at / approximate_precision_divisor(alpha), at / approximate_precision_divisor(2 * alpha)
                add("normal mixture bounds", "scipy", [v, at, alpha], [bound(v, precisions[0], alpha, True), bound(v, precisions[1], alpha, False)])
                for s in (0, 3, 55.5):
                    evidence = [ln_mixture(s, v, precisions[0], True), ln_mixture(s, v, precisions[1], False)]
                    add("normal mixtures", "scipy", [s, v, at, alpha], evidence)

    for p in (0.02, 0.5, 0.95):
        for n in (10, 300, 20_000):
            for alpha, tightest_at in ((0.05, 5_000), (0.01, 200)):
                low, high = quantile_counts(p, n, alpha, tightest_at)
                add("quantileRankBounds", "scipy", [p, n, alpha, tightest_at], [n * p - low, high - n * p])
                add("quantileRanks", "scipy", [p, n, alpha, tightest_at], [int(np.floor(low + 1)), int(np.ceil(high))])

    for successes, n in ((0, 30), (30, 30), (1, 300), (60, 200), (0.7, 5), (9_900, 10_000)):
        for alpha, tuning in ((0.05, (5_000, 0.05)), (0.001, (5_000, 0.05)), (0.05, (150, 0.01))):
            add("bernoulliInterval", "scipy", [successes, n, alpha, *tuning], bernoulli_interval(successes, n, alpha, *tuning))

    for x in (rng.beta(2, 6, 120), (rng.random(90) < 0.1).astype(float), np.full(40, 0.25), rng.random(200)):
        x = np.round(x, 6)
        looks = [1, 2, len(x) // 3, len(x)]
        for alpha, largest_bet in ((0.05, 0.5), (0.3, 0.9)):
            ends = [empirical_bernstein(x[:n], alpha, largest_bet) for n in looks]
            add("empiricalBernstein", "numpy", [x, alpha, largest_bet, looks], [number for end in ends for number in end])

    for ramp, effect, sd, alpha in (
        ([[0.5, 300]], (0.0, 0.0), (1.0, 1.0), 0.05),
        # The traffic drifts from stage to stage, and the candidate's spread is twice control's.
        ([[0.1, 60], [0.3, 140], [0.6, 160]], (0.5, -0.2), (1.0, 2.0), 1e-3),
        # A stage of which one value comes after the past, one without a candidate, one that wasn't drawn.
        ([[0.3, 21], [0.001, 25], [1, 12], [0.5, 280]], (-0.1, 0.4), (0.3, 0.3), 0.05),
    ):
        rho = spread(ramp)
        stage = np.repeat(np.arange(len(ramp)), [count for _, count in ramp])
        arms = (rng.random(len(rho)) < rho).astype(int)
        x = np.round(rng.normal(effect[0] * stage + effect[1] * arms, np.where(arms == 1, sd[1], sd[0])), 6)
        add("meanDifference", "numpy", ["".join(map(str, arms)), ramp, x, alpha], mean_difference(arms, rho, x, alpha))
    return values


def exact_precision(alpha: float) -> float:
    """Per unit of the time at which the sequence is tightest: 1/(−W₋₁(−α²/e) − 1)."""
    return 1 / (-lambertw(-(alpha**2) / np.e, -1).real - 1)


def approximate_precision(alpha: float) -> float:
    return 1 / approximate_precision_divisor(alpha)


def approximate_precision_divisor(alpha: float) -> float:
    return -2 * np.log(alpha) + np.log(1 - 2 * np.log(alpha))


def ln_mixture(s: float, v: float, precision: float, two_sided: bool) -> float:
    """ln ∫ exp(λs − λ²v/2) dΠ(λ), Π normal with variance 1/precision, or its positive half."""
    top, width = s / (v + precision), 1 / np.sqrt(v + precision)

    def exponent(tilt: float) -> float:
        return tilt * s - tilt**2 * (v + precision) / 2

    # Around the top, in units of its width; the positive half starts at a tilt of 0.
    first = -14 if two_sided else max(-14, -top / width)
    area, _ = integrate.quad(lambda u: np.exp(exponent(top + u * width) - exponent(top)), first, 14, epsabs=0, epsrel=1e-13, limit=200)
    density = np.sqrt(precision / (2 * np.pi)) * (1 if two_sided else 2)
    return float(exponent(top) + np.log(area * width * density))


def bound(v: float, precision: float, alpha: float, two_sided: bool) -> float:
    def missing(s: float) -> float:
        return ln_mixture(s, v, precision, two_sided) + np.log(alpha)

    outside = 1.0
    while missing(outside) < 0:
        outside *= 2
    return root(missing, 0, outside)


def one_sided_width(standard_error: float, n: float, alpha: float, rho_squared: float) -> float:
    growth = n * rho_squared + 1
    return standard_error * np.sqrt(2 * growth / (n * rho_squared) * np.log(1 + np.sqrt(growth) / (2 * alpha)))


def one_sided_p(z: float, n: float, rho_squared: float) -> float:
    """The α at which the lower bound of an estimate z standard errors above 0 is 0, at most 1."""

    def room(ln_alpha: float) -> float:
        return one_sided_width(1, n, np.exp(ln_alpha), rho_squared) - z

    return 1.0 if room(0) > 0 else float(np.exp(root(room, -60, 0)))


def beta_binomial(count: float, n: float, rate: float, tightest_at: float, alpha: float) -> float:
    """ln E of a number of successes against their rate, by a Beta law around it."""
    variance = rate * (1 - rate)
    r = max(tightest_at * variance / approximate_precision_divisor(alpha) - variance, variance / 1000)
    a, b = r / (1 - rate), r / rate
    return betaln(a + count, b + n - count) - betaln(a, b) - count * np.log(rate) - (n - count) * np.log1p(-rate)


def quantile_counts(p: float, n: int, alpha: float, tightest_at: float) -> tuple[float, float]:
    """The smallest and the largest number of values below the quantile that is not rejected; 0 and n where all are."""

    def evidence(count: float) -> float:
        return beta_binomial(count, n, p, tightest_at, alpha) + np.log(alpha)

    return (
        0.0 if evidence(0) < 0 else root(evidence, 0, n * p),
        float(n) if evidence(n) < 0 else root(evidence, n * p, n),
    )


def bernoulli_interval(successes: float, n: int, alpha: float, tightest_at: float, tuned_alpha: float) -> list[float]:
    def evidence(rate: float) -> float:
        return beta_binomial(successes, n, rate, tightest_at, tuned_alpha) + np.log(alpha)

    # Towards a rate of 0 one success is no more than limited evidence: where that isn't enough, the end is 0.
    return [
        0.0 if successes == 0 or evidence(1e-12) < 0 else root(evidence, 1e-12, min(successes / n, 1 - 1e-9)),
        1.0 if successes == n or evidence(1 - 1e-12) < 0 else root(evidence, max(successes / n, 1e-9), 1 - 1e-12),
    ]


def empirical_bernstein(x: np.ndarray, alpha: float, largest_bet: float) -> list[float]:
    """Both ends, the upper one as the lower one of 1 − x."""

    def lower(x: np.ndarray) -> float:
        t = np.arange(1, len(x) + 1)
        regularised = (0.5 + np.cumsum(x)) / (t + 1)
        variance = (0.25 + np.cumsum((x - regularised) ** 2)) / (t + 1)
        past_variance = np.concatenate([[0.25], variance[:-1]])
        bets = np.minimum(largest_bet, np.sqrt(2 * np.log(2 / alpha) / (past_variance * t * np.log(1 + t))))
        past_mean = np.concatenate([[0.0], (np.cumsum(x) / t)[:-1]])
        cost = (x - past_mean) ** 2 @ (-np.log(1 - bets) - bets)
        return (bets @ x - np.log(2 / alpha) - cost) / bets.sum()

    return [max(0.0, lower(x)), min(1.0, 1 - lower(1 - x))]


def mean_difference(arms: np.ndarray, rho: np.ndarray, x: np.ndarray, alpha: float) -> list[float]:
    """Both means, the plain difference by stage, and the interval of the doubly robust values by stage."""
    at_random = (rho > 0) & (rho < 1)
    arms, rho, x = arms[at_random], rho[at_random], x[at_random]
    seen = np.arange(len(x))
    z = x - (np.cumsum(x) - x) / np.maximum(seen, 1)
    phi = np.where(arms == 1, z / rho, -z / (1 - rho))
    plain, robust = [], []
    for share in np.unique(rho):
        control, candidate = (x[(rho == share) & (arms == arm)] for arm in (0, 1))
        if len(control) > 0 and len(candidate) > 0:
            plain.append((1 / (1 / len(control) + 1 / len(candidate)), candidate.mean() - control.mean()))
        of_stage = phi[(rho == share) & (seen >= PREDICTION_FROM)]
        if len(of_stage) >= 2:
            robust.append((len(of_stage) * share * (1 - share), of_stage.mean(), of_stage.var(ddof=1) / len(of_stage), len(of_stage)))
    weights, differences = np.array(plain).T
    plain_difference = weights @ differences / weights.sum()
    weights, differences, variances, sizes = np.array(robust).T
    centre = weights @ differences / weights.sum()
    standard_error = np.sqrt(weights**2 @ variances) / weights.sum()
    n = sizes.sum()
    half_width = standard_error / np.sqrt(n) * bound(n, approximate_precision(alpha) * TIGHTEST_AT, alpha, True)
    shown = np.clip(plain_difference, centre - half_width, centre + half_width)
    return [x[arms == 0].mean(), x[arms == 1].mean(), shown, centre - half_width, centre + half_width]


def spread(ramp: list) -> np.ndarray:
    return np.repeat([float(propensity) for propensity, _ in ramp], [count for _, count in ramp])


def root(function, a: float, b: float) -> float:
    return optimize.brentq(function, a, b, xtol=1e-15, rtol=1e-14)
