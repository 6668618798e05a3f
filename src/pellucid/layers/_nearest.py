"""The real inputs nearest to one in a hidden layer: with the same answer, and with another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, Dataset, brief, each_class, predict, wilson
from pellucid.errors import InputError
from pellucid.layers._reach import along, tokens_of, twin_of
from pellucid.layers._sketch import Sketch, sketches

WIDTH = 1024  # numbers per row in which distances are taken
JUDGED = 200  # held-out inputs whose nearest one is looked at for the evidence


@dataclass(frozen=True, slots=True, eq=False)
class NearestInputs:
    """Real inputs near to the asked ones in a layer.

    Args:
        site: the layer.
        asked: ``[M, *shape]``.
        answers: int64 ``[M]``, the network's answers to them.
        same: int64 ``[M, k]``, data rows with the same answer of the network, nearest first; -1 where there
            are fewer.
        same_away: ``[M, k]``, their distances.
        other, other_away: the same for rows to which the network answers otherwise: counterexamples.
        scale: ``[M]``, distance to the median real input, to read the others against.
        truth: int64 ``[N]``, true answers of the data by row.
        agree, low, high: share of held-out inputs whose nearest data row has the same true answer, by
            distance in the layer, with its 95 % interval.
        agree_inputs: the same by distance between the inputs themselves.
        agree_untrained: the same in the layer of an untrained copy; ``NaN`` where there is none.
        judged: how many inputs these shares are counted on.
        note: what was left out.
    """

    site: str
    asked: Tensor
    answers: Tensor
    same: Tensor
    same_away: Tensor
    other: Tensor
    other_away: Tensor
    scale: Tensor
    truth: Tensor
    agree: float
    low: float
    high: float
    agree_inputs: float
    agree_untrained: float
    judged: int
    note: str = ""

    __repr__ = brief

    def __len__(self) -> int:
        """Number of asked inputs."""
        return len(self.asked)


def nearest_inputs(
    model: nn.Module,
    data: Dataset,
    inputs: Tensor,
    site: str,
    *,
    k: int = 3,
    rows: Tensor | None = None,
    untrained_copy: bool = True,
    compute: Compute | None = None,
) -> NearestInputs:
    """The real inputs that a layer takes for most alike, on the same side of the decision and on the other.

    One number is a Euclidean distance between activations, each number in units of its spread over the data
    (of texts the mean over tokens; wide layers cut to 1,024 numbers by a random projection).

    Args:
        model: any network with classes; it comes back as it was.
        data: real inputs of any kind with class numbers.
        inputs: ``[M, *shape]``.
        site: the layer.
        k: how many on each side.
        rows: int64, which data rows may be named; ``None`` for the train part.
        untrained_copy: whether an untrained copy is asked beside.
        compute: how to run.

    Returns:
        :class:`NearestInputs`; an input that equals the asked one is left out.

    Raises:
        SiteError: if the layer does not exist or is not reached.
        InputError: if the data have no classes, or there are too few rows.

    Cost:
        Two passes over the data rows, one more on an untrained copy.

    Limits:
        Alike to the network is not alike to a person. If nearest inputs agree no better in the layer than
        between inputs themselves, the layer adds nothing to plain likeness; the numbers stand beside it.

    Source:
        Caruana et al., "Case-based explanation of non-case-based learning methods", AMIA 1999; Papernot and
        McDaniel, "Deep k-nearest neighbors", 2018.

    Example:
        >>> from pellucid._core import split
        >>> from pellucid.inputs import Column, TabularSpec
        >>> x = torch.arange(60.0)[:, None] / 30 - 1
        >>> y = (x[:, 0] > 0).long()
        >>> data = Dataset("line", x, y, TabularSpec((Column("x"),)), ("-", "+"), split(y, classes=True))
        >>> net = nn.Sequential(nn.Linear(1, 4), nn.Linear(4, 2))
        >>> nearest_inputs(net, data, x[:1], "0", k=2).same.shape
        torch.Size([1, 2])
    """
    how = compute or Compute(batch_size=256)
    if not data.classes:
        raise InputError("Nearest examples and counterexamples need classes; this is regression.")
    known = (data.parts == 0).nonzero()[:, 0] if rows is None else rows.cpu()
    if len(known) < 2 or k < 1:
        raise InputError(f"Expected at least two data rows and k of at least 1, got {len(known)} and k={k}.")
    real, judged = data.inputs[known], _judged(data, how.seed)
    asked, last = len(inputs), len(inputs) + len(known)
    whole = torch.cat([inputs.to(real), real, data.inputs[judged]])
    space = _space(model, whole, data, site, how)
    outputs = _classes(predict(model, whole[:last], spec=data.spec, compute=how))
    own, theirs = outputs[:asked], outputs[asked:]
    away = torch.cdist(space[:asked], space[asked:last])
    equal = torch.stack([(real == one.to(real)).flatten(1).all(1) for one in inputs]).cpu()
    away = away.masked_fill(equal, torch.inf)
    alike = own[:, None] == theirs[None]
    same = _nearest(away.masked_fill(~alike, torch.inf), known, k)
    other = _nearest(away.masked_fill(alike, torch.inf), known, k)
    scale = torch.stack([line[line.isfinite()].median() for line in away])
    truth = data.answers.cpu()
    labels = truth[known], truth[judged]
    hits = _agrees(space[asked:], *labels)
    notes: list[str] = []
    pair = whole[asked:]
    twin = twin_of(model, along(pair, data.spec), how, notes) if untrained_copy else None
    control = float("nan")
    if twin is not None:
        control = float(_agrees(_space(twin, pair, data, site, how), *labels).double().mean())
    raw = _spread(Sketch(WIDTH, how.seed)(pair.detach().cpu()))
    return NearestInputs(
        site,
        inputs.detach().cpu().clone(),
        own,
        *same,
        *other,
        scale,
        truth,
        float(hits.double().mean()),
        *wilson(int(hits.sum()), len(hits)),
        float(_agrees(raw, *labels).double().mean()),
        control,
        len(hits),
        " ".join(notes),
    )


def _space(model: nn.Module, x: Tensor, data: Dataset, site: str, how: Compute) -> Tensor:
    fed = along(x, data.spec)
    return _spread(sketches(model, fed, [site], WIDTH, how, tokens_of(x, data.spec))[site])


def _spread(rows: Tensor) -> Tensor:
    """Each number in units of its own spread; those that never vary are nothing."""
    rows = rows.double()
    spread = rows.std(0)
    return torch.where(spread > 0, (rows - rows.mean(0)) / spread.clamp(min=1e-12), torch.zeros_like(rows))


def _classes(outputs: Tensor) -> Tensor:
    """The class that each row is taken for."""
    scores = each_class(outputs)
    if scores.ndim != 2 or not scores.is_floating_point():
        raise InputError(
            "Nearest examples need a network that scores classes [N, K], this one gave "
            f"{scores.dtype} {list(scores.shape)}."
        )
    return scores.argmax(1).cpu()


def _nearest(away: Tensor, known: Tensor, k: int) -> tuple[Tensor, Tensor]:
    values, places = away.topk(min(k, away.shape[1]), dim=1, largest=False)
    return torch.where(values.isfinite(), known[places], -1), values


def _judged(data: Dataset, seed: int) -> Tensor:
    """Held-out rows, which nothing was learned from; where there are none, any."""
    held = (data.parts != 0).nonzero()[:, 0]
    held = held if len(held) else torch.arange(len(data))
    return held[torch.randperm(len(held), generator=torch.Generator().manual_seed(seed))[:JUDGED]]


def _agrees(space: Tensor, known: Tensor, judged: Tensor) -> Tensor:
    """Whether the nearest known input of each judged one, which stand last, has its true answer."""
    away = torch.cdist(space[len(known) :], space[: len(known)])
    away[away <= 0] = torch.inf  # the same input is no other one
    return known[away.argmin(1)] == judged
