"""Which class each unit tells from the rest, and how well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, activations, brief
from pellucid._core._ranks import area, ranks
from pellucid._core._strongest import chosen_units
from pellucid._core._units import by_unit
from pellucid.errors import InputError
from pellucid.layers._reach import count_of, largest, refuse_answers, tokens_of

Z95 = 1.959964


@dataclass(frozen=True, slots=True, eq=False)
class Selectivity:
    """Per unit the class that it answers to most.

    Args:
        site: the layer.
        units: int64 ``[U]``.
        classes: int64 ``[U]``, the class with the largest area.
        auc: ``[U]``, chance that a random input of that class moves the unit more than one of another: 0.5 is
            no difference, 1 is perfect.
        low, high: ``[U]``, its 95 % interval for that class taken as given.
        n: inputs.
    """

    site: str
    units: Tensor
    classes: Tensor
    auc: Tensor
    low: Tensor
    high: Tensor
    n: int

    __repr__ = brief


def selectivity(
    model: nn.Module,
    inputs: Tensor | Batch,
    answers: Tensor,
    site: str,
    *,
    units: Sequence[int] | Tensor | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Selectivity:
    """The area under the ROC curve of each unit for the class that it tells best from all others.

    ``AUC = (R − n₁(n₁+1)/2) / (n₁ n₀)`` with ``R`` the sum of ranks of the class; ties share their rank. A
    channel's value for an input is its largest one over positions.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``.
        answers: class numbers int64 ``[N]``.
        site: the layer.
        units: which units; ``None`` for all.
        spec: what an input means; says what goes along with texts, and where they end.
        compute: how to run.

    Returns:
        :class:`Selectivity`.

    Raises:
        InputError: if there are not two classes or the lengths differ.
        SiteError, TargetError: if the layer or a unit does not exist.
        MethodError: where a layer gives NaN or infinity.

    Cost:
        One pass, ended at the layer. Kept is one number per row and unit.

    Limits:
        The best of many classes is above 0.5 by chance alone; the interval does not correct for the choice.
        Compare with the same on an untrained network.

    Source:
        Hanley & McNeil 1982, The meaning and use of the area under a ROC curve (the standard error);
        Newcombe 2006, Confidence intervals for an effect size measure based on the Mann-Whitney statistic
        (the interval by inversion).

    Example:
        >>> rows = torch.tensor([[1.0], [2.0], [3.0]])
        >>> found = selectivity(nn.Identity(), rows, torch.tensor([0, 0, 1]), ".")
        >>> found.classes.tolist(), found.auc.tolist()
        ([1], [1.0])
    """
    count = count_of(inputs)
    refuse_answers(answers, count)
    present = answers.unique()
    if len(present) < 2:
        raise InputError(f"answers: expected at least two classes, got {len(present)}.")
    real = tokens_of(inputs, spec)
    parts = [
        largest(by_unit(model, seen[site], site, rows), None if real is None else real[rows]).cpu()
        for rows, seen in activations(model, inputs, [site], stop=site, spec=spec, compute=compute)
    ]
    picked = chosen_units(units, parts[0].shape[1], site)
    values = torch.cat([part[:, picked] for part in parts]).T.contiguous().double()
    every, lows, highs = class_areas(values, answers.cpu(), present.cpu())
    best = every.argmax(1, keepdim=True)
    auc, low, high = (part.gather(1, best)[:, 0] for part in (every, lows, highs))
    return Selectivity(site, picked, present.cpu()[best[:, 0]], auc, low, high, count)


def class_areas(values: Tensor, answers: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """AUC ``[U, K]`` of values ``[U, N]`` for each class that occurs, with the ends of its 95 % interval."""
    member = (answers[:, None] == present).double()
    auc, size = _areas(values, member), member.sum(0)
    other = len(answers) - size
    return auc, _end(auc, size, other, torch.zeros_like(auc)), _end(auc, size, other, torch.ones_like(auc))


def _end(auc: Tensor, own: Tensor, other: Tensor, bound: Tensor) -> Tensor:
    """The area between ``auc`` and a bound from which ``auc`` lies just 1.96 of its own errors away.

    The plain interval would shrink to nothing where the area is 0 or 1, however few inputs there are.
    """
    near, far = auc, bound
    for _ in range(40):
        middle = (near + far) / 2
        inside = (auc - middle).abs() <= Z95 * _standard_error(middle, own, other)
        near, far = torch.where(inside, middle, near), torch.where(inside, far, middle)
    return near


def _areas(values: Tensor, member: Tensor) -> Tensor:
    """AUC ``[U, K]`` of values ``[U, N]`` for classes ``[N, K]``."""
    own = member.sum(0)
    return area(ranks(values).double() @ member, own, len(member) - own)


def _standard_error(auc: Tensor, own: Tensor, other: Tensor) -> Tensor:
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (own - 1) * (q1 - auc**2) + (other - 1) * (q2 - auc**2)
    return (spread / (own * other)).clamp_min(0).sqrt()
