"""Golden values of e-processes, from their formulas with NumPy and SciPy: whole arrays instead of running products.

Arms are strings of 0 (control) and 1 (candidate), one character an observation; propensities are given as a ramp, a list of
[propensity, observations] in the order in which they came.
"""

import numpy as np
from mpmath import loggamma, mp, mpf
from scipy import optimize, stats
from scipy.special import betaln, logsumexp

TILTS = np.array([0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2])
BOTH_SIDES = np.concatenate([TILTS, -TILTS])
FAR_TILTS = np.array([1, 2, 3, 4])
FRACTIONS = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95])
FURTHEST = np.log(10_000)
LEVELS = (0.05, 0.001)


def golden() -> list[dict]:
    values: list[dict] = []

    def add(function: str, source: str, arguments: list, value: list) -> None:
        values.append({"function": function, "arguments": arguments, "value": value, "source": source})

    rng = np.random.default_rng(31)

    for ramp, ln_ratio in event_courses():
        rho = spread(ramp)
        hits = drawn(rng, rho * np.exp(ln_ratio) / (1 - rho + rho * np.exp(ln_ratio)))
        events = Events(hits, rho)
        given = [written(hits), ramp]
        for boundary in (-0.2, 0, round(float(np.log(1.5)), 6)):
            add("tilt", "scipy", [*given, boundary], [events.evidence(boundary, TILTS), events.evidence(boundary, -TILTS), events.evidence(boundary, BOTH_SIDES)])
        for every, boundary in ((4, 0), (7, round(float(np.log(1.5)), 6))):
            far = Events(hits[::every], rho[::every])
            ends = [events.evidence(boundary, TILTS), far.evidence(boundary, FAR_TILTS)]
            add("nested tails", "scipy", [*given, every, boundary], [logsumexp(ends) - np.log(2)])
        add("lnRateRatio", "scipy", given, [events.estimate()])
        for alpha in LEVELS:
            add("lnRateRatioInterval", "scipy", [*given, alpha], events.interval(alpha))
            add("lnRateRatioBound", "scipy", [*given, alpha], [events.bound(TILTS, alpha), events.bound(-TILTS, alpha)])

    for ramp, shift in (([[0.05, 60], [0.2, 60], [0.5, 60]], 0), ([[0.02, 40], [0.6, 110]], 0.8)):
        rho = spread(ramp)
        arms = drawn(rng, rho)
        scores = np.round(np.tanh(rng.normal(shift * arms, 1)), 6)
        scores[:4] = (-1, 1, 0, -1)
        looks = [1, 30, len(arms)]
        evidence = [[scored_tilt(arms[:n], rho[:n], scores[:n], tilts) for n in looks] for tilts in (TILTS, BOTH_SIDES)]
        add("scored tilt", "numpy", [written(arms), ramp, scores, looks], [*evidence[0], *evidence[1]])

    for course in value_courses(rng):
        ramp, arms, x, (lo, hi), margins, expected = course
        rho = spread(ramp)
        looks = [1, 20, 21, len(arms) // 2, len(arms)]
        value = [betting(arms[:n], rho[:n], x[:n], lo, hi, m, side, expected) for n in looks for side in (-1, 1) for m in margins]
        add("betting", "numpy", [written(arms), ramp, x, [lo, hi], margins, expected, looks], value)

    ramp, arms, x, (lo, hi), _, expected = value_courses(np.random.default_rng(32))[0]
    effects = [round(float(effect), 6) for effect in np.linspace(-0.1, 0.1, 41)]
    for alpha in (0.5, 0.05):
        add("betting interval", "numpy", [written(arms), ramp, x, [lo, hi], effects, alpha], betting_interval(arms, spread(ramp), x, lo, hi, effects, alpha))

    for n, mean, sd, largest in ((120, -0.03, 0.1, 0.25), (60, 0.004, 0.02, 0.05), (40, 1, 3, 2)):
        d = np.round(rng.normal(mean, sd, n), 6)
        margins = [-largest / 8, 0, largest / 8, largest / 2]
        looks = [1, n // 2, n]
        value = [paired_betting(d[:k], largest, m, side) for k in looks for side in (-1, 1) for m in margins]
        add("paired betting", "numpy", [d, largest, margins, looks], value)

    # The candidate spreads like control, further, much further; the last weights are those of bets for harm.
    of_following = np.random.default_rng(33)
    for ramp, candidate_sd in (([[0.5, 300]], 1), ([[0.1, 200], [0.5, 200]], 2.2), ([[0.3, 250]], 9)):
        rho = spread(ramp)
        arms = drawn(of_following, rho)
        x = np.round(of_following.normal(5 - 0.4 * arms, np.where(arms == 1, candidate_sd, 1)), 6)
        mean, sd, reach, at_most, margins, looks = 5, 0.9, 3, 3, [0, 0.25], [1, 21, len(arms) // 2, len(arms)]
        lo, hi = following_bounds(arms, x, mean, sd, reach, at_most)
        for weights in (np.full(7, 1 / 7), np.array([0.01, 0.015, 0.025, 0.06, 0.25, 0.42, 0.22])):
            value = [betting(arms[:n], rho[:n], x[:n], lo[:n], hi[:n], m, side, mean, weights) for n in looks for side in (-1, 1) for m in margins]
            add("betting, bounds that follow", "numpy", [written(arms), ramp, x, [mean, sd, reach, at_most], margins, weights, looks], value)

    for n, mean, sd, usual in ((120, -0.03, 0.02, 0.05), (90, 0.01, 0.1, 0.03)):
        d = np.round(of_following.normal(mean, sd, n), 6)
        largest, margins, looks = 0.3, [0, 0.02, 0.12], [1, n // 2, n]
        spreads = past_spread(np.clip(d, -largest, largest), usual)
        limits = [np.minimum(largest, np.maximum(2 * m, 3 * spreads)) for m in margins]
        value = [paired_betting(d[:k], limit[:k], m, side) for k in looks for side in (-1, 1) for m, limit in zip(margins, limits)]
        add("paired betting, a limit that follows", "numpy", [d, largest, usual, margins, looks], value)

    for candidate_only, control_only, both in ((0, 0, 1), (7, 0, 0), (3, 19, 40), (120, 75, 800), (2, 2, 0)):
        for boundary in (-0.4, 0, round(float(np.log(1.5)), 6), 3.2):
            counts = (candidate_only, control_only, both)
            value = [paired_tilt(counts, boundary, tilts) for tilts in (TILTS, -TILTS, FAR_TILTS, np.array([-boundary]))]
            add("paired tilt", "numpy", [candidate_only, control_only, both, boundary], value)

    for rate in (0.02, 0.3, 0.5, 0.95):
        for successes, trials in ((0, 40), (3, 3), (11, 150), (140, 300)):
            for tuning in ((5_000, 0.05), (200, 0.01)):
                add("lnEBernoulli", "scipy", [successes, trials, rate, *tuning], [bernoulli_mixture(successes, trials, rate, *tuning)])
    # So tightly tuned that the precision would turn negative: it stays a thousandth of a trial's variance.
    add("lnEBernoulli", "scipy", [7, 30, 0.3, 2, 0.05], [bernoulli_mixture(7, 30, 0.3, 2, 0.05)])

    for counts, shares in (
        ([30, 0], [0.9, 0.1]),
        ([5_020, 4_980], [0.5, 0.5]),
        ([9_400, 600], [0.95, 0.05]),
        ([812_345, 187_655], [0.81, 0.19]),
        ([700, 210, 90], [0.7, 0.2, 0.1]),
        ([0, 51, 17, 32], [0.0, 0.5, 0.25, 0.25]),
    ):
        for concentration in (10_000, 50):
            add("lnESampleRatio", "mpmath", [counts, shares, concentration], [dirichlet_multinomial(counts, shares, concentration)])

    for control, candidate, share in ((0, 3, 0.5), (40, 0, 0.01), (190, 22, 0.1), (55, 60, 0.5), (2, 31, 0.9)):
        for concentration in (100, 1_000):
            prior = (concentration * share, concentration * (1 - share))
            value = betaln(prior[0] + candidate, prior[1] + control) - betaln(*prior) - candidate * np.log(share) - control * np.log1p(-share)
            add("lnEEventCounts", "scipy", [control, candidate, share, concentration], [value])

    for n, difference, sigma, tau in ((1, 0.4, 1, 0.1), (50, -0.3, 0.5, 0.2), (10_000, 0.002, 0.035, 0.01), (300, 2, 1, 3)):
        sd = sigma * np.sqrt(2 / n)
        value = stats.norm.logpdf(difference, 0, np.hypot(sd, tau)) - stats.norm.logpdf(difference, 0, sd)
        add("lnENormalMixture", "scipy", [n, difference, sigma, tau], [value])
    return values


class Events:
    """Which variant each event hit, as a likelihood of the ln rate ratio b: Σ [bA − ln(1 − ρ + ρe^b)]."""

    def __init__(self, hits: np.ndarray, rho: np.ndarray) -> None:
        self.hits, self.rho = hits, rho

    def ln_likelihood(self, b: float) -> float:
        return float(np.sum(b * self.hits - np.log(1 - self.rho + self.rho * np.exp(b))))

    def evidence(self, boundary: float, tilts: np.ndarray) -> float:
        ratios = [self.ln_likelihood(boundary + tilt) - self.ln_likelihood(boundary) for tilt in tilts]
        return float(logsumexp(ratios) - np.log(len(tilts)))

    def estimate(self) -> float:
        def score(b: float) -> float:
            return float(np.sum(self.hits - self.rho * np.exp(b) / (1 - self.rho + self.rho * np.exp(b))))

        if score(FURTHEST) > 0:
            return FURTHEST
        return root(score, -FURTHEST, FURTHEST) if score(-FURTHEST) > 0 else -FURTHEST

    def interval(self, alpha: float) -> list[float]:
        level = self.evidence(0, BOTH_SIDES) + np.log(alpha)

        def room(b: float) -> float:
            # ln(1/α) less ln(mean_k L(β_k)/L(b)): positive inside.
            return self.ln_likelihood(b) - self.ln_likelihood(0) - level

        top = self.estimate()
        return [end if room(end) >= 0 else root(room, top, end) for end in (-FURTHEST, FURTHEST)]

    def bound(self, tilts: np.ndarray, alpha: float) -> float:
        """The end that the evidence of one side alone gives; tilts upwards give the lower one."""

        def room(b: float) -> float:
            return -np.log(alpha) - self.evidence(b, tilts)

        ends = (-FURTHEST, FURTHEST) if tilts[0] > 0 else (FURTHEST, -FURTHEST)
        if room(ends[0]) > 0:
            return ends[0]
        return root(room, *ends) if room(ends[1]) > 0 else ends[1]


def scored_tilt(arms: np.ndarray, rho: np.ndarray, scores: np.ndarray, tilts: np.ndarray) -> float:
    growth = np.outer(tilts, scores)
    return ln_mean((growth * arms - np.log(1 - rho + rho * np.exp(growth))).sum(axis=1))


def betting(arms: np.ndarray, rho: np.ndarray, x: np.ndarray, lo: float, hi: float, margin: float, side: int, expected: float, weights: np.ndarray | None = None) -> float:
    """Side −1 for harmful, 1 for non-inferior: ln mean_k Π(1 ± F_k φ/b); bounds are numbers, or one for every value."""
    drawn_at_random = (rho > 0) & (rho < 1)
    arms, rho = arms[drawn_at_random], rho[drawn_at_random]
    clipped = np.clip(x[drawn_at_random], lo, hi)
    y = clipped + margin * arms
    seen = np.arange(len(y))
    past = np.clip((np.cumsum(clipped) - clipped) / np.maximum(seen, 1), lo, hi)
    shift = margin * (np.cumsum(arms) - arms) / np.maximum(seen, 1)
    centre = np.where(seen < 20, expected, past + shift)
    phi = np.where(arms == 1, (y - centre) / rho, (centre - y) / (1 - rho))
    if side < 0:
        largest = np.maximum((hi + margin - centre) / rho, (centre - lo) / (1 - rho))
    else:
        largest = np.maximum((centre - lo - margin) / rho, (hi - centre) / (1 - rho))
    evidence = np.log1p(side * np.outer(FRACTIONS, phi / largest)).sum(axis=1)
    return ln_mean(evidence) if weights is None else float(logsumexp(evidence, b=weights))


def following_bounds(arms: np.ndarray, x: np.ndarray, mean: float, sd: float, reach: float, at_most: float) -> tuple[np.ndarray, np.ndarray]:
    """Before every value: the usual bounds, as much wider as the further-spreading variant's past is."""
    kept = np.clip(x, mean - at_most * reach * sd, mean + at_most * reach * sd)
    widest = np.array([max(spread_so_far(kept[:n][arms[:n] == arm], sd) for arm in (0, 1)) for n in range(len(x))])
    half = reach * sd * np.clip(widest / sd, 1, at_most)
    return mean - half, mean + half


def past_spread(values: np.ndarray, usual: float) -> np.ndarray:
    return np.array([spread_so_far(values[:n], usual) for n in range(len(values))])


def spread_so_far(values: np.ndarray, usual: float) -> float:
    squares = ((values - values.mean()) ** 2).sum() if len(values) else 0
    return float(np.sqrt((6 * usual**2 + squares) / (6 + len(values))))


def betting_interval(arms, rho, x, lo: float, hi: float, effects: list[float], alpha: float) -> list[float]:
    """The outermost effects up to which all those further out are rejected, α/2 on either side."""
    ends = []
    for side, furthest in ((1, lo - hi), (-1, hi - lo)):
        end = furthest
        for effect in sorted(effects, reverse=side < 0):
            if betting(arms, rho, x, lo, hi, -effect, side, (lo + hi) / 2) < np.log(2 / alpha):
                break
            end = effect
        ends.append(end)
    return ends


def paired_betting(d: np.ndarray, largest: float | np.ndarray, margin: float, side: int) -> float:
    z = np.clip(d, -largest, largest) + margin
    return ln_mean(np.log1p(side * np.outer(FRACTIONS, z / (largest - side * margin))).sum(axis=1))


def paired_tilt(counts: tuple[int, int, int], boundary: float, tilts: np.ndarray) -> float:
    """What an event is worth when it may be either side's, drawn at one half; both sides of a pair at once are worth their sum less one."""
    of_candidate = np.exp(tilts) * (1 + np.exp(boundary)) / (1 + np.exp(boundary + tilts))
    of_control = (1 + np.exp(boundary)) / (1 + np.exp(boundary + tilts))
    worth = np.log([of_candidate, of_control, of_candidate + of_control - 1])
    return ln_mean(np.array(counts) @ worth)


def bernoulli_mixture(successes: int, trials: int, rate: float, tightest_at: float, alpha: float) -> float:
    variance = rate * (1 - rate)
    twice = 2 * np.log(1 / alpha)
    r = max(tightest_at * variance / (twice + np.log(1 + twice)) - variance, variance / 1000)
    failures = trials - successes
    a, b = r / (1 - rate), r / rate
    return betaln(a + successes, b + failures) - betaln(a, b) - successes * np.log(rate) - failures * np.log(1 - rate)


def dirichlet_multinomial(counts: list[int], shares: list[float], concentration: float) -> float:
    """Of the variants that have a share, with fifty digits: logarithms of gammas of large counts cancel."""
    with mp.workdps(50):
        pairs = [(mpf(count), mpf(share)) for count, share in zip(counts, shares) if share > 0]
        k = mpf(concentration)

        def ln_beta(parts: list) -> mpf:
            return sum(loggamma(part) for part in parts) - loggamma(sum(parts))

        prior = [k * share for _, share in pairs]
        ratio = ln_beta([part + count for part, (count, _) in zip(prior, pairs)]) - ln_beta(prior)
        return float(ratio - sum(count * mp.log(share) for count, share in pairs))


def event_courses() -> list[tuple[list[list[float]], float]]:
    """Ramps, and the ln rate ratio at which events were drawn; in one of them every event is the candidate's."""
    return [
        ([[0.05, 60], [0.2, 60], [0.5, 60]], 0.0),
        ([[0.01, 40], [0.5, 40]], 0.7),
        ([[0.9, 50], [0.3, 50]], -1.0),
        ([[0.5, 30]], 40.0),
        ([[0.1, 35]], -40.0),
    ]


def value_courses(rng: np.random.Generator) -> list[tuple]:
    """Ramp, arms, values, bounds, margins and the expectation without a past: a score, rare errors, a skewed cost."""

    def course(ramp: list, of: list[np.ndarray], bounds: tuple, margins: list[float], expected: float | None = None) -> tuple:
        arms = drawn(rng, spread(ramp))
        x = np.round(np.where(arms == 1, of[1], of[0]), 6)
        return ramp, arms, x, bounds, margins, sum(bounds) / 2 if expected is None else expected

    return [
        course(
            [[0.05, 60], [0.2, 60], [0.5, 120]],
            [rng.normal(0.3, 0.05, 240), rng.normal(0.26, 0.1, 240)],
            (0.15, 0.45),
            [-0.02, 0, 0.01, 0.1],
        ),
        # Assignments that were not random lie between the others.
        course(
            [[0.3, 50], [1, 8], [0.5, 60], [0, 7], [0.9, 25]],
            [-(rng.random(150) < 0.06).astype(float), -(rng.random(150) < 0.25).astype(float)],
            (-1, 0),
            [0, 0.005, 0.2],
        ),
        course([[0.5, 100]], [-rng.lognormal(0, 1, 100), -rng.lognormal(-0.2, 1, 100)], (-6, 0), [-0.5, 0, 0.3], -1.5),
    ]


def drawn(rng: np.random.Generator, probability: np.ndarray) -> np.ndarray:
    return (rng.random(len(probability)) < probability).astype(int)


def spread(ramp: list) -> np.ndarray:
    return np.repeat([float(propensity) for propensity, _ in ramp], [count for _, count in ramp])


def written(arms: np.ndarray) -> str:
    return "".join(str(arm) for arm in arms)


def ln_mean(exponents: np.ndarray) -> float:
    return float(logsumexp(exponents) - np.log(len(exponents)))


def root(function, a: float, b: float) -> float:
    return optimize.brentq(function, a, b, xtol=1e-14, rtol=1e-14)
