"""A network beside simple models on the same rows: whether less would do."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from pellucid._core import Compute, Dataset, Subject, predict, wilson
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec, TextSpec
from pellucid.tasks._performance import answers_of
from pellucid.tasks._rows import held_out, sample

LEARNED, WIDE = 20_000, 4096  # most training rows and most numbers of an input
RULES_UP_TO = 3000  # training rows up to which a rule list is learned within seconds
DEPTH = 3
Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class SimpleModel:
    """A model that people can read, on the network's own rows.

    Args:
        name: what it is.
        size: how much there is to read, in words.
        value, low, high: its score on the held-out rows with its 95 % interval.
        lead, lead_low, lead_high: the network's score less this one, row by row, with its 95 % interval.
    """

    name: str
    size: str
    value: float
    low: float
    high: float
    lead: float
    lead_low: float
    lead_high: float

    @property
    def word(self) -> str:
        """``passed`` where the network is shown to be better, ``failed`` where it is worse, or ``mixed``."""
        if self.lead_low > 0:
            return "passed"
        return "failed" if self.lead_high < 0 else "mixed"


@dataclass(frozen=True, slots=True)
class SimpleModels:
    """A network beside simple models.

    Args:
        metric: ``"accuracy"`` or ``"R²"``.
        network: its score on the held-out rows.
        parameters: numbers that the network learned.
        models: the best first.
        n: held-out rows; ``learned``: rows the simple models learned from.
        sees: what the simple models see of an input, in words.
        notes: what was left out, and why.
    """

    metric: str
    network: float
    parameters: int
    models: tuple[SimpleModel, ...]
    n: int
    learned: int
    sees: str
    notes: tuple[str, ...] = ()


class _Fitted(Protocol):
    def predict(self, X: object) -> object: ...


def simple_models(subject: Subject, *, compute: Compute | None = None) -> SimpleModels:
    """The same rows learned and answered by a linear model, a shallow tree and, for tables, a list of rules.

    One number is a score on the held-out rows; a lead is the network's score less a simple model's.

    Formula: leads of accuracy are ``(b - c) / n`` from rows that only one of the two answers rightly, with
    the interval of Agresti and Min for matched pairs; leads of R² are bootstrapped over rows.

    Args:
        subject: a network with data.
        compute: how to run.

    Returns:
        :class:`SimpleModels`.

    Raises:
        InputError: where there are no training rows, or inputs hold more than 4,096 numbers.

    Cost:
        One forward pass over the held-out rows; some seconds for the simple models.

    Limits:
        Simple models take no settings from anyone: better ones may exist, so a network that leads here may
        still be no better than a simple model that was worked on.

    Source:
        Agresti and Min 2005, Simple improved confidence intervals for comparing matched proportions.

    Example:
        >>> import pellucid
        >>> found = simple_models(pellucid.train("breast-cancer", epochs=2))
        >>> [model.name for model in found.models if "tree" in model.name]
        ['decision tree, 3 questions deep']
    """
    how, data = compute or Compute(), subject.needs_data("simple models")
    train, held = data.rows(data.parts == 0), held_out(data)
    if len(train) < 2 or len(held) == len(data):
        raise InputError("Simple models learn from training rows and answer others; there is no such split.")
    train = train.rows(sample(len(train), LEARNED, seed=how.seed))
    seen, sees = _seen(data)
    x, z = seen(train), seen(held)
    outputs = predict(subject.model, held.inputs, spec=subject.spec, compute=how).double().cpu()
    notes: list[str] = []
    given = answers_of(outputs) if subject.classes else outputs.flatten()
    answers = train.answers.double().numpy() if not subject.classes else train.answers.numpy()
    found = [
        _compared(name, size(model), given, torch.as_tensor(np.asarray(model.predict(z))), held)
        for name, model, size in _fitted(x, answers, how.seed, classes=bool(subject.classes))
    ]
    if isinstance(subject.spec, TabularSpec) and subject.classes:
        if len(train) <= RULES_UP_TO:
            found.append(_rules(train, held, given, how.seed))
        else:
            notes.append(f"A list of rules is learned for up to {RULES_UP_TO:,} training rows.")
    right = _score(given, held)
    found.sort(key=lambda each: -each.value)
    count = sum(p.numel() for p in subject.model.parameters())
    metric = "accuracy" if subject.classes else "R²"
    return SimpleModels(metric, right, count, tuple(found), len(held), len(train), sees, tuple(notes))


def _seen(data: Dataset) -> tuple[Callable[[Dataset], Array], str]:
    """What simple models see of an input: its numbers, or how often each word occurs."""
    if isinstance(data.spec, TextSpec) or not data.inputs.is_floating_point():
        size = int(data.inputs.max()) + 1
        common = data.inputs[data.parts == 0].flatten().bincount(minlength=size).argsort(descending=True)
        kept = common[:WIDE]

        def counts(some: Dataset) -> Array:
            found = torch.zeros(len(some), size)
            found.scatter_add_(1, some.inputs.flatten(1), torch.ones_like(some.inputs.flatten(1)).float())
            return found[:, kept].double().numpy()

        return counts, f"how often each of {len(kept):,} words occurs"
    wide = data.inputs[0].numel()
    if wide > WIDE:
        raise InputError(f"Simple models read up to {WIDE:,} numbers of an input, these hold {wide:,}.")
    return (lambda some: some.inputs.flatten(1).double().numpy()), f"the {wide:,} numbers of an input"


def _fitted(
    x: Array, answers: np.ndarray, seed: int, *, classes: bool
) -> Iterator[tuple[str, _Fitted, Callable[[_Fitted], str]]]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    linear = LogisticRegression(max_iter=500) if classes else RidgeCV(np.logspace(-3, 3, 13))
    trees = DecisionTreeClassifier if classes else DecisionTreeRegressor
    tree = trees(max_depth=DEPTH, min_samples_leaf=5, random_state=seed)
    with warnings.catch_warnings():
        # a fit that is not quite at its end is still a fair simple model
        warnings.simplefilter("ignore", ConvergenceWarning)
        line = make_pipeline(StandardScaler(), linear).fit(x, answers)
    size = int(np.size(linear.coef_) + np.size(linear.intercept_))
    name = "logistic regression" if classes else "linear regression (ridge)"
    yield name, cast("_Fitted", line), lambda _: f"{size:,} numbers"
    leaves = tree.fit(x, answers).get_n_leaves()
    yield f"decision tree, {DEPTH} questions deep", cast("_Fitted", tree), lambda _: f"{leaves} leaves"


def _rules(train: Dataset, held: Dataset, given: Tensor, seed: int) -> SimpleModel:
    from pellucid.readable import RuleClassifier

    model = RuleClassifier(random_state=seed).fit(train)
    names = np.asarray(held.classes, dtype=object)
    said = np.asarray(model.predict(held), dtype=object)
    place = torch.tensor([int((names == name).argmax()) for name in said])
    count = len(model.rules_.rules)
    return _compared(f"{count} rules (RuleClassifier)", f"{count} rules", given, place, held)


def _compared(name: str, size: str, given: Tensor, simple: Tensor, held: Dataset) -> SimpleModel:
    n = len(held)
    if not held.classes:
        true, one, two = held.answers.double(), given.double(), simple.double().flatten()
        draws = torch.randint(n, (1000, n), generator=torch.Generator().manual_seed(0))
        ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
        of_it = torch.stack([_r2(two[rows], true[rows]) for rows in draws])
        of_net = torch.stack([_r2(one[rows], true[rows]) for rows in draws])
        low, high = of_it.quantile(ends).tolist()
        lead_low, lead_high = (of_net - of_it).quantile(ends).tolist()
        value = float(_r2(two, true))
        return SimpleModel(name, size, value, low, high, float(_r2(one, true)) - value, lead_low, lead_high)
    mine, its = given == held.answers, simple.long() == held.answers
    b, c, hits = int((mine & ~its).sum()), int((its & ~mine).sum()), int(its.sum())
    return SimpleModel(name, size, hits / n, *wilson(hits, n), (b - c) / n, *_paired(b, c, n))


def _paired(b: int, c: int, n: int) -> tuple[float, float]:
    """Interval of ``(b - c) / n`` for matched pairs, half a row added to each of the four cells.

    Example:
        >>> [round(end, 3) for end in _paired(0, 0, 100)]
        [-0.019, 0.019]
    """
    total, apart = n + 2, (b - c) / (n + 2)
    reach = 1.959964 * math.sqrt(b + c + 1 - (b - c) ** 2 / total) / total
    return apart - reach, apart + reach


def _score(given: Tensor, held: Dataset) -> float:
    if held.classes:
        return float((given == held.answers).double().mean())
    return float(_r2(given.double(), held.answers.double()))


def _r2(given: Tensor, true: Tensor) -> Tensor:
    return 1 - (given - true).square().sum() / (true - true.mean()).square().sum().clamp_min(1e-12)
