"""Which units of a layer go up and down together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, activations, brief
from pellucid._core._units import by_unit
from pellucid.errors import InputError
from pellucid.layers._reach import along, count_of, largest, part_of, tokens_of, twin_of


@dataclass(frozen=True, slots=True, eq=False)
class CoActivation:
    """Each unit's companions.

    Args:
        site: the layer.
        partners: int64 ``[U, k]``, units most correlated with it in size, strongest first.
        correlation: ``[U, k]``, Pearson's r with them over inputs, of the largest value over positions;
            0 for a unit that never moves.
        untrained: ``[U]``, the largest r in size of the same unit of an untrained copy, for scale; ``NaN``
            where none was run.
        n: inputs.
    """

    site: str
    partners: Tensor
    correlation: Tensor
    untrained: Tensor
    n: int

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def co_activation(
    model: nn.Module,
    inputs: Tensor | Batch,
    site: str,
    *,
    k: int = 3,
    untrained_copy: bool = True,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> CoActivation:
    """The units that each unit goes with, over inputs.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``.
        site: the layer.
        k: companions per unit.
        untrained_copy: whether to look at an untrained copy too.
        spec: what an input means; says what goes along with texts, and where they end.
        compute: how to run.

    Returns:
        :class:`CoActivation`.

    Raises:
        InputError: if there are fewer than 3 inputs or 2 units.
        SiteError: if the layer does not exist or is not reached.

    Cost:
        One pass ended at the layer, two with the copy. Kept is one matrix of units × units.

    Limits:
        Units of an untrained network go together too, since they see the same inputs.

    Example:
        >>> x = torch.randn(50, 1)
        >>> found = co_activation(nn.Identity(), torch.cat([x, -x, torch.randn(50, 1)], 1), ".", k=1)
        >>> found.partners[:2, 0].tolist(), round(float(found.correlation[0, 0]), 6)
        ([1, 0], -1.0)
    """
    how = compute or Compute(batch_size=256)
    n = count_of(inputs)
    if n < 3 or k < 1:
        raise InputError(f"Expected at least 3 inputs and k=1, got {n} inputs and k={k}.")
    real, inputs = tokens_of(inputs, spec), along(inputs, spec)
    notes: list[str] = []
    twin = twin_of(model, inputs, how, notes) if untrained_copy else None
    passes = 1 if twin is None else 2
    own = _correlations(model, inputs, site, real, part_of(how, 0, passes))
    if len(own) < 2:
        raise InputError(f"{site!r} has one unit: nothing goes with it.")
    order = own.abs().argsort(dim=1, descending=True, stable=True)[:, : min(k, len(own) - 1)]
    untrained = torch.full((len(own),), torch.nan, dtype=torch.float64)
    if twin is not None:
        untrained = _correlations(twin, inputs, site, real, part_of(how, 1, passes)).abs().amax(1)
    return CoActivation(site, order, own.gather(1, order), untrained, n)


def _correlations(
    model: nn.Module, inputs: Tensor | Batch, site: str, real: Tensor | None, how: Compute
) -> Tensor:
    """Pearson's r ``[U, U]``, its diagonal zero."""
    count = 0
    shift = total = cross = torch.empty(0)
    for rows, seen in activations(model, inputs, [site], stop=site, compute=how):
        here = None if real is None else real[rows]
        values = largest(by_unit(model, seen[site].detach(), site, rows), here).double().cpu()
        if not count:
            shift = values[0]
            total, cross = torch.zeros_like(shift), torch.zeros(len(shift), len(shift)).double()
        away = values - shift
        total += away.sum(0)
        cross += away.T @ away
        count += len(away)
    mean = total / count
    covariance = cross / count - mean[:, None] * mean
    spread = covariance.diagonal().clamp_min(0).sqrt()
    moves = spread > 1e-9 * (spread.max() + shift.abs())
    length = torch.where(moves[:, None] & moves, spread[:, None] * spread, torch.inf)
    return (covariance / length).clamp(-1, 1).fill_diagonal_(0)
