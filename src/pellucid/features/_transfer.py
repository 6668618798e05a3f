"""Whether a picture made on one network excites the like unit of another that learned the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, activations
from pellucid._core._units import by_unit
from pellucid.errors import InputError
from pellucid.features._objectives import Objective, number_of, of_output


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """What a second network makes of pictures.

    Args:
        unit: int64 ``[U]``, the second network's unit that goes best with each goal over real inputs.
        correlation: ``[U]``, of the two over real inputs.
        made: ``[U]``, share of real inputs that excite that unit less than the picture does.
        real: ``[U]``, the same for the real inputs that excite the goal most, mean over these.
    """

    unit: Tensor
    correlation: Tensor
    made: Tensor
    real: Tensor


def transfer(
    objectives: Sequence[Objective],
    values: Tensor,
    twin: nn.Module,
    site: str,
    place: int,
    shown: Tensor,
    models: Tensor,
    sample: Tensor,
    how: Compute,
) -> Transfer:
    """Show pictures ``[U, …]`` of goals with these ``values [U, n]`` over a sample to a second network.

    Classes mean the same in both. A hidden unit has no namesake, so it is paired with the unit of the same
    layer whose values go with its own; ``models [U, k]`` number the inputs that excite each goal most.
    """
    theirs, made = (unit_values(twin, site, place, x, how) for x in (sample, shown))
    named = of_output(objectives[0]) and all(number_of(each) >= 0 for each in objectives)
    classes = torch.tensor([number_of(each) for each in objectives]) if named else None
    return compared(values, theirs, made, models, classes)


def compared(
    values: Tensor, theirs: Tensor, made: Tensor, models: Tensor, classes: Tensor | None
) -> Transfer:
    """From the values ``[U, n]`` of goals over a sample, and those of all units of a second network
    ``[T, n]`` over it and ``[T, U]`` over the pictures; ``classes`` where goals mean the same in both.
    """
    if classes is not None:
        unit = classes
        correlation = _correlated(values, theirs)[torch.arange(len(unit)), unit]
    else:
        correlation, unit = _correlated(values, theirs).max(1)
    own, reached = theirs[unit], made[unit, torch.arange(len(unit))]
    real = torch.stack([_above(own, own.gather(1, models[:, [k]])[:, 0]) for k in range(models.shape[1])])
    return Transfer(unit, correlation, _above(own, reached), real.mean(0))


def unit_values(model: nn.Module, site: str, place: int, inputs: Tensor, how: Compute) -> Tensor:
    """``[units, n]`` at one position, in double precision."""
    quiet = Compute(how.batch_size, how.seed)
    parts = [
        by_unit(model, seen[site], site)[:, :, place].double().cpu()
        for _, seen in activations(model, inputs, [site], stop=site, compute=quiet)
    ]
    return torch.cat(parts).T


def _correlated(a: Tensor, b: Tensor) -> Tensor:
    """Pearson correlation ``[U, T]`` of rows; 0 where one does not vary."""
    a, b = (each.double() - each.double().mean(1, keepdim=True) for each in (a, b))
    return torch.nn.functional.normalize(a, dim=1) @ torch.nn.functional.normalize(b, dim=1).T


def _above(own: Tensor, value: Tensor) -> Tensor:
    """Share of ``own [U, n]`` below ``value [U]``, equal ones by half."""
    below, same = own < value[:, None], own == value[:, None]
    return (below.double() + same.double() / 2).mean(1)


def refuse_twin(model: nn.Module, twin: nn.Module) -> None:
    """A second network must have the same layers and other weights."""
    own, other = model.state_dict(), twin.state_dict()
    shapes = {name: tuple(each.shape) for name, each in own.items()}
    if shapes != {name: tuple(each.shape) for name, each in other.items()}:
        raise InputError(
            "twin: expected a network of the same architecture, trained by itself; its weights have other "
            "names or shapes."
        )
    if all(torch.equal(own[name], other[name].to(own[name].device)) for name in own):
        raise InputError(
            "twin: has the very same weights, so everything would transfer; train one with another seed."
        )


__all__ = ["Transfer", "compared", "refuse_twin", "transfer", "unit_values"]
