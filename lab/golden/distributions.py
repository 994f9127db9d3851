"""Golden values of the distribution functions.

Computed with mpmath from power series whose terms are all positive (so that working precision is the only error), at 60 digits
and more, from the exact values of the arguments as doubles. Where SciPy has the function, its value is computed too and has to
agree: two derivations that share nothing.
"""

from math import isinf

import mpmath as mp
from scipy import special, stats

DIGITS = 60
# SciPy's own error: Boost and Cephes stay below it where the result is a normal double.
SCIPY_TOLERANCE = 1e-8
SMALLEST = 1e-290
# Up to this exponent a small tail is taken as the difference of 1 and the large one, in so many more digits.
MOST_EXPONENT = 1000


def golden() -> list[dict]:
    mp.mp.dps = DIGITS
    return [value for part in (error_function, normal, student_t, beta, gamma, f, counts, lambert) for value in part()]


def entry(function: str, arguments: list[float], value, scipy=None) -> dict:
    if scipy is not None and SMALLEST < abs(value) < 1e290 and not isinf(scipy):
        if abs(mp.mpf(float(scipy)) - value) > SCIPY_TOLERANCE * abs(value):
            raise SystemExit(f"{function}{tuple(arguments)}: {mp.nstr(value, 17)} but SciPy says {scipy!r}")
    return {"function": function, "arguments": arguments, "value": value}


def error_function() -> list[dict]:
    values = []
    for x in (-30.0, -5.5, -1.5, -0.3, -1e-9, 0.0, 1e-300, 1e-5, 0.3, 0.99, 1.4999, 1.5, 1.5001, 1.9, 2.5, 4.0, 7.5, 12.3, 20.7, 26.4):
        values.append(entry("erf", [x], mp.erf(x), special.erf(x)))
        values.append(entry("erfc", [x], mp.erfc(x), special.erfc(x)))
    for p in (5e-324, 1e-308, 1e-200, 1e-50, 1e-15, 1e-5, 0.01, 0.3, 0.4999, 0.5, 0.7, 0.999, 1.0 - 1e-14, 1.0 + 1e-12, 1.3, 1.6, 1.99, 2.0 - 1e-12):
        values.append(entry("erfcInverse", [p], normal_upper_quantile(mp.mpf(p) / 2) / mp.sqrt(2), special.erfcinv(p)))
    return values


def normal() -> list[dict]:
    values = []
    for z in (-45.0, -37.5, -20.1, -8.3, -3.0, -1.1, -1e-8, 0.0, 0.4, 1.41421, 1.6449, 2.2, 4.7, 9.99, 15.3, 27.7, 36.9, 38.3):
        values.append(entry("normalLowerTail", [z], upper_normal(-mp.mpf(z)), stats.norm.cdf(z)))
        values.append(entry("normalUpperTail", [z], upper_normal(mp.mpf(z)), stats.norm.sf(z)))
        values.append(entry("lnNormalUpperTail", [z], ln(upper_normal(mp.mpf(z)), upper_normal(-mp.mpf(z))), stats.norm.logsf(z)))
    for z in (100.0, 12345.6, 1e10):
        values.append(entry("lnNormalUpperTail", [z], mp.log(upper_normal(mp.mpf(z))), stats.norm.logsf(z)))
    for p in (5e-324, 1e-300, 1e-100, 1e-16, 1e-9, 1e-4, 0.025, 0.2, 0.25, 0.4, 0.499999, 0.51, 0.75, 0.9, 0.999, 1 - 1e-13):
        values.append(entry("normalQuantile", [p], -normal_upper_quantile(mp.mpf(p)), stats.norm.ppf(p)))
        values.append(entry("normalUpperQuantile", [p], normal_upper_quantile(mp.mpf(p)), stats.norm.isf(p)))
    return values


