"""Golden values of boundaries. Mixtures are integrated over their mixing law by mpmath, where ours use closed forms; the rest from the papers' formulas."""

import mpmath as mp
import numpy as np
from scipy import optimize


def golden() -> list[dict]:
    mp.mp.dps = 30
    values: list[dict] = []

    def add(function: str, arguments: list, *value) -> None:
        values.append({"function": function, "arguments": arguments, "value": [mp.mpf(number) for number in value], "source": "mpmath"})

    for scale in (0.5, 2.0):
        for s, v in ((0.0, 5.0), (4.0, 10.0), (12.0, 10.0), (30.0, 200.0), (-3.0, 20.0), (-60.0, 20.0)):
            arguments = [scale, 40.0, 0.05, s, v]
            add("gammaExponentialMixture", arguments, gamma_exponential(*arguments))
            # Ours is no number of use where the sum is below −v/c − c·precision: no boundary is there.
            if s > -v:
                add("gammaPoissonMixture", arguments, gamma_poisson(*arguments))
    for g, h in ((0.3, 0.7), (0.05, 0.95)):
        for s, n in ((0.0, 30), (6.0, 50), (-2.0, 50), (20.0, 400)):
            arguments = [g, h, 60.0, 0.05, s, g * h * n]
            add("betaBinomialMixture", arguments, beta_binomial(*arguments))
    for p, n in ((0.5, 100), (0.95, 1000), (0.05, 1000), (0.9, 12)):
        add("doubleStitchingBound", [p, n, 0.05, 32], double_stitching(p, n, 0.05, 32))
    for n in (1, 40, 5000):
        add("closedDkwRadius", [n, 0.05], min(1, 0.85 * mp.sqrt((mp.log(mp.log(mp.e * n)) + 0.8 * mp.log(mp.mpf(1612) / mp.mpf(0.05))) / n)))
    for n in (50, 2000):
        add("timeUniformDkwRadius", [n, 0.05, 10], min(1, dkw_radius(n, 0.05, 10)))
    for t, n, coefficients, g in ((0.0, 30, 2, 5.0), (2.5, 30, 2, 5.0), (-4.0, 200, 5, 80.0), (3.1, 4000, 2, 100.0)):
        nu, r, square = n - coefficients, mp.mpf(g) / (g + n), mp.mpf(t) ** 2
        add("lnELinearModel", [t, n, coefficients, g], mp.log(r) / 2 - mp.mpf(nu + 1) / 2 * (mp.log(1 + r * square / nu) - mp.log(1 + square / nu)))
    for n, coefficients, g in ((60, 2, 20.0), (800, 4, 100.0)):
        nu, r = n - coefficients, mp.mpf(g) / (g + n)
        ln_e = lambda t: mp.log(r) / 2 - mp.mpf(nu + 1) / 2 * (mp.log(1 + r * t**2 / nu) - mp.log(1 + t**2 / nu))
        radius = mp.findroot(lambda t: ln_e(t) - mp.log(20), (1, 12), solver="anderson", tol=1e-25)
        add("linearModelRadius", [n, coefficients, g, 0.05], radius)
        add("linearModelInterval", [0.4, 0.02, n, coefficients, g, 0.05], mp.mpf(0.4) - mp.mpf(0.02) * radius, mp.mpf(0.4) + mp.mpf(0.02) * radius)
        add("linearModelRadiusLargeSample", [n, g, 0.05], mp.sqrt((n + mp.mpf(g)) / n * mp.log((n + mp.mpf(g)) / (g * mp.mpf(0.05) ** 2))))
    for a, b, phi in ((10, 10, 50.0), (80, 30, 50.0), (0, 7, 4.0)):
        common = mp.mpf(a + b) / 2
        add("lnEEqualIntensities", [a, b, phi], gamma_ratio(a, common, phi) + gamma_ratio(b, common, phi))
    for count, phi in ((25, 30.0), (400, 100.0)):
        outside = lambda expected: gamma_ratio(count, expected, phi) - mp.log(20)
        low = mp.findroot(outside, (count * 0.2, count * 0.98), solver="anderson", tol=1e-20)
        high = mp.findroot(outside, (count * 1.02, count * 3), solver="anderson", tol=1e-20)
        add("expectedCountInterval", [count, phi, 0.05], low, high)
    for n, coefficients in ((500, 2), (2000, 6)):
        nu = n - coefficients
        growth = lambda r: mp.exp(-(2 * mp.log(mp.mpf(0.05)) + mp.log(r)) / (nu + 1))
        radius = lambda r: mp.sqrt(nu * (growth(r) - 1) / (1 - r * growth(r)))
        r = mp.findroot(lambda r: mp.diff(radius, r), (0.001, 0.1), solver="anderson", tol=1e-18)
        add("tightestPriorWeight", [n, coefficients, 0.05], n * r / (1 - r))
    for alpha, t, variance in ((0.05, 1, 0.25), (0.01, 90, 0.04)):
        add("predictablePlugInBet", [alpha, t, variance], mp.sqrt(2 * mp.log(1 / mp.mpf(alpha)) / (mp.mpf(variance) * t * mp.log(1 + t))))
    for difference, error, n, margin in ((0.01, 0.02, 4000, 0.1), (-0.3, 0.05, 900, 0.1)):
        square = n / precision(5000, 2 * mp.mpf(0.05))
        width = error * mp.sqrt(2 * (square + 1) / square * mp.log(1 + mp.sqrt(square + 1) / mp.mpf("0.1")))
        add("asymptoticNonInferiority", [difference, error, n, margin, 0.05], difference - width, difference + width)
    rng = np.random.default_rng(83)
    for share, effect in ((0.5, 0.2), (0.2, -0.1)):
        arms = [int(arm) for arm in rng.random(80) < share]
        outcomes = [float(value) for value in np.round(np.clip(2 + effect * np.array(arms) + rng.normal(size=80) / 3, 0, 4), 6)]
        add("averageEffect", [0.0, 4.0, share, arms, outcomes], *average_effect(0.0, 4.0, share, arms, outcomes))
    return values


