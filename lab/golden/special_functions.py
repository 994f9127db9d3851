"""Golden values of the small functions the others are built from: gamma and beta in logarithms, sums in log space. From mpmath at 60 digits."""

import mpmath as mp


def golden() -> list[dict]:
    mp.mp.dps = 60
    values: list[dict] = []

    def add(function: str, arguments: list, *value) -> None:
        values.append({"function": function, "arguments": arguments, "value": list(value), "source": "mpmath"})

    for x in (1e-8, 0.3, 0.5, 1.0, 1.5, 2.0, 2.5, 7.25, 30.0, 170.5, 1e4, 1e6, 1e12):
        add("lnGamma", [x], mp.loggamma(mp.mpf(x)))
    for x in (10.0, 25.5, 1e3, 1e8):
        exact = mp.mpf(x)
        add("stirlingCorrection", [x], mp.loggamma(exact) - (exact - 0.5) * mp.log(exact) + exact - mp.log(2 * mp.pi) / 2)
    for x, step in ((0.4, 0.5), (12.0, 1.0), (1e3, 0.5), (1e6, 1e-9)):
        add("lnGammaStep", [x, step], mp.loggamma(mp.mpf(x) + step) - mp.loggamma(mp.mpf(x)))
    for a, b in ((0.5, 0.5), (1.0, 3.0), (0.02, 7.0), (30.0, 40.0), (1e4, 5e5), (1e6, 1e6), (2e-3, 1e7)):
        add("lnBeta", [a, b], mp.log(mp.beta(mp.mpf(a), mp.mpf(b))) if a + b < 1e3 else mp.loggamma(mp.mpf(a)) + mp.loggamma(mp.mpf(b)) - mp.loggamma(mp.mpf(a) + b))
    for terms in ([0.0], [-1.5, 2.0, 0.25], [-900.0, -901.0, -902.5], [800.0, 801.0], [5.0, -700.0]):
        total = mp.log(sum(mp.exp(mp.mpf(term)) for term in terms))
        add("logSumExp", [terms], total)
        add("logMeanExp", [terms], total - mp.log(len(terms)))
    for x in (-1e-9, -0.01, -0.5, -0.7, -1.0, -30.0):
        add("logOneMinusExp", [x], mp.log(1 - mp.exp(mp.mpf(x))))
    for x in (0.0, 0.3, 1.0, 2.0, 5.0, 20.0, 100.0):
        add("scaledErfc", [x], mp.exp(mp.mpf(x) ** 2) * mp.erfc(mp.mpf(x)))
    for u in (-0.9, -0.3, -1e-6, 1e-9, 1e-3, 0.4, 3.0, 50.0):
        add("unitDeviance", [u], mp.mpf(u) - mp.log(1 + mp.mpf(u)))
    for x in (-3.0, -0.4, 0.0, 1e-5, 0.8, 2.2, 5.0):
        add("erf", [x], mp.erf(mp.mpf(x)))
    for n, k in ((5, 2), (40, 17), (1000, 3)):
        add("lnBinomialCoefficient", [n, k], mp.log(mp.binomial(n, k)))
    return values
