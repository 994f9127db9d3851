"""Golden values of e-processes that a service does not use yet, and of p-values: straight from the papers' formulas with NumPy and mpmath."""

import mpmath as mp
import numpy as np


def golden() -> list[dict]:
    mp.mp.dps = 40
    values: list[dict] = []

    def add(function: str, source: str, arguments: list, *value) -> None:
        values.append({"function": function, "arguments": arguments, "value": [float(number) for number in value], "source": source})

    for ln_e in (-2.0, 0.0, 1e-3, 4.5, 700.0):
        add("anytimeP", "mpmath", [ln_e], min(mp.mpf(1), mp.exp(-mp.mpf(ln_e))))
    for candidate, control in ((10, 30), (0, 5), (1, 99), (0, 0)):
        add("pairPropensity", "numpy", [candidate, control], candidate / (candidate + control) if candidate + control else 0)
    rng = np.random.default_rng(73)
    for mean, alpha in ((0.5, 0.05), (0.3, 0.01)):
        x = np.round(rng.beta(2, 3, size=60), 6)
        add("hedged betting", "numpy", [list(x), mean, alpha], hedged(x, mean, alpha))
    for shift in (0.0, 1.0):
        control, candidate = np.round(rng.normal(size=(12, 3)), 6), np.round(rng.normal(shift, size=(12, 3)), 6)
        add("kernel betting", "numpy", [control.tolist(), candidate.tolist(), 1.5], kernel_betting(control, candidate, 1.5))
    for control, candidate in ((1, 1), (3, 2)):
        blocks = [[int(rng.binomial(control, 0.3)), int(rng.binomial(candidate, 0.7))] for _ in range(15)]
        add("safe 2x2", "mpmath", [control, candidate, blocks], safe_two_by_two(control, candidate, blocks))
    for prior, shares, batches in (([1.0, 1.0], [0.5, 0.5], [[3, 1], [10, 2]]), ([2.0, 0.5, 7.0], [0.2, 0.1, 0.7], [[0, 1, 0], [5, 9, 20], [1, 0, 4]])):
        add("sequential split", "mpmath", [prior, shares, batches], *split(prior, shares, batches))
    for covariates in (1, 3):
        count = 20 + 10 * covariates
        x = np.round(rng.normal(size=(count, covariates)) + 2, 6)
        y = np.round(x @ np.arange(1, covariates + 1) + rng.normal(size=count), 6)
        at = np.round(rng.normal(size=covariates), 6)
        centred = x - x.mean(axis=0)
        products = centred.T @ centred
        # The ridge is the covariates' own sums of squares over n.
        slopes = np.linalg.solve(products + np.diag(np.diag(products)) / count, centred.T @ (y - y.mean()))
        add("linear predictor", "numpy", [x.tolist(), list(y), list(at)], y.mean() + slopes @ (at - x.mean(axis=0)), np.std(centred @ slopes))
    for wins, losses, ties in ((7, 3, 2), (0, 4, 1), (120, 80, 50)):
        add("winRate", "numpy", [wins, losses, ties], wins / (wins + losses))
    return values


def hedged(x, mean: float, alpha: float) -> float:
    """Waudby-Smith & Ramdas 2024, eqs. 23 to 26, half of the capital on either side."""
    n = np.arange(1, len(x) + 1)
    means = (0.5 + np.cumsum(x)) / (n + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / (n + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    bets = np.sqrt(2 * np.log(2 / alpha) / (before * n * np.log(1 + n)))
    up = np.log1p(np.minimum(bets, 0.5 / mean) * (x - mean)).sum()
    down = np.log1p(-np.minimum(bets, 0.5 / (1 - mean)) * (x - mean)).sum()
    return max(up, down) - np.log(2)


def kernel_betting(control, candidate, sigma: float) -> float:
    """Shekhar & Ramdas 2024, the witness not divided by its norm, bets by the online Newton step."""
    kernel = lambda a, b: np.exp(-((a - b) ** 2).sum(axis=-1) / (2 * sigma**2))
    wealth, bet, curvature = 0.0, 0.0, 1.0
    for t in range(1, len(control)):
        witness = lambda z: kernel(candidate[:t], z).mean() - kernel(control[:t], z).mean()
        payoff = (witness(candidate[t]) - witness(control[t])) / 2
        wealth += np.log1p(bet * payoff)
        gradient = payoff / (1 + bet * payoff)
        curvature += gradient**2
        bet = min(0.5, max(0.0, bet + 2 / (2 - np.log(3)) * gradient / curvature))
    return wealth


def safe_two_by_two(control: int, candidate: int, blocks) -> mp.mpf:
    """Turner, Ly, Grünwald 2021, section 2, with beta priors of weight 0.18."""
    prior = [mp.mpf("0.18"), mp.mpf("0.18") * candidate / control]
    seen = [0, 0]
    sizes = [control, candidate]
    total = mp.mpf(0)
    for done, block in enumerate(blocks):
        rates = [(prior[i] + seen[i]) / (2 * prior[i] + done * sizes[i]) for i in (0, 1)]
        null = (control * rates[0] + candidate * rates[1]) / (control + candidate)
        for i in (0, 1):
            total += block[i] * mp.log(rates[i] / null) + (sizes[i] - block[i]) * mp.log((1 - rates[i]) / (1 - null))
            seen[i] += block[i]
    return total


def split(prior, shares, batches) -> list:
    """Dirichlet-multinomial and multinomial probabilities of every batch."""
    posterior, mixture, fixed = [mp.mpf(weight) for weight in prior], mp.mpf(0), mp.mpf(0)
    norm = lambda weights: sum(mp.loggamma(weight) for weight in weights) - mp.loggamma(sum(weights))
    for batch in batches:
        orders = mp.loggamma(sum(batch) + 1) - sum(mp.loggamma(count + 1) for count in batch)
        after = [weight + count for weight, count in zip(posterior, batch)]
        mixture += orders + norm(after) - norm(posterior)
        fixed += orders + sum(count * mp.log(mp.mpf(share)) for count, share in zip(batch, shares))
        posterior = after
    return [mixture, fixed]
