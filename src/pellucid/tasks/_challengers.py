"""Simple models on the network's own rows: is the black box worth it?"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from pellucid._core import Compute, Dataset, Subject, percent, predict
from pellucid.errors import InputError, PellucidError, near_misses
from pellucid.inputs import TextSpec
from pellucid.tasks._challenger_models import KINDS, called, unfit
from pellucid.tasks._compared import Difference, of_means, paired
from pellucid.tasks._performance import answers_of
from pellucid.tasks._rows import sample

MARGIN = 0.02
MOST, WIDEST = 10_000, 8192  # rows learned from; numbers of one input
Standing = Literal["better", "as good", "not told apart", "worse"]


@dataclass(frozen=True, slots=True)
class Challenger:
    """A simple model beside the network, on the same held-out rows.

    Args:
        name: what it is, in words.
        size, counts: how many of what a reader must read: ``8`` ``"leaves"``.
        score: accuracy (classes), or mean absolute error (numbers): ``a`` the network's, ``b`` its own,
            ``value`` ``b - a`` with a paired 95 % interval.
        auc: the same of the area under the ROC curve, for two classes; DeLong's interval.
        standing: ``"better"`` where the whole interval of ``score`` is; ``"as good"`` where it ends no
            further than the margin on the wrong side; ``"worse"`` where the whole interval is; else
            ``"not told apart"``.
        seconds: to fit.
    """

    name: str
    size: int
    counts: str
    score: Difference
    auc: Difference | None
    standing: Standing
    seconds: float

    def __str__(self) -> str:
        kind, each = self.score, self.score.name
        return (
            f"{self.name} ({self.size:,} {self.counts}): {each} {_number(kind.b, each)}, "
            f"difference {_signed(kind.value, each)} [{_signed(kind.low, each)}, {_signed(kind.high, each)}]"
        )


@dataclass(frozen=True, slots=True)
class Challenged:
    """All challengers of one network.

    Args:
        network: its name; ``parameters``: how many weights it has.
        metric: ``"accuracy"`` or ``"mean absolute error"``.
        score: the network's own.
        table: the challengers, simplest first.
        refused: which could not be fitted, and why.
        margin: how much worse still counts as as good, in the unit of ``score``.
        n, learned: held-out rows; rows that the challengers learned from.
        notes: what to keep in mind.
    """

    network: str
    parameters: int
    metric: str
    score: float
    table: tuple[Challenger, ...]
    refused: dict[str, str]
    margin: float
    n: int
    learned: int
    notes: tuple[str, ...] = field(default=())

    @property
    def simplest(self) -> Challenger | None:
        """The first in the table that is better or as good."""
        return next((one for one in self.table if one.standing in ("better", "as good")), None)

    @property
    def sentence(self) -> str:
        """What a reader should know, plainly."""
        met, unit = self.metric, _number(self.margin, self.metric)
        if not self.table:
            return "No simple model could be set beside the network."
        best = self.simplest
        if best is not None:
            return (
                f"A simple model is {best.standing}{' than' if best.standing == 'better' else ' as'} this "
                f"network: {best}, on {self.n:,} rows that none of them learned from. The network has "
                f"{self.parameters:,} weights and reaches {_number(self.score, met)}."
            )
        unclear = [one for one in self.table if one.standing == "not told apart"]
        if unclear:
            nearest = max(unclear, key=lambda one: one.score.value * _sign(met))
            return (
                f"{self.n:,} rows do not decide whether a simple model is as good as this network "
                f"({_number(self.score, met)}) within {unit}. Nearest: {nearest}."
            )
        nearest = max(self.table, key=lambda one: one.score.value * _sign(met))
        return (
            f"No simple model is as good as this network ({_number(self.score, met)} on {self.n:,} held-out "
            f"rows). Nearest: {nearest}."
        )

    def __str__(self) -> str:
        return self.sentence


def challengers(
    subject: Subject,
    *,
    among: Sequence[str] | None = None,
    margin: float | None = None,
    rows: int = MOST,
    compute: Compute | None = None,
) -> Challenged:
    """Whether simple models do as well as the network on the rows that it has not learned from.

    Logistic (or ridge) regression and a tree of 8 leaves read the encoded rows, of texts which words they
    hold; for texts there is a naive Bayes of 30 words besides, for tables the additive network and the rule
    network read the raw rows. All learn from the network's own training and validation
    rows, with settings fixed beforehand or chosen within these rows.

    Args:
        subject: a network with data that has a test (or validation) part.
        among: ``"linear"``, ``"bayes"``, ``"tree"``, ``"rules"``, ``"additive"``, or some of them; left out,
            all that fit.
        margin: how much worse still counts as as good; left out, 0.02 of accuracy, or 5 % of the network's
            mean absolute error.
        rows: most rows that they learn from.
        compute: how to run the network; ``seed`` is also that of the challengers.

    Returns:
        A :class:`Challenged`, whose ``sentence`` says it.

    Raises:
        InputError: where there is no held-out part, or too little to learn from.

    Cost:
        One pass over the held-out rows. The fits take a second or two for a thousand rows, and a minute for
        10,000.

    Limits:
        Better and worse are of these rows and this split. Where the network saw other rows in training than
        the data say, the challengers are at a disadvantage, or it is.

    Source:
        Agresti and Min 2005 (accuracy, paired); DeLong et al. 1988 (AUC, paired).

    Example:
        >>> import pellucid
        >>> found = challengers(pellucid.train("breast-cancer", epochs=2), among=["linear", "tree"])
        >>> [one.name for one in found.table], found.n
        (['logistic regression', 'decision tree'], 86)
    """
    how = compute or Compute(batch_size=256)
    data = subject.needs_data("challengers")
    learn, held = _split(data, rows, how.seed)
    if among is not None:
        for name in among:
            if name not in KINDS:
                raise InputError(f"There is no challenger {name!r}. {near_misses(name, KINDS)}")
    own = predict(subject.model, held.inputs, spec=subject.spec, compute=how).cpu()
    table, refused = list[Challenger](), dict[str, str]()
    for name in KINDS if among is None else [kind for kind in KINDS if kind in among]:
        why = unfit(name, subject, data)
        if why:
            refused[name] = why
            continue
        began = time.perf_counter()
        try:
            given, size, counts = KINDS[name](learn, held, how.seed)
        except PellucidError as error:
            refused[name] = str(error)
            continue
        took = time.perf_counter() - began
        score, auc = against(own, given, held, how.seed)
        stands = _standing(score, margin if margin is not None else allowed(score))
        table.append(Challenger(called(name, data), size, counts, score, auc, stands, took))
    metric = "accuracy" if data.classes else "mean absolute error"
    notes = list[str]()
    whole = int((data.parts != 2).sum()) if bool((data.parts == 2).any()) else int((data.parts == 0).sum())
    if len(learn) < whole:
        notes.append(
            f"The challengers learned from {len(learn):,} of {whole:,} training rows, drawn by seed."
        )
    first = table[0].score if table else None
    return Challenged(
        subject.name,
        sum(p.numel() for p in subject.model.parameters()),
        metric,
        math.nan if first is None else first.a,
        tuple(table),
        refused,
        margin if margin is not None else (MARGIN if first is None else allowed(first)),
        len(held),
        len(learn),
        tuple(notes),
    )


def _split(data: Dataset, most: int, seed: int) -> tuple[Dataset, Dataset]:
    """Rows to learn from and rows to judge on."""
    width = data.inputs[0].numel() if len(data) else 0
    if width > WIDEST and not isinstance(data.spec, TextSpec):
        raise InputError(f"One input has {width:,} numbers; simple models read up to {WIDEST:,}.")
    judged = next((k for k in (2, 1) if bool((data.parts == k).any())), None)
    if judged is None or not bool((data.parts != judged).any()):
        raise InputError(
            f"{data.name} has no rows that were held out: simple models need some to be judged on."
        )
    places = (data.parts < judged).nonzero().flatten()
    learn = data.rows(places[sample(len(places), most, seed=seed)])
    if not len(learn) or bool((learn.answers == learn.answers[0]).all()):
        raise InputError(f"All {len(learn)} training rows have the same answer: there is nothing to learn.")
    return learn, data.rows(data.parts == judged)


def against(own: Tensor, given: Tensor, held: Dataset, seed: int) -> tuple[Difference, Difference | None]:
    """The challenger less the network: accuracy and AUC, or absolute errors."""
    true = held.answers
    if not held.classes:
        far = [(out.flatten().double() - true.double()).abs() for out in (own, given)]
        return of_means("mean absolute error", *far, seed=seed), None
    score = paired("accuracy", answers_of(own) == true, given.argmax(1) == true)
    if len(held.classes) != 2 or len(true.unique()) < 2:
        return score, None
    single = own.ndim == 1 or own.shape[1] == 1
    ranks = own.flatten().double() if single else (own[:, 1] - own[:, 0]).double()
    return score, paired_auc(ranks, given[:, 1].double(), true == 1)


def paired_auc(a: Tensor, b: Tensor, positive: Tensor) -> Difference:
    """AUC of scores ``b`` less that of ``a`` on the same rows ``[N]``, with DeLong's 95 % interval.

    Example:
        >>> yes = torch.tensor([False, False, True, True])
        >>> paired_auc(torch.tensor([0.0, 2.0, 1.0, 3.0]), torch.tensor([0.0, 1.0, 2.0, 3.0]), yes).value
        0.25
    """
    ups, downs = list[Tensor](), list[Tensor]()
    for scores in (a.double(), b.double()):
        yes, no = scores[positive], scores[~positive]
        up, down = (_below(one, other) for one, other in ((yes, no), (no, yes)))
        ups.append(up)
        downs.append(1 - down)
    first, second = (float(up.mean()) for up in ups)
    spread = sum(
        float((two - one).var(correction=1)) / len(one) if len(one) > 1 else math.nan
        for one, two in (ups, downs)
    )
    half = 1.96 * math.sqrt(spread) if spread == spread else math.nan
    value = second - first
    return Difference("AUC", first, second, value, value - half, value + half, None, len(positive))


def _below(values: Tensor, others: Tensor) -> Tensor:
    """For each value the share of others below it; ties count half."""
    ordered = others.sort().values
    left = torch.searchsorted(ordered, values.contiguous(), right=False)
    right = torch.searchsorted(ordered, values.contiguous(), right=True)
    return (left + right).double() / (2 * len(others))


def _sign(metric: str) -> int:
    return 1 if metric == "accuracy" else -1


def allowed(score: Difference) -> float:
    """How much counts as hardly anything: 0.02 of accuracy, 5 % of an error."""
    return MARGIN if score.name == "accuracy" else 0.05 * score.a


def _standing(score: Difference, margin: float) -> Standing:
    low, high = score.low, score.high
    if _sign(score.name) < 0:
        low, high = -high, -low
    if low > 0:
        return "better"
    if low >= -margin:
        return "as good"
    return "worse" if high < 0 else "not told apart"


def _number(value: float, metric: str) -> str:
    return f"{percent(value)}" if metric == "accuracy" else f"{value:.3g}"


def _signed(value: float, metric: str) -> str:
    said = f"{100 * value:+.1f} points" if metric == "accuracy" else f"{value:+.3g}"
    return said.replace("-", "−")