def average_effect(lo, hi, share, arms, outcomes) -> list:
    """Augmented inverse-propensity values with the arms' past means as predictions (Howard et al. 2021, Corollary 2); ln E at α = .1."""
    y = [(mp.mpf(outcome) - lo) / (hi - lo) for outcome in outcomes]
    total, time = mp.mpf(0), mp.mpf(0)
    for i, arm in enumerate(arms):
        past = [[y[j] for j in range(i) if arms[j] == of] for of in (0, 1)]
        means = [sum(values) / max(1, len(values)) if i > 0 else mp.mpf(1) / 2 for values in past]
        residual = (y[i] - means[1]) / mp.mpf(share) if arm else -(y[i] - means[0]) / (1 - mp.mpf(share))
        total, time = total + means[1] - means[0] + residual, time + residual**2
    return [(hi - lo) * total / len(y), gamma_exponential(2 / mp.mpf(min(share, 1 - share)), 50.0, 0.05, total, time)]


def precision(at: float, alpha) -> mp.mpf:
    """Where a mixture is tightest, by the closed approximation."""
    inverse = -2 * mp.log(mp.mpf(alpha))
    return mp.mpf(at) / (inverse + mp.log(1 + inverse))


def gamma_exponential(c, at, alpha, s, v):
    """Mixed over λ in (0, 1/c): λ = (1 − x)/c with x of a gamma law cut at 1 (Howard et al. 2021, proof of Prop. 9)."""
    c, s, v = mp.mpf(c), mp.mpf(s), mp.mpf(v)
    shape = precision(at, 2 * mp.mpf(alpha)) / c**2

    def mixed(power, exponent):
        if power > 1:
            return mp.quad(lambda x: mp.exp((power - 1) * mp.log(x) + exponent(x)), mp.linspace(0, 1, 21))
        # Over u = x^power, which takes the singularity at 0 away.
        return mp.quad(lambda u: mp.exp(exponent(u ** (1 / power))), [0, 0.25, 0.5, 0.75, 1]) / power

    top = mixed(shape + v / c**2, lambda x: (1 - x) * (s / c + v / c**2) - shape * x)
    return mp.log(top / mixed(shape, lambda x: -shape * x))


def gamma_poisson(c, at, alpha, s, v):
    """Mixed over λ > 0: e^(cλ) of a gamma law cut below 1 (ibid., Prop. 10)."""
    c, s, v = mp.mpf(c), mp.mpf(s), mp.mpf(v)
    shape = precision(at, 2 * mp.mpf(alpha)) / c**2
    weight = lambda x: mp.exp((shape - 1) * mp.log(x) - shape * x)
    psi = lambda x: (x - 1 - mp.log(x)) / c**2
    points = [1, 1.1, 1.3, 1.6, 2, 3, 5, 10, 40]
    top = mp.quad(lambda x: weight(x) * mp.exp(mp.log(x) / c * s - v * psi(x)), points)
    return mp.log(top / mp.quad(weight, points))


