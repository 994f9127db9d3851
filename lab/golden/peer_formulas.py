"""Golden values of other systems' formulas: tests from SciPy and statsmodels, sequences from the documented formulas in mpmath, where
they are published as formulas and not as code (gbstats is in peers.py)."""

import mpmath as mp
import numpy as np
from scipy import stats
from statsmodels.stats import proportion


def golden() -> list[dict]:
    mp.mp.dps = 40
    values: list[dict] = []

    def add(function: str, source: str, arguments: list, *value) -> None:
        values.append({"function": function, "arguments": arguments, "value": [float(number) for number in value], "source": source})

    for units, weights in (([510, 490], [0.5, 0.5]), ([10, 80, 5], [0.1, 0.8, 0.1]), ([9000, 1200], [9, 1])):
        expected = np.sum(units) * np.array(weights) / np.sum(weights)
        test = stats.chisquare(units, expected)
        add("sampleRatioTest", "scipy", [units, weights], test.statistic, test.pvalue)
    for alpha, tuning in ((0.05, 5000), (0.01, 300)):
        rho = lambda a: mp.sqrt((-2 * mp.log(mp.mpf(a)) + mp.log(1 - 2 * mp.log(mp.mpf(a)))) / tuning)
        add("sequentialRho", "mpmath", [alpha, tuning], rho(alpha))
        for error, n, z in ((0.02, 400, 2.5), (0.3, 90000, -4.0), (0.01, 10, 0.7)):
            square = n * rho(alpha) ** 2
            ln_e = square * mp.mpf(z) ** 2 / (2 * (square + 1)) - mp.log(square + 1) / 2
            add("sequentialHalfWidth", "mpmath", [error, n, alpha, tuning], mp.mpf(error) * mp.sqrt(2 * (square + 1) / square * mp.log(mp.sqrt(square + 1) / mp.mpf(alpha))))
            add("sequentialLnE", "mpmath", [z, n, alpha, tuning], ln_e)
            add("sequentialP", "mpmath", [z, n, alpha, tuning], min(1, mp.exp(-ln_e)))
            one_sided = n * rho(2 * mp.mpf(alpha)) ** 2
            width = lambda a: mp.sqrt(2 * (one_sided + 1) / one_sided * mp.log(1 + mp.sqrt(one_sided + 1) / (2 * a)))
            add("oneSidedSequentialHalfWidth", "mpmath", [error, n, alpha, tuning], mp.mpf(error) * width(mp.mpf(alpha)))
            # The level whose interval just reaches 0, for a ρ that stays.
            at = mp.findroot(lambda ln_a: width(mp.exp(ln_a)) - z, -2) if z > 1 else None
            add("oneSidedSequentialP", "mpmath", [z, n, alpha, tuning], 1 if at is None else min(1, mp.exp(at)))
    for n, alpha, tuning in ((200, 0.05, 10000), (50000, 0.1, 2000)):
        inverse = -2 * mp.log(mp.mpf(alpha))
        rho = tuning / (mp.log(1 + inverse) + inverse)
        add("eppoRho", "mpmath", [alpha, tuning], rho)
        add("eppoMultiplier", "mpmath", [n, alpha, tuning], mp.sqrt((n + rho) / n * mp.log((n + rho) / (rho * mp.mpf(alpha) ** 2))))
    for treatment, control, alpha in (([4.0, 300], [3.0, 900], 0.05), ([0.2, 50], [0.25, 50], 0.01)):
        variance = mp.mpf(treatment[0]) / treatment[1] + mp.mpf(control[0]) / control[1]
        z = mp.sqrt(2) * mp.erfinv(1 - mp.mpf(alpha))
        tau = z**2 * (mp.mpf(treatment[0]) + mp.mpf(control[0])) / (treatment[1] + control[1])
        add("statsigCritical", "mpmath", [treatment, control, alpha], variance, tau, mp.sqrt((variance + tau) / tau * (-2 * mp.log(mp.mpf(alpha) / 2) - mp.log(variance / (variance + tau)))))
    for control, treatment in (([30, 400], [45, 410]), ([2, 50], [9, 70])):
        rates = [successes / trials for successes, trials in (control, treatment)]
        error = np.sqrt(sum(rate * (1 - rate) / trials for rate, (_, trials) in zip(rates, (control, treatment))))
        difference = rates[1] - rates[0]
        low, high = difference - stats.norm.isf(0.025) * error, difference + stats.norm.isf(0.025) * error
        table = np.array([[successes, trials - successes] for successes, trials in (control, treatment)])
        add("compareProportions", "scipy", [control, treatment, "chi-square"], difference, low, high, stats.chi2_contingency(table, correction=False).pvalue)
        add("compareProportions", "scipy", [control, treatment, "z-test"], difference, low, high, 2 * stats.norm.sf(abs(difference) / error))
        assert np.isclose(proportion.proportions_ztest([control[0], treatment[0]], [control[1], treatment[1]])[1], stats.chi2_contingency(table, correction=False).pvalue)
    rng = np.random.default_rng(79)
    for sizes in ((12, 17), (60, 30)):
        x, y = (np.round(rng.normal(5, 2, size=size), 6) for size in sizes)
        test = stats.ttest_ind(y, x, equal_var=False)
        add("welchFromSums", "scipy", [sums(x), sums(y)], y.mean() - x.mean(), test.pvalue)
        pooled = np.sqrt(((len(x) - 1) * x.var(ddof=1) + (len(y) - 1) * y.var(ddof=1)) / (len(x) + len(y) - 2))
        add("cohensD", "numpy", [list(x), list(y)], (x.mean() - y.mean()) / pooled)
    for mean, deviation in ((0.02, 0.05), (-1.0, 0.4)):
        loss = lambda sign: mp.quad(lambda x: max(sign * x, 0) * mp.npdf(x, mean, deviation), [mean - 12 * deviation, 0, mean + 12 * deviation] if abs(mean) < 12 * deviation else [mean - 12 * deviation, mean + 12 * deviation])
        add("normalRisk", "mpmath", [mean, deviation], loss(1), loss(-1))
    for error, added, effect in ((0.1, 0.0, 0.15), (0.1, 3.0, 0.15), (0.05, 1.0, 0.0)):
        deviation = error / np.sqrt(1 + added)
        edge = stats.norm.isf(0.025)
        add("midExperimentPower", "scipy", [error, added, effect], stats.norm.cdf(-edge - effect / deviation) + stats.norm.sf(edge - effect / deviation))
    return values


def sums(x) -> list:
    return [len(x), float(x.sum()), float((x**2).sum())]