def student_t() -> list[dict]:
    values = []
    for df in (0.01, 0.3, 1.0, 2.5, 7.0, 19.0, 39.5, 40.0, 80.0, 333.3, 5e4, 1e7, 1e12):
        for t in (-12.0, -2.0, -1e-7, 0.0, 1e-3, 0.7, 1.7, 2.9, 6.0, 25.0, 4e5):
            if abs(t) > 1000 and df > 1000:
                continue
            lower, upper = t_tails(mp.mpf(t), mp.mpf(df))
            # SciPy's t lacks digits far out and for the largest df; the beta tails below are compared throughout.
            values.append(entry("studentTUpperTail", [t, df], upper))
            values.append(entry("studentTLowerTail", [t, df], lower))
    for df in (0.3, 1.0, 2.0, 4.4, 29.0, 40.0, 700.5, 1e6, 1e10):
        for p in (1e-200, 1e-30, 1e-6, 0.005, 0.1, 0.24, 0.26, 0.45, 0.4999999, 0.6, 0.975, 1 - 1e-10):
            t = t_upper_quantile(mp.mpf(p), mp.mpf(df))
            if abs(t) < 1e300:
                values.append(entry("studentTUpperQuantile", [p, df], t))
                values.append(entry("studentTQuantile", [p, df], -t))
    return values


def beta() -> list[dict]:
    values = []
    shapes = [
        (1e-9, 2.0), (1e-4, 1e-4), (0.01, 300.0), (0.3, 0.4), (0.5, 0.5), (0.5, 1e7), (1.0, 1.0), (1.0, 9.0), (2.5, 0.001), (3.0, 5.0),
        (7.0, 1e9), (12.0, 15.0), (20.0, 1e5), (41.0, 39.5), (40.0, 40.0), (100.0, 1e4), (800.0, 3.0), (5e3, 5e3), (1e5, 20.0),
        (2e6, 7e4), (1e8, 1e8),
    ]
    for a, b in shapes:
        mean = a / (a + b)
        spread = (mean * (1 - mean) / (a + b + 1)) ** 0.5
        for x in sorted({*(mean + k * spread for k in (-9, -1.5, 0, 2, 6)), 1e-6, 0.01, mean * 0.2, 0.4, 1 - 2**-20}):
            if 0 < x < 1:
                lower, upper = beta_tails(mp.mpf(x), 1 - mp.mpf(x), mp.mpf(a), mp.mpf(b))
                scipy = (special.betainc(a, b, x), special.betaincc(a, b, x))
                values.append(entry("betaLowerTail", [x, a, b], lower, scipy[0]))
                values.append(entry("betaUpperTail", [x, a, b], upper, scipy[1]))
                values.append(entry("lnBetaLowerTail", [x, a, b], ln(lower, upper)))
                values.append(entry("lnBetaUpperTail", [x, a, b], ln(upper, lower)))
    for a, b in ((0.2, 0.3), (0.5, 8.0), (1.0, 1.0), (3.0, 1.0), (12.5, 40.0), (400.0, 300.0), (6.0, 1e6), (1e6, 2e6)):
        for p in (1e-40, 1e-6, 0.025, 0.4, 0.5, 0.8, 0.999):
            values.append(entry("betaQuantile", [p, a, b], beta_quantile(p, a, b), special.betaincinv(a, b, p)))
    return values


def gamma() -> list[dict]:
    values = []
    for shape in (1e-9, 1e-3, 0.2, 0.5, 1.0, 3.3, 9.99, 10.0, 19.9, 20.0, 55.0, 1e3, 1.5e4, 1e6, 1e8):
        spread = shape**0.5
        for x in sorted({*(shape + k * spread for k in (-9, -1, 0, 2, 7)), 1e-5, 0.3, 1.1, shape * 0.3, shape * 0.5, shape * 2.4, 100.0}):
            if x > 0:
                lower, upper = gamma_tails(mp.mpf(x), mp.mpf(shape))
                # SciPy is 20 % off for a shape of 1e8, nine standard deviations out.
                known = shape <= 1e6
                values.append(entry("gammaLowerTail", [x, shape], lower, special.gammainc(shape, x) if known else None))
                values.append(entry("gammaUpperTail", [x, shape], upper, special.gammaincc(shape, x) if known else None))
                values.append(entry("lnGammaUpperTail", [x, shape], ln(upper, lower)))
    for df in (0.5, 1.0, 2.0, 11.0, 99.5, 1e4):
        for x in (0.01 * df, 0.6 * df, df, 1.5 * df, 5 * df):
            lower, upper = gamma_tails(mp.mpf(x) / 2, mp.mpf(df) / 2)
            values.append(entry("chiSquareLowerTail", [x, df], lower, stats.chi2.cdf(x, df)))
            values.append(entry("chiSquareUpperTail", [x, df], upper, stats.chi2.sf(x, df)))
        for p in (1e-30, 1e-5, 0.05, 0.45, 0.7, 0.9999):
            values.append(entry("chiSquareQuantile", [p, df], chi_square_quantile(p, df), stats.chi2.ppf(p, df)))
    return values