def beta_binomial(g, h, at, alpha, s, v):
    """Mixed over the probability of a step up by h, whose beta law has mean g/(g + h)."""
    g, h, s, v = (mp.mpf(number) for number in (g, h, s, v))
    r = max(precision(at, alpha) - g * h, g * h / 1000)
    a, b = r / (h * (g + h)), r / (g * (g + h))
    up, down = (v + h * s) / (h * (g + h)), (v - g * s) / (g * (g + h))
    null = up * mp.log(g / (g + h)) + down * mp.log(h / (g + h))
    weight = lambda p: p ** (a - 1) * (1 - p) ** (b - 1)
    points = [0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1]
    top = mp.quad(lambda p: weight(p) * mp.exp(up * mp.log(p) + down * mp.log(1 - p) - null), points)
    return mp.log(top / mp.beta(a, b))


def gamma_ratio(count, expected, phi):
    """Likelihood ratio of θ·expected to expected events, mixed over θ ~ Gamma(φ, φ)."""
    phi, expected = mp.mpf(phi), mp.mpf(expected)
    density = lambda x: phi**phi / mp.gamma(phi) * x ** (phi - 1) * mp.exp(-phi * x)
    return mp.log(mp.quad(lambda x: density(x) * x**count * mp.exp(-(x - 1) * expected), [0, 0.3, 0.6, 0.8, 1, 1.2, 1.5, 2, 3, 6, 20]))


def double_stitching(p, n, alpha, start, delta=0.5, s=1.4, eta=2):
    """Howard & Ramdas 2022, Theorem 3, eqs. 16 to 19."""
    p, t, m, delta, s, eta = (mp.mpf(number) for number in (p, max(n, start), start, delta, s, eta))
    logit = mp.log(p / (1 - p))
    up = logit + 2 * delta * mp.sqrt(eta * m / t)
    q = p if p >= 0.5 else min(mp.mpf(1) / 2, mp.exp(up) / (1 + mp.exp(up)))
    r = q * (1 - q)
    j = 1 + mp.sqrt(t / m) * abs(logit) / (2 * delta)
    zeta = mp.zeta(s)
    level = s * mp.log(mp.log(eta * t / m)) + s * mp.log(j) + mp.log(2 * zeta * (2 * zeta + 1) / (mp.mpf(alpha) * mp.log(eta) ** s))
    k1 = (eta ** mp.mpf("0.25") + eta ** mp.mpf("-0.25")) / mp.sqrt(2)
    k2 = (mp.sqrt(eta) + 1) / 2
    c = (1 - 2 * p) / 3
    return delta * mp.sqrt(eta * t * r / m) + mp.sqrt(k1**2 * r * t * level + k2**2 * c**2 * level**2) + c * k2 * level


def dkw_radius(n, alpha, start, leading=0.85):
    """A √((ln(1 + ln(n/start)) + C)/n), C the smallest that keeps the error rate (Theorem 2)."""

    def rate(eta: float, c: float) -> float:
        gamma = float(mp.sqrt(2 / mp.mpf(eta)) * (leading - mp.sqrt(2 * (mp.mpf(eta) - 1) / c)))
        return 1e9 if gamma <= 1 else float(4 * mp.exp(-(gamma**2) * c) * (1 + 1 / ((gamma**2 - 1) * mp.log(eta))))

    def least(c: float) -> float:
        grid = [1 + mp.mpf(10) ** (-k / mp.mpf(20)) for k in range(10, 120)]
        best = min(grid, key=lambda eta: rate(eta, c))
        found = optimize.minimize_scalar(lambda x: rate(1 + float(mp.exp(x)), c), bracket=(float(mp.log(best - 1)) - 0.2, float(mp.log(best - 1)), float(mp.log(best - 1)) + 0.1), tol=1e-12)
        return found.fun

    c = optimize.brentq(lambda c: least(c) - alpha, 4, 40, xtol=1e-12)
    return leading * mp.sqrt((mp.log(1 + mp.log(mp.mpf(n) / start)) + c) / n)
