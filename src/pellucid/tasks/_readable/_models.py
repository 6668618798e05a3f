"""Who competes, and from which settings each chooses inside its training rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pellucid._core import Json
from pellucid.tasks._readable._sets import Table

Rows = NDArray[np.int64]
MANY = 5000  # training rows from which the plain network stops early
# EBM stops a bag when its held-out rows get no better. Of a few dozen rows that are all told right the loss
# falls on for up to 50,000 rounds: one fold of breast cancer was not done in 20 processor minutes
FEW, ROUNDS = 1000, 3000
INNER = 3  # folds inside the training rows, in which a setting is chosen by its log loss
GRIDS: Mapping[str, Mapping[str, Sequence[float | tuple[int, ...]]]] = {
    "logistic": {"C": (0.01, 0.1, 1.0, 10.0)},
    "tree": {"max_leaf_nodes": (4, 8, 16)},
    "mlp": {"alpha": (1e-4, 1e-1), "hidden_layer_sizes": ((64, 32), (16,))},
    "boosting": {"learning_rate": (0.03, 0.1), "max_leaf_nodes": (4, 31)},
}


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A model fitted on training rows: scores of the test rows, what a reader must read, what was chosen."""

    shares: NDArray[np.float64]
    terms: int
    counts: str
    settings: dict[str, Json]


Fit = Callable[[Table, Rows, Rows, int, bool], Made]


def missing(name: str) -> str:
    """Why a model cannot run here."""
    if name == "ebm" and importlib.util.find_spec("interpret") is None:
        return "InterpretML is not installed: pip install 'pellucid[peers]'."
    return ""


