"""What to learn from beside the answers: how sure a stronger, unreadable model is of each row.

A hard answer says 0 or 1 where the truth is .7; a few rules fitted to such answers spend themselves on
chance. The stronger models (logistic regression, boosted stumps and small trees) only ever judge rows that
they were not fitted to, and the network forgets them: they change which rules are found, not what rules
compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.networks._rules._grid import Numbers, log_odds, share_of
from pellucid.networks._wide import squared_correlations, telling

FOLDS, LARGE = 5, 5000
SLOTS = 256  # of wider rows stronger models read those that tell most alone, chosen anew in each fold
Answers = NDArray[np.int64]
Judge = Callable[[Numbers], Numbers]  # encoded rows to log-odds
Learner = Callable[[Numbers, Answers], Judge]


def soft_answers(x: Numbers, answers: Answers, classes: int, seed: int) -> Numbers:
    """Shares of the classes ``[N, K]``, each row judged by models that did not see it.

    The models' log-odds are added with weights of at least 0 that make these shares most likely (stacking,
    Wolpert 1992). Where a class has a single row there is nothing to judge with: the answers themselves.
    """
    from sklearn.model_selection import StratifiedKFold

    folds = min(FOLDS, int(np.bincount(answers, minlength=classes).min()))
    hard = np.eye(classes)[answers]
    if folds < 2:
        return hard
    learners = _learners(len(x), seed)
    odds = np.zeros((len(learners), *log_odds(hard).shape))
    for fitted, judged in StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, answers):
        kept = _telling(x[fitted], hard[fitted])
        for k, learn in enumerate(learners):
            odds[k, judged] = learn(x[fitted][:, kept], answers[fitted])(x[judged][:, kept])
    return share_of(_stacked(odds, hard))


def _telling(x: Numbers, hard: Numbers) -> NDArray[np.int64]:
    """The slots that go most with the classes, where there are very many; ``x`` must hold no judged row."""
    if x.shape[1] <= SLOTS:
        return np.arange(x.shape[1])
    return telling(squared_correlations(x, hard), np.full(x.shape[1], 2 * hard.shape[1]), len(x))


def _stacked(odds: Numbers, hard: Numbers) -> Numbers:
    from scipy.optimize import minimize

    even = 1 / len(odds)

    def loss(weights: Numbers) -> float:
        told = np.log(np.clip(share_of(np.tensordot(weights, odds, 1)), 1e-9, 1))
        return float(-(hard * told).sum(1).mean() + 1e-3 * ((weights - even) ** 2).sum())

    best = minimize(loss, np.full(len(odds), even), bounds=[(0.0, None)] * len(odds), method="L-BFGS-B")
    return np.tensordot(np.asarray(best.x, dtype=np.float64), odds, 1)


def _learners(rows: int, seed: int) -> Sequence[Learner]:
    if rows < LARGE:
        return (
            _linear(0.1),
            _linear(1.0),
            _boosted(2, 0.1, 150, 5, 4, seed),
            _boosted(3, 0.05, 200, 5, 4, seed),
            _boosted(8, 0.05, 150, 10, 4, seed),
        )
    return _linear(1.0), _boosted(3, 0.1, 200, 20, 1, seed), _boosted(31, 0.1, 150, 20, 1, seed)


def _linear(strength: float) -> Learner:
    def learn(x: Numbers, answers: Answers) -> Judge:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=strength, max_iter=500).fit(x, answers)
        return lambda rows: log_odds(model.predict_proba(rows))

    return learn


def _boosted(leaves: int, rate: float, trees: int, fewest: int, draws: int, seed: int) -> Learner:
    """Boosted trees, the mean over ``draws`` draws of the rows with repetition (1: the rows themselves)."""

    def learn(x: Numbers, answers: Answers) -> Judge:
        from sklearn.ensemble import HistGradientBoostingClassifier

        models: list[HistGradientBoostingClassifier] = []
        for k in range(draws):
            drawn = _drawn(answers, seed + k) if draws > 1 else np.arange(len(x))
            model = HistGradientBoostingClassifier(
                max_leaf_nodes=leaves,
                learning_rate=rate,
                max_iter=trees,
                min_samples_leaf=fewest,
                early_stopping=False,  # pyright: ignore[reportArgumentType] its stub knows texts only
                random_state=seed,
            )
            models.append(model.fit(x[drawn], answers[drawn]))
        return lambda rows: np.mean([log_odds(m.predict_proba(rows)) for m in models], axis=0)

    return learn


def _drawn(answers: Answers, seed: int) -> NDArray[np.int64]:
    """Rows with repetition, each class as often as it is."""
    chance = np.random.default_rng(seed)
    of_class = [np.flatnonzero(answers == c) for c in np.unique(answers)]
    return np.concatenate([chance.choice(rows, len(rows)) for rows in of_class])
