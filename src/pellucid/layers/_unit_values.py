"""What each unit gives for each input, and how it tells every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, activations, brief
from pellucid._core._strongest import chosen_units
from pellucid._core._units import by_unit
from pellucid.errors import InputError
from pellucid.layers._reach import refuse_answers
from pellucid.layers._selectivity import class_areas

CHANCE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class UnitValues:
    """The values of some units over some inputs.

    Args:
        site: the layer.
        units: int64 ``[U]``.
        values: ``[N, U]``, the largest over the positions of a row, as the layer gives it.
    """

    site: str
    units: Tensor
    values: Tensor

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class ClassAreas:
    """How well one unit tells each class from all others.

    Args:
        classes: int64 ``[K]``, the classes that occur.
        auc: ``[K]``, chance that a random input of the class moves the unit more than one of another.
        low, high: ``[K]``, its 95 % interval.
    """

    classes: Tensor
    auc: Tensor
    low: Tensor
    high: Tensor

    __repr__ = brief

    @property
    def above_chance(self) -> Tensor:
        """Bool ``[K]``, whether the whole interval lies above 0.5."""
        return self.low > CHANCE


def unit_values(
    model: nn.Module,
    inputs: Tensor | Batch,
    site: str,
    *,
    units: Sequence[int] | Tensor | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> UnitValues:
    """Each unit's value for each input; of a channel the largest over its positions.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``, or a :class:`~pellucid._core.Batch`.
        site: the layer.
        units: which units; ``None`` for all.
        spec: what an input means; says what goes along with texts.
        compute: how to run.

    Returns:
        :class:`UnitValues`.

    Raises:
        SiteError, TargetError: if the layer or a unit does not exist.
        MethodError: where the layer gives NaN or infinity.

    Cost:
        One pass, ended at the layer. Kept is one number per row and unit.

    Example:
        >>> unit_values(nn.ReLU(), torch.tensor([[-1.0, 2.0]]), ".").values.tolist()
        [[0.0, 2.0]]
    """
    picked = torch.empty(0, dtype=torch.int64)
    parts: list[Tensor] = []
    for rows, seen in activations(model, inputs, [site], stop=site, spec=spec, compute=compute):
        found = by_unit(model, seen[site], site, rows).amax(2).cpu()
        picked = chosen_units(units, found.shape[1], site)
        parts.append(found[:, picked])
    return UnitValues(site, picked, torch.cat(parts))


def areas_by_class(found: UnitValues, answers: Tensor, unit: int) -> ClassAreas:
    """The area under the ROC curve of one unit for every class, with its interval.

    Args:
        found: from :func:`unit_values`.
        answers: class numbers int64 ``[N]`` of the same inputs.
        unit: which unit.

    Returns:
        :class:`ClassAreas`.

    Raises:
        InputError: if there are not two classes, the lengths differ or the unit is not among them.

    Limits:
        As for :func:`selectivity`: the best of many classes lies above 0.5 by chance.

    Example:
        >>> rows = unit_values(nn.Identity(), torch.tensor([[1.0], [2.0], [3.0]]), ".")
        >>> areas_by_class(rows, torch.tensor([0, 0, 1]), 0).auc.tolist()
        [0.0, 1.0]
    """
    units = found.units.tolist()
    if unit not in units:
        raise InputError(f"Unit {unit} is not among the {len(units)} units of {found.site} that were read.")
    refuse_answers(answers, len(found.values))
    present = answers.cpu().unique()
    if len(present) < 2:
        raise InputError(f"answers: expected at least two classes, got {len(present)}.")
    place = units.index(unit)
    auc, low, high = class_areas(found.values[:, place : place + 1].T.double(), answers.cpu(), present)
    return ClassAreas(present, auc[0], low[0], high[0])
