"""Golden values of tests at a fixed sample size: SciPy and statsmodels, on awkward data."""

import numpy as np
from scipy import stats
from statsmodels.stats import contingency_tables, multitest, nonparametric, proportion, weightstats

ALTERNATIVES = ("two-sided", "greater", "less")
ONE_SIDED = {"two-sided": "two-sided", "greater": "larger", "less": "smaller"}


def one_sided(test, margin: float) -> list[float]:
    """Statistic, p and the lower bound at 5 % of a test that was shifted by its margin."""
    return [test.statistic, test.pvalue, test.confidence_interval(0.95).low - margin]


def golden() -> list[dict]:
    values: list[dict] = []

    def add(function: str, source: str, arguments: list, value: list) -> None:
        values.append({"function": function, "arguments": arguments, "value": value, "source": source})

    for x, y in samples():
        for alternative in ALTERNATIVES:
            test = stats.ttest_ind(x, y, equal_var=False, alternative=alternative)
            add("welchTest", "scipy", [x, y, alternative], [test.statistic, test.df, test.pvalue])
        interval = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.9)
        add("welch interval", "scipy", [x, y, 0.1], [interval.low, interval.high])
        for margin in (0.3, 2.5):
            p, lower, upper = weightstats.ttost_ind(x, y, -margin, margin, usevar="unequal")
            add("equivalenceTest", "statsmodels", [x, y, margin], [lower[0], lower[1], upper[0], upper[1], p])
            add("nonInferiorityTest", "scipy", [x, y, margin], one_sided(stats.ttest_ind(np.array(x) + margin, y, equal_var=False, alternative="greater"), margin))
        k = min(len(x), len(y))
        add("pairedNonInferiorityTest", "scipy", [x[:k], y[:k], 0.7], one_sided(stats.ttest_rel(np.array(x[:k]) + 0.7, y[:k], alternative="greater"), 0.7))
        p, lower, upper = weightstats.ttost_paired(np.array(x[:k]), np.array(y[:k]), -0.7, 0.7)
        add("pairedEquivalenceTest", "statsmodels", [x[:k], y[:k], 0.7], [lower[0], lower[1], upper[0], upper[1], p])

    for x, y in samples() + ranked_samples():
        given = [written(x), written(y)]
        for alternative in ALTERNATIVES:
            for continuity in (True, False):
                test = stats.mannwhitneyu(x, y, continuity, alternative, method="asymptotic")
                add("mannWhitneyTest asymptotic", "scipy", [*given, alternative, continuity], [test.statistic, test.pvalue])
            if len(set(x + y)) == len(x + y):
                test = stats.mannwhitneyu(x, y, alternative=alternative, method="exact")
                add("mannWhitneyTest exact", "scipy", [*given, alternative], [test.statistic, test.pvalue])
            test = stats.brunnermunzel(x, y, alternative=alternative)
            add("brunnerMunzelTest", "scipy", [*given, alternative], [test.statistic, test.pvalue])
        # Its probability is that of the first sample being the greater one.
        compared = nonparametric.rank_compare_2indep(np.array(y), np.array(x))
        low, high = compared.conf_int(alpha=0.1)
        if low > 0 and high < 1:
            add("brunnerMunzel interval", "statsmodels", [*given, 0.1], [compared.prob1, compared.df, low, high])

    for x, y in ranked_samples():
        add("midranks", "scipy", [written(x), written(y)], list(stats.rankdata(x + y)))

    for first, second in ((0, 1), (1, 0), (3, 9), (9, 3), (12, 12), (0, 40), (700, 820), (12_345, 12_001), (5, 400)):
        table = [[50, first], [second, 50]]
        add("mcnemarTest exact", "statsmodels", [first, second], [contingency_tables.mcnemar(table, exact=True).pvalue])
        # statsmodels lets the corrected difference of equal counts turn around; ours stays at 0.
        for continuity in (True, False) if first != second else (False,):
            test = contingency_tables.mcnemar(table, exact=False, correction=continuity)
            add("mcnemarTest asymptotic", "statsmodels", [first, second, continuity], [test.statistic, test.pvalue])

    for counts in (((3, 50), (9, 60)), ((0, 20), (5, 31)), ((5, 31), (31, 31)), ((120, 40_000), (61, 39_000)), ((700, 1000), (500, 1000))):
        (x1, n1), (x2, n2) = counts
        for alternative in ALTERNATIVES:
            z, p = proportion.proportions_ztest([x1, x2], [n1, n2], alternative=ONE_SIDED[alternative])
            add("twoProportionTest pooled", "statsmodels", [x1, n1, x2, n2, alternative], [z, p])
            test = proportion.test_proportions_2indep(x1, n1, x2, n2, compare="diff", method="wald", alternative=ONE_SIDED[alternative])
            add("twoProportionTest unpooled", "statsmodels", [x1, n1, x2, n2, alternative], [test.statistic, test.pvalue])
        for alpha in (0.05, 0.001):
            for ours, theirs in (("wald", "wald"), ("agresti-caffo", "agresti-caffo"), ("newcombe", "newcomb")):
                interval = proportion.confint_proportions_2indep(x1, n1, x2, n2, compare="diff", method=theirs, alpha=alpha)
                add(f"proportionDifferenceInterval {ours}", "statsmodels", [x1, n1, x2, n2, alpha], list(interval))
            if x1 > 0:
                interval = proportion.confint_proportions_2indep(x1, n1, x2, n2, compare="ratio", method="log", alpha=alpha)
                add("proportionRatioInterval log", "statsmodels", [x1, n1, x2, n2, alpha], list(interval))
                interval = proportion.confint_proportions_2indep(x1, n1, x2, n2, compare="ratio", method="score", correction=False, alpha=alpha)
                # Where all trials of an arm succeed its search may end beside the estimate.
                if interval[0] < x1 / n1 / (x2 / n2) < interval[1]:
                    add("proportionRatioInterval score", "statsmodels", [x1, n1, x2, n2, alpha], list(interval))

    for successes, trials in (([3, 9], [50, 60]), ([0, 5, 2], [20, 31, 9]), ([10, 20, 30, 400], [1000, 1000, 900, 1200]), ([7] * 5, [10] * 5)):
        statistic, p, _ = proportion.proportions_chisquare(successes, trials)
        add("proportionsChiSquareTest", "statsmodels", [successes, trials], [statistic, p])
        pairs = [(i, j) for i in range(len(trials)) for j in range(i + 1, len(trials))]
        ps = [proportion.proportions_chisquare([successes[i], successes[j]], [trials[i], trials[j]])[1] for i, j in pairs]
        if not np.isnan(ps).any() and len(set(successes)) > 1:
            add("pairwiseProportionTests", "statsmodels", [successes, trials], list(multitest.multipletests(ps, method="holm")[1]))

    for successes, trials in ((0, 12), (12, 12), (1, 3), (5, 300), (1, 100_000), (499_900, 1_000_000)):
        for alpha in (0.05, 1e-6):
            for ours, theirs in (("wilson", "wilson"), ("clopper-pearson", "beta"), ("agresti-coull", "agresti_coull"), ("wald", "normal")):
                low, high = proportion.proportion_confint(successes, trials, alpha=alpha, method=theirs)
                # Without successes the lower end is 0, and not its rounding.
                low = low if successes > 0 else 0
                # statsmodels cuts the approximations off at 0 and 1, ours says where they would end.
                if ours in ("wilson", "clopper-pearson") or 0 < low < high < 1:
                    add(f"proportionInterval {ours}", "statsmodels", [successes, trials, alpha], [low, high])
    return values