def f() -> list[dict]:
    values = []
    for df1, df2 in ((1.0, 1.0), (0.7, 12.0), (3.0, 4.0), (10.0, 1e6), (50.0, 60.5), (1e4, 2e4)):
        for x in (0.01, 0.5, 1.0, 1.4, 4.0, 50.0):
            w = mp.mpf(df1) * mp.mpf(x) / mp.mpf(df2)
            lower, upper = beta_tails(w / (1 + w), 1 / (1 + w), mp.mpf(df1) / 2, mp.mpf(df2) / 2)
            values.append(entry("fLowerTail", [x, df1, df2], lower, stats.f.cdf(x, df1, df2)))
            values.append(entry("fUpperTail", [x, df1, df2], upper, stats.f.sf(x, df1, df2)))
    return values


def counts() -> list[dict]:
    values = []
    for n, k in ((1, 1), (5, 2), (10, 0), (52, 5), (100, 50), (10**6, 3), (10**6, 499_999), (10**9, 10**8)):
        exact = mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)
        values.append(entry("lnBinomialCoefficient", [n, k], exact))
    for n, p in ((1, 0.3), (12, 0.5), (30, 0.01), (200, 0.6), (1000, 1e-4)):
        for k in sorted({0, 1, round(n * p), round(n * p) + 3, n // 2, n - 1, n}):
            if k > n:
                continue
            chance = mp.mpf(p)
            terms = [mp.binomial(n, i) * chance**i * (1 - chance) ** (n - i) for i in range(n + 1)]
            values.append(entry("binomialLowerTail", [k, n, p], mp.fsum(terms[: k + 1]), stats.binom.cdf(k, n, p)))
            values.append(entry("binomialUpperTail", [k, n, p], mp.fsum(terms[k:]), stats.binom.sf(k - 1, n, p)))
    for mean in (0.01, 1.0, 17.5, 400.0):
        for k in sorted({0, 1, 5, round(mean), round(1.3 * mean) + 4}):
            below = mp.fsum(mp.exp(-mp.mpf(mean)) * mp.mpf(mean) ** i / mp.factorial(i) for i in range(k + 1))
            at = mp.exp(-mp.mpf(mean)) * mp.mpf(mean) ** k / mp.factorial(k)
            values.append(entry("poissonLowerTail", [k, mean], below, stats.poisson.cdf(k, mean)))
            values.append(entry("poissonUpperTail", [k, mean], 1 - below + at, stats.poisson.sf(k - 1, mean)))
    return values


def lambert() -> list[dict]:
    edge = -0.36787944117144233
    xs = (edge, edge + 6e-17, edge + 1e-15, edge + 1e-10, -0.3678, -0.36, -0.3, -0.25, -0.2, -0.1, -1e-3, -1e-10, -1e-100, -1e-307)
    values = []
    for x in xs:
        exact = mp.mpf(-1) if x == edge else mp.lambertw(mp.mpf(x), -1).real
        # SciPy loses half of the digits next to the branch point.
        values.append(entry("lambertWMinusOne", [x], exact, special.lambertw(x, -1).real if x > -0.3678 else None))
    return values


def ln(tail, other):
    """ln of a tail, whose digits are in the other one where it is near 1."""
    return mp.log(tail) if tail < 0.5 else mp.log1p(-other)


def upper_normal(z):
    return mp.erfc(z / mp.sqrt(2)) / 2


def normal_upper_quantile(p):
    if p > 0.5:
        return -normal_upper_quantile(1 - p)
    if p == 0.5:
        return mp.mpf(0)
    z = mp.mpf(float(stats.norm.isf(float(max(p, mp.mpf(1e-300))))))
    if p < 1e-300:
        z = mp.sqrt(-2 * mp.log(p) - mp.log(2 * mp.pi) - mp.log(-2 * mp.log(p)))
    for _ in range(12):
        tail = upper_normal(z)
        # Newton on ln of the tail.
        z += (mp.log(tail) - mp.log(p)) * tail / mp.npdf(z)
    return z


def t_tails(t, df):
    square = t * t / df
    _, outside = beta_tails(square / (1 + square), 1 / (1 + square), mp.mpf(1) / 2, df / 2)
    return (outside / 2, 1 - outside / 2) if t < 0 else (1 - outside / 2, outside / 2)


def t_upper_quantile(p, df):
    if p > 0.5:
        return -t_upper_quantile(1 - p, df)
    nearby = float(stats.t.isf(float(p), float(df)))
    start = 2 * mp.log(nearby) - mp.log(df) if 0 < nearby < 1e300 else -mp.log(df)
    outside = lambda u: beta_tails(mp.exp(u) / (1 + mp.exp(u)), 1 / (1 + mp.exp(u)), mp.mpf(1) / 2, df / 2)
    # Newton over the log odds of t²/(df + t²), on ln of the smaller of "outside" and "inside".
    density = lambda u: mp.exp(-u * df / 2 - (1 + df) / 2 * mp.log1p(mp.exp(-u)) - ln_beta(mp.mpf(1) / 2, df / 2))
    u = solve(outside, density, (1 - 2 * p, 2 * p), start)
    return mp.sqrt(df) * mp.exp(u / 2)


def beta_quantile(p, a, b):
    p, a, b = mp.mpf(p), mp.mpf(a), mp.mpf(b)
    tails = lambda u: beta_tails(1 / (1 + mp.exp(-u)), 1 / (1 + mp.exp(u)), a, b)
    density = lambda u: mp.exp(-a * mp.log1p(mp.exp(-u)) - b * mp.log1p(mp.exp(u)) - ln_beta(a, b))
    return 1 / (1 + mp.exp(-solve(tails, density, (p, 1 - p), mp.log(a / b))))


def chi_square_quantile(p, df):
    p, shape = mp.mpf(p), mp.mpf(df) / 2
    tails = lambda u: gamma_tails(mp.exp(u), shape)
    density = lambda u: mp.exp(shape * u - mp.exp(u) - mp.loggamma(shape))
    return 2 * mp.exp(solve(tails, density, (p, 1 - p), mp.log(shape)))


def solve(tails, density, wanted, u):
    side = 0 if wanted[0] < wanted[1] else 1
    for _ in range(300):
        tail = tails(u)[side]
        step = (mp.log(wanted[side]) - mp.log(tail)) * tail / density(u)
        u += step if side == 0 else -step
        if abs(step) < mp.mpf(10) ** -30:
            return u
    raise SystemExit(f"no quantile found for tails {wanted}")


def beta_tails(x, y, a, b):
    """Both tails, from the series of the one below x where x is under the mean."""
    if b * x > a * y:
        upper, lower = beta_tails(y, x, b, a)
        return lower, upper
    if x == 0:
        return mp.mpf(0), mp.mpf(1)
    exponent = -float(a * mp.log(x * (a + b) / a) + b * mp.log(y * (a + b) / b))
    if x < 0.9 or exponent > MOST_EXPONENT:
        lower = beta_series(x, y, a, b)
        return lower, 1 - lower
    # That series is slow next to 1: the one of the large tail, with digits to spare for the small one.
    with mp.workdps(DIGITS + int(exponent / 2.3)):
        upper = beta_series(y, 1 - y, b, a)
        lower = 1 - upper
    return +lower, +upper


def beta_series(x, y, a, b):
    """DLMF 8.17.8"""
    term = total = mp.mpf(1)
    n = 0
    while term > total * mp.eps:
        term *= (a + b + n) / (a + 1 + n) * x
        total += term
        n += 1
    return mp.exp(a * mp.log(x) + b * mp.log(y) - ln_beta(a, b)) / a * total


def ln_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def gamma_tails(x, shape):
    """Both tails from the series of the lower one (DLMF 8.11.4), with digits to spare for the upper one."""
    exponent = float(x - shape - shape * mp.log(x / shape)) if x > shape else 0
    if exponent > MOST_EXPONENT:
        upper = gamma_fraction(x, shape)
        return 1 - upper, upper
    with mp.workdps(DIGITS + int(exponent / 2.3)):
        term = total = mp.mpf(1)
        n = 1
        while term > total * mp.eps:
            term *= x / (shape + n)
            total += term
            n += 1
        lower = mp.exp(shape * mp.log(x) - x - mp.loggamma(shape + 1)) * total
        upper = 1 - lower
    return +lower, +upper


def gamma_fraction(x, shape, terms=400):
    """DLMF 8.9.2 from its end, far out in the upper tail."""
    fraction = x + 1 + 2 * terms - shape
    for n in range(terms, 0, -1):
        fraction = x + 2 * n - 1 - shape - n * (n - shape) / fraction
    return mp.exp(shape * mp.log(x) - x - mp.loggamma(shape)) / fraction
