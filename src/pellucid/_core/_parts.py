"""Which elements of a point belong to which part."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.errors import InputError

CELLS = 14  # cells along the shorter side of a map where nobody names its parts
HELD = -1  # number of what is never taken away


def parts(point: Tensor) -> Tensor:
    """Number of the part of each element where nobody named parts: int64, broadcasts to ``[*shape]``.

    An element of ``[D]``, an index of the first axis of ``[T, E]``, or one of about 14×14 cells, all channels
    together, of ``[C, H, W]``.
    """
    shape, place = point.shape[1:], point.device
    if len(shape) < 2:
        return torch.arange(shape.numel(), device=place).view(shape)
    if len(shape) == 2:
        return torch.arange(shape[0], device=place)[:, None]
    spatial = shape[1:]
    cell = max(1, min(spatial) // CELLS)
    label = torch.zeros((), dtype=torch.int64, device=place)
    for length in spatial:
        index = torch.arange(length, device=place) // cell
        label = label[..., None] * (int(index[-1]) + 1) + index
    return label


def numbered(groups: Tensor, point: Tensor) -> Tensor:
    """Part numbers ``[1 or N, …]`` with as many axes as the point, those that do not matter cut to 1.

    ``-1`` is held: what no part takes away.

    Raises:
        InputError: where they are no part numbers of this point.
    """
    found = groups.to(point.device)
    if (
        found.is_floating_point()
        or found.dtype == torch.bool
        or found.numel() == 0
        or int(found.min()) < HELD
    ):
        raise InputError(
            "groups: expected whole numbers from 0, one for the part of each element, and -1 for what is "
            "never taken away."
        )
    if found.ndim > point.ndim:
        raise InputError(f"groups: expected a shape that fits {list(point.shape)}, got {list(found.shape)}.")
    found = found.long()[(None,) * (point.ndim - found.ndim)]
    try:
        found.expand(point.shape)
    except RuntimeError:
        by_row = groups.shape == (*point.shape[:1], *point.shape[2:])
        hint = (
            " Numbers of each row's pixels, the same for all channels, are groups[:, None]." if by_row else ""
        )
        raise InputError(
            f"groups: expected a shape that fits {list(point.shape)}, got {list(groups.shape)}.{hint}"
        ) from None
    for axis, step in enumerate(found.stride()):
        found = found.narrow(axis, 0, 1) if step == 0 else found
    return found


def counts_of(numbers: Tensor) -> tuple[int, ...]:
    """Number of parts of each row of :func:`numbered` numbers; a row that is all held has one empty part."""
    return tuple(max(1, int(top) + 1) for top in numbers.reshape(len(numbers), -1).amax(1).tolist())


def shared_out(values: Tensor, numbers: Tensor, shape: torch.Size) -> Tensor:
    """A part's value ``[rows, n]`` divided evenly among its elements ``[rows, *shape]``; 0 where held."""
    flat = numbers.expand(len(numbers), *shape).reshape(len(numbers), -1)
    # what is held goes to one part more, which is worth nothing
    each = torch.cat([values, values.new_zeros(len(values), 1)], 1)
    flat = flat.remainder(each.shape[1])
    size = each.new_zeros(len(flat), each.shape[1])
    size.scatter_add_(1, flat, each.new_ones(1).expand_as(flat))
    return (each / size.clamp_(min=1)).gather(1, flat.expand(len(each), -1)).view(len(each), *shape)