def samples() -> list[tuple[list[float], list[float]]]:
    """Finite values: unequal sizes and spreads, ties, a constant arm, a tiny p, an offset that costs digits."""
    random = np.random.default_rng(11)

    def normal(mean: float, sd: float, n: int) -> list[float]:
        return [round(float(value), 4) for value in random.normal(mean, sd, n)]

    return [
        (normal(0, 1, 3), normal(0.5, 4, 19)),
        (normal(10, 1, 40), normal(10.2, 5, 7)),
        ([1.0, 1.0, 1.0, 1.0], normal(1, 1, 9)),
        ([1.0, 2, 2, 3, 3, 3], [4.0, 3, 2, 4, 3, 4, 4, 5]),
        (normal(0, 1, 36), normal(3.2, 1, 44)),
        ([round(1e3 + value, 4) for value in normal(0, 1, 12)], [round(1e3 + value, 4) for value in normal(0.1, 1, 15)]),
    ]


def ranked_samples() -> list[tuple[list[float], list[float]]]:
    """For ranks alone: infinite values, a heavy tie, a single value that overlaps."""
    infinity = float("inf")
    return [
        ([1.0, infinity, infinity, 4], [3.0, 6, 7, 8, infinity, infinity, 2, 1, 4, 4, 5]),
        ([0.0] * 30 + [1.0] * 2, [0.0] * 25 + [1.0] * 6 + [infinity]),
        ([0.3, 0.7], [0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9, 1.0, 1.1]),
    ]


def written(values: list[float]) -> list:
    return ["inf" if value == float("inf") else value for value in values]
