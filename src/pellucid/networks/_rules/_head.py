"""What each rule adds: a logistic regression of soft answers on the rules."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.networks._rules._directions import Signs
from pellucid.networks._rules._grid import Numbers


def head(
    held: NDArray[np.bool_], shares: Numbers, *, strength: float = 1.0, signs: Signs | None = None
) -> tuple[Numbers, Numbers]:
    """Weights ``[K, R]`` and bias ``[K]`` of a logistic regression of the shares on the rules (L2).

    With ``signs`` (of two classes) weights are the best of those that have them.
    """
    from sklearn.linear_model import LogisticRegression

    classes = shares.shape[1]
    prior = np.clip(shares.mean(0), 1e-4, 1)
    if not len(held):
        bias = np.log(prior) - (np.log(prior[0]) if classes == 2 else np.log(prior).mean())
        return np.zeros((classes, 0)), bias
    if signs is not None and signs.any():
        return _bounded(held, shares, strength, signs)
    # a share is a row once for each class, as often as the share says
    table = np.tile(held.T.astype(np.float64), (classes, 1))
    answers = np.repeat(np.arange(classes), held.shape[1])
    model = LogisticRegression(C=strength, max_iter=1000)
    model.fit(table, answers, sample_weight=shares.T.reshape(-1))
    if classes == 2:
        none = np.zeros_like(model.coef_)
        return np.concatenate([none, model.coef_]), np.concatenate([[0.0], model.intercept_])
    return np.asarray(model.coef_), np.asarray(model.intercept_)


def _bounded(
    held: NDArray[np.bool_], shares: Numbers, strength: float, signs: Signs
) -> tuple[Numbers, Numbers]:
    """The same convex loss, minimised within the bounds; a weight that its sign forbids is exactly 0."""
    from scipy.optimize import minimize
    from scipy.special import expit

    table, second = held.T.astype(np.float64), shares[:, 1]

    def loss(found: Numbers) -> tuple[float, Numbers]:
        logits = table @ found[1:] + found[0]
        error = expit(logits) - second
        value = np.logaddexp(0, logits).sum() - second @ logits + (found[1:] ** 2).sum() / (2 * strength)
        return float(value), np.concatenate([[error.sum()], error @ table + found[1:] / strength])

    ends = {1: (0.0, None), -1: (None, 0.0), 0: (None, None)}
    bounds = [(None, None), *(ends[sign] for sign in signs.tolist())]
    options = {"maxiter": 5000, "maxfun": 20000, "ftol": 1e-14, "gtol": 1e-6}
    start = np.zeros(len(bounds))
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    best = np.asarray(found.x, dtype=np.float64)
    return np.stack([np.zeros(len(signs)), best[1:]]), np.array([0.0, best[0]])
