"""Golden values of preference votes: SciPy's beta function and root search, and its optimiser on the Bradley-Terry likelihood."""

import numpy as np
from scipy import optimize, stats
from scipy.special import betaln, expit, logsumexp

FRACTIONS = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95])
PRIORS = {"jeffreys": 0.5, "uniform": 1}


def golden() -> list[dict]:
    values: list[dict] = []

    def add(function: str, source: str, arguments: list, value: list) -> None:
        values.append({"function": function, "arguments": arguments, "value": value, "source": source})

    for wins, losses in ((1, 0), (0, 7), (12, 9), (60, 31), (140, 160), (3, 200), (5_100, 4_900)):
        for prior, a in PRIORS.items():
            add("lnEPreference", "scipy", [wins, losses, prior], [ln_mixture(wins, losses, a) + (wins + losses) * np.log(2)])
            for alpha in (0.05, 1e-4):
                add("winRateInterval", "scipy", [wins, losses, alpha, prior], interval(wins, losses, a, alpha))
        for margin in (0, 0.05, 0.3):
            value = [one_sided(wins, losses, 0.5 - margin), one_sided(losses, wins, 0.5 + margin)]
            add("preference at a margin", "numpy", [wins, losses, margin], value)
        add("fixedSignTestP", "scipy", [wins, losses], [stats.binomtest(wins, wins + losses).pvalue])

    for wins in tournaments():
        for ridge in (0, 0.1, 2):
            if ridge > 0 or np.all(wins + np.eye(len(wins)) > 0):
                add("bradleyTerry", "scipy", [wins, ridge], bradley_terry(wins, ridge))
    return values


def ln_mixture(wins: int, losses: int, a: float) -> float:
    return betaln(a + wins, a + losses) - betaln(a, a)


def interval(wins: int, losses: int, a: float, alpha: float) -> list[float]:
    """Where the likelihood of the rate falls to α times the mixture's; 0 and 1 where votes of one kind are missing."""

    def room(rate: float) -> float:
        return wins * np.log(rate) + losses * np.log1p(-rate) - ln_mixture(wins, losses, a) - np.log(alpha)

    top = np.clip(wins / (wins + losses), 1e-12, 1 - 1e-12)
    return [
        0.0 if wins == 0 else optimize.brentq(room, 1e-300, top, xtol=1e-16, rtol=1e-14),
        1.0 if losses == 0 else optimize.brentq(room, top, 1 - 1e-16, xtol=1e-16, rtol=1e-14),
    ]


def one_sided(wins: int, losses: int, boundary: float) -> float:
    """ln of the mean likelihood ratio of the rates between the boundary and 1 to the boundary."""
    rates = boundary + FRACTIONS * (1 - boundary)
    ratios = stats.binom.logpmf(wins, wins + losses, rates) - stats.binom.logpmf(wins, wins + losses, boundary)
    return float(logsumexp(ratios) - np.log(len(rates)))


def bradley_terry(wins: np.ndarray, ridge: float) -> list[float]:
    """Strengths of mean 0, their standard errors, and the likelihood without the penalty."""
    k = len(wins)
    off_diagonal = wins * (1 - np.eye(k))
    # Columns that span the vectors of mean 0, orthonormal.
    basis = np.linalg.svd(np.eye(k) - 1 / k)[0][:, : k - 1]

    def cost(s: np.ndarray) -> float:
        return np.sum(off_diagonal * np.logaddexp(0, s[None, :] - s[:, None]))

    def gradient(s: np.ndarray) -> np.ndarray:
        surprise = off_diagonal * expit(s[None, :] - s[:, None])
        return surprise.sum(axis=0) - surprise.sum(axis=1)

    def hessian(s: np.ndarray) -> np.ndarray:
        p = expit(s[None, :] - s[:, None])
        information = (off_diagonal + off_diagonal.T) * p * (1 - p)
        return np.diag(information.sum(axis=0)) - information

    fitted = optimize.minimize(
        lambda u: cost(basis @ u) + ridge / 2 * u @ u,
        np.zeros(k - 1),
        jac=lambda u: basis.T @ gradient(basis @ u) + ridge * u,
        hess=lambda u: basis.T @ hessian(basis @ u) @ basis + ridge * np.eye(k - 1),
        method="trust-exact",
        options={"gtol": 1e-10},
    )
    strengths = basis @ fitted.x
    covariance = basis @ np.linalg.inv(basis.T @ hessian(strengths) @ basis + ridge * np.eye(k - 1)) @ basis.T
    return [*strengths, *np.sqrt(np.diag(covariance)), -cost(strengths)]


def tournaments() -> list[np.ndarray]:
    """Wins of row over column: two variants, four drawn from strengths, unequal pairs, one that won everything."""
    rng = np.random.default_rng(51)
    strengths = np.array([0.0, 0.3, -0.4, 1.2])
    votes = np.array([[0, 40, 25, 60], [0, 0, 30, 20], [0, 0, 0, 55], [0, 0, 0, 0]])
    drawn = rng.binomial(votes, expit(strengths[:, None] - strengths[None, :]))
    wins = drawn + (votes - drawn).T
    return [
        np.array([[0, 31], [12, 0]]),
        wins,
        np.array([[7, 3, 1], [5, 0, 200], [1, 180, 0]]),
        np.array([[0, 9, 14], [0, 0, 6], [0, 11, 0]]),
    ]