def _chosen(kind: str, model: Any, table: Table, train: Rows, seed: int, quick: bool) -> Any:
    """Fitted on the training rows with the setting of its grid that is best in folds of these rows."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [k for k in range(table.codes.shape[1]) if k not in table.texts]
    filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    coded = ColumnTransformer([("numbers", filled, numbers), ("texts", hot, list(table.texts))])
    if kind == "mlp":  # a tenth kept aside costs more than it saves where rows are few
        model.set_params(early_stopping=len(train) > MANY)
    whole = make_pipeline(coded, model)
    step = whole.steps[-1][0]
    grid = {f"{step}__{key}": list(values) for key, values in GRIDS[kind].items()}
    if quick:
        return whole.fit(table.codes[train], table.answers[train]), {}
    inner = StratifiedKFold(INNER, shuffle=True, random_state=seed)
    search = GridSearchCV(whole, grid, scoring="neg_log_loss", cv=inner, n_jobs=1)
    search.fit(table.codes[train], table.answers[train])
    best = {key.split("__")[1]: value for key, value in search.best_params_.items()}
    return search.best_estimator_, best


def _peer(kind: str, made: Callable[[int], Any], size: Callable[[Any], tuple[int, str]]) -> Fit:
    def fit(table: Table, train: Rows, test: Rows, seed: int, quick: bool) -> Made:
        model, best = _chosen(kind, made(seed), table, train, seed, quick)
        return Made(model.predict_proba(table.codes[test])[:, 1], *size(model[-1]), best)

    return fit


def _logistic(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=3000, random_state=seed)


def _tree(seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_leaf_nodes=8, random_state=seed)


def _mlp(seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier((64, 32), max_iter=200, random_state=seed)


def _boosting(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=seed)


def _leaves(model: Any) -> tuple[int, str]:
    trees = [tree for stage in model._predictors for tree in stage]
    return sum(int(tree.get_n_leaf_nodes()) for tree in trees), "leaves"


def _ebm(table: Table, train: Rows, test: Rows, seed: int, quick: bool) -> Made:
    """Its own defaults; without pairs where quick, and of small tables with a limit on rounds."""
    from interpret.glassbox import (  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
        ExplainableBoostingClassifier as Ebm,  # pyright: ignore[reportUnknownVariableType]
    )

    kinds = ["nominal" if k in table.texts else "continuous" for k in range(table.raw.shape[1])]
    given: dict[str, Json] = {"interactions": 0} if quick else {}
    if len(train) < FEW:
        given["max_rounds"] = ROUNDS
    model = cast("Any", Ebm)(feature_types=kinds, random_state=seed, n_jobs=1, **given)
    model.fit(table.raw[train], table.answers[train])
    return Made(model.predict_proba(table.raw[test])[:, 1], len(model.term_names_), "terms", given)


def _additive(table: Table, train: Rows, test: Rows, seed: int, quick: bool) -> Made:
    from pellucid.networks import Additive
    from pellucid.readable import AdditiveClassifier

    less = {"members": 2, "epochs": 30, "penalties": (0.03,), "pairs": 0} if quick else {}
    model = AdditiveClassifier(random_state=seed)
    model.set_params(**less)
    model.fit(table.raw[train], table.answers[train])
    plan = cast("Additive", model.network_).plan
    told: dict[str, Json] = {"pairs": len(plan.pairs)}
    return Made(model.predict_proba(table.raw[test])[:, 1], len(plan.parts) + len(plan.pairs), "shapes", told)


def _rules(table: Table, train: Rows, test: Rows, seed: int, quick: bool) -> Made:
    from pellucid.readable import RuleClassifier

    model = RuleClassifier(random_state=seed, max_rules=10 if quick else 20, soft=not quick)
    model.fit(table.raw[train], table.answers[train])
    count = sum(len(rule.conditions) for rule in model.rules_.rules)
    told: dict[str, Json] = {"rules": len(model.rules_)}
    return Made(model.predict_proba(table.raw[test])[:, 1], count, "conditions", told)


def _attention(table: Table, train: Rows, test: Rows, seed: int, quick: bool) -> Made:
    from pellucid.readable import AttentionClassifier

    model = AttentionClassifier(random_state=seed, epochs=30 if quick else None)
    model.fit(table.raw[train], table.answers[train])
    used = int((model.attention(table.raw[test]) > 0).any(0).sum())
    return Made(model.predict_proba(table.raw[test])[:, 1], used, "columns used", {})


def _concepts(table: Table, train: Rows, test: Rows, seed: int, quick: bool) -> Made:
    """Quartiles of numbers and levels of categories, which are computed: only the head is learned."""
    from pellucid.networks import ConceptBottleneck
    from pellucid.readable import ConceptClassifier

    model = ConceptClassifier(random_state=seed)
    model.fit(table.raw[train], table.answers[train])
    used = cast("ConceptBottleneck", model.network_).head.weight.detach().abs().amax(0) > 0
    told: dict[str, Json] = {"concepts": len(used)}
    return Made(model.predict_proba(table.raw[test])[:, 1], int(used.sum()), "concepts used", told)


def _prototypes(table: Table, train: Rows, test: Rows, seed: int, quick: bool) -> Made:
    from pellucid.readable import PrototypeClassifier

    model = PrototypeClassifier(random_state=seed, epochs=5 if quick else None)
    model.fit(table.raw[train], table.answers[train])
    return Made(model.predict_proba(table.raw[test])[:, 1], len(set(model.rows_)), "cases", {})


MODELS: Mapping[str, Fit] = {
    "logistic": _peer("logistic", _logistic, lambda m: (int(np.count_nonzero(m.coef_)), "coefficients")),
    "tree": _peer("tree", _tree, lambda m: (int(m.get_n_leaves()), "leaves")),
    "rules": _rules,
    "additive": _additive,
    "attention": _attention,
    "concepts": _concepts,
    "prototypes": _prototypes,
    "ebm": _ebm,
    "boosting": _peer("boosting", _boosting, _leaves),
    "mlp": _peer("mlp", _mlp, lambda m: (sum(w.size for w in [*m.coefs_, *m.intercepts_]), "weights")),
}
