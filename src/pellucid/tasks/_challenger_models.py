"""The simple models themselves: what each learns from, and what a reader would have to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._core import Dataset, Subject
from pellucid.inputs import TabularSpec, TextSpec
from pellucid.networks import Additive, RuleNetwork

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LEAVES, WORDS = 8, 30  # of the tree; of naive Bayes
Fitted = tuple[Tensor, int, str]  # answers on the held-out rows, size, what the size counts


def unfit(name: str, subject: Subject, data: Dataset) -> str:
    """Why a model does not go with these data; empty where it does."""
    if name in ("additive", "rules") and not isinstance(data.spec, TabularSpec):
        return "for tables only"
    if isinstance(data.spec, TextSpec) and not data.spec.size:
        return "the tokenizer does not say how many tokens there are"
    if name == "bayes" and not (isinstance(data.spec, TextSpec) and data.classes):
        return "for texts with classes only"
    if name == "rules" and not data.classes:
        return "for classes only"
    own = {"additive": Additive, "rules": RuleNetwork}.get(name)
    return "the network is one itself" if own is not None and isinstance(subject.model, own) else ""


def called(name: str, data: Dataset) -> str:
    """Its name in words."""
    words = " on words" if isinstance(data.spec, TextSpec) else ""
    if name == "linear":
        return ("logistic regression" if data.classes else "ridge regression") + words
    return {
        "tree": f"decision tree{words}",
        "bayes": "naive Bayes on words",
        "additive": "additive network",
        "rules": "rule network",
    }[name]


def _flat(data: Dataset) -> NDArray[np.float64] | csr_array:
    """Rows of numbers; of texts 1 for each word that they hold."""
    if isinstance(data.spec, TextSpec):
        return _held_words(data, data.spec)
    return np.nan_to_num(data.inputs.flatten(1).double().cpu().numpy())


def _held_words(data: Dataset, spec: TextSpec) -> csr_array:
    """Which token numbers stand in each text, without padding and what is never taken away."""
    from scipy.sparse import csr_array

    x = data.inputs.cpu().numpy()
    kept = spec.groups(data.inputs).cpu().numpy() >= 0
    texts, places = np.nonzero(kept)
    pairs = np.unique(np.stack([texts, x[texts, places]], 1), axis=0).astype(np.int32)
    ones = np.ones(len(pairs))
    return csr_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(x), spec.size))


def _shares(model: object, held: NDArray[np.float64] | csr_array, count: int) -> Tensor:
    """Probabilities ``[N, K]``; 0 for classes that training never had."""
    known = cast("NDArray[np.int64]", getattr(model, "classes_"))  # noqa: B009
    given = torch.from_numpy(getattr(model, "predict_proba")(held))  # noqa: B009
    found = torch.zeros(len(given), count, dtype=torch.float64)
    found[:, torch.from_numpy(known)] = given
    return found


def _linear(learn: Dataset, held: Dataset, seed: int) -> Fitted:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = _flat(learn), learn.answers.numpy()
    head = LogisticRegression(max_iter=2000, random_state=seed) if learn.classes else Ridge(random_state=seed)
    model = make_pipeline(StandardScaler(with_mean=isinstance(x, np.ndarray)), head).fit(x, y)
    coefficients = int(np.count_nonzero(head.coef_))
    if learn.classes:
        return _shares(model, _flat(held), len(learn.classes)), coefficients, "coefficients"
    return torch.from_numpy(np.asarray(model.predict(_flat(held)))), coefficients, "coefficients"


def _bayes(learn: Dataset, held: Dataset, seed: int) -> Fitted:
    """The words that tell the classes best, each counted for or against."""
    from sklearn.feature_selection import SelectKBest, chi2
    from sklearn.naive_bayes import BernoulliNB
    from sklearn.pipeline import make_pipeline

    x = _flat(learn)
    words = min(WORDS, cast("TextSpec", learn.spec).size)
    model = make_pipeline(SelectKBest(chi2, k=words), BernoulliNB()).fit(x, learn.answers.numpy())
    return _shares(model, _flat(held), len(learn.classes)), words, "words"


def _tree(learn: Dataset, held: Dataset, seed: int) -> Fitted:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    x, y = _flat(learn), learn.answers.numpy()
    leaves = max(LEAVES, 2 * len(learn.classes))
    made = DecisionTreeClassifier if learn.classes else DecisionTreeRegressor
    model = made(max_leaf_nodes=leaves, random_state=seed).fit(x, y)
    given = (
        _shares(model, _flat(held), len(learn.classes))
        if learn.classes
        else torch.from_numpy(np.asarray(model.predict(_flat(held))))
    )
    return given, int(model.get_n_leaves()), "leaves"


def _additive(learn: Dataset, held: Dataset, seed: int) -> Fitted:
    from pellucid.readable import AdditiveClassifier, AdditiveRegressor

    if learn.classes:
        model = AdditiveClassifier(random_state=seed).fit(learn)
        given = torch.from_numpy(model.predict_proba(held))
    else:
        model = AdditiveRegressor(random_state=seed).fit(learn)
        given = torch.from_numpy(model.predict(held))
    plan = cast("Additive", model.network_).plan
    return given, len(plan.parts) + len(plan.pairs), f"shapes, {len(plan.pairs)} of pairs"


def _rules(learn: Dataset, held: Dataset, seed: int) -> Fitted:
    from pellucid.readable import RuleClassifier

    model = RuleClassifier(random_state=seed).fit(learn)
    count = sum(len(rule.conditions) for rule in model.rules_.rules)
    return torch.from_numpy(model.predict_proba(held)), count, f"conditions in {len(model.rules_)} rules"


KINDS: dict[str, Callable[[Dataset, Dataset, int], Fitted]] = {
    "linear": _linear,
    "bayes": _bayes,
    "tree": _tree,
    "rules": _rules,
    "additive": _additive,
}
