"""Does a method hold over some rows of a table, where only a few others are explained?"""

from __future__ import annotations

import dataclasses

from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, TargetLike
from pellucid.evidence._case import Method, case_of
from pellucid.evidence._exchange import exchanged, foretelling
from pellucid.evidence._held import Held, held
from pellucid.evidence._scalar import settled


def held_over(
    model: nn.Module,
    inputs: Tensor,
    target: TargetLike,
    method: Method,
    *,
    spec: InputSpec,
    donors: Tensor,
    compute: Compute | None = None,
) -> Held | None:
    """Whether a method's maps of a table foretell what exchanging each column with real rows does.

    ``told = sum(what the maps say · what happens) / sum(what happens²)`` over the exchanges of a column,
    every row counting the same: 1 is all, 0 nothing, no unit.

    Args:
        model: the network.
        inputs: ``[N, D]``, rows to judge by; with 50 to 100 a column told by a fifth is told from .3.
        target: what is explained.
        method: as for :func:`cards`.
        spec: what the columns are.
        donors: ``[P, D]``, real rows that columns are taken from.
        compute: how to run.

    Returns:
        A :class:`Held`; ``None`` where the method's values are no contributions against a reference.

    Raises:
        InputError: where inputs are no rows of a table.

    Cost:
        For each row 65 forward passes (2 for each column, if that is more) and the method; the method for
        128 further rows, for each class explained.

    Limits:
        A column that does nothing between similar real rows is not asked about. Networks that hold rows with
        one column of a similar row for impossible are not told.

    Source:
        Own; after Slack et al. 2020, arXiv 1911.02508 (networks that know the rows that a method makes).

    Example:
        >>> import torch
        >>> from pellucid.attribution import kernel_shap
        >>> from pellucid.inputs import Column, TabularSpec
        >>> _ = torch.manual_seed(0)
        >>> x, spec = torch.randn(60, 3), TabularSpec([Column(name) for name in "abc"])
        >>> held_over(nn.Linear(3, 2), x[:30], 1, kernel_shap, spec=spec, donors=x).word
        'passed'
    """
    how = compute or Compute(batch_size=256)
    what = settled(model, inputs, target, spec, how)
    why = method(model, inputs, what, spec=spec, compute=how)
    case = case_of(model, why, method, target=what, spec=spec, others=donors, compute=how)
    units = spec.groups(case.x)
    asked = exchanged(model, case.x, case.scalar.target, units, donors, spec=spec, compute=how)
    told = foretelling(case, why, asked, asked.seen.bank.reduce(case.maps))
    if told is None:
        return None
    spent = len(case.x) + why.provenance.forward + asked.seen.rows + told.rows
    return dataclasses.replace(held(asked, told, spec.group_names(case.x), how.seed), rows=spent)
