"""The largest of a unit's positions, and where it stands."""

from __future__ import annotations

from math import gcd, isqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._core._best import Numbers, Whole

STRETCH = 16  # positions of a stretch, from which on it pays to look for the largest in two steps,
SHARE = 8  # where at least one of so many units is looked for
FEW, HALVED = 32, 14  # positions that are not worth a reduction, and from which on halves are compared first
LANES = 32  # numbers side by side that are reduced at once; a rest goes one by one, at a tenth of the speed
SHORT, LONG = (torch.float16, torch.bfloat16), (torch.float32, torch.float64)


def largest(found: Tensor) -> Tensor:
    """``[b, U, positions]`` to the largest ``[b, U]``."""
    size = found.shape[2]
    if size == 1:
        return found[:, :, 0]
    if not (found.is_cpu and found.is_floating_point()):
        return found.amax(2)
    if not found.is_contiguous():
        lined = found.movedim(1, 2)
        return _over(lined) if lined.is_contiguous() else found.amax(2)
    if size >= FEW:
        rest = size % FEW
        # blocks of 32 are reduced at once, a long rest one by one: it is seen within the last 32
        if rest < FEW // 2:
            return found.amax(2)
        return torch.maximum(found[:, :, : size - rest].amax(2), found[:, :, -FEW:].amax(2))
    # the same; a reduction over so few numbers takes several times as long
    few = found.view(-1, size)
    if size >= HALVED:
        half = (size + 1) // 2
        few = torch.maximum(few[:, :half], few[:, -half:])
    return F.max_pool1d(few.view(1, -1), few.shape[1]).view(found.shape[:2])


def _over(lined: Tensor) -> Tensor:
    """``[n, positions, U]``, one behind the other in memory, to the largest ``[n, U]``.

    Where units do not fill the lanes, several positions stand side by side until the last.
    """
    count, size, units = lined.shape
    beside = LANES // gcd(units, LANES)
    while size % beside:
        beside //= 2
    found = lined.view(count, size // beside, beside * units).amax(1)
    while beside > 1:
        beside //= 2
        found = torch.maximum(found[:, : beside * units], found[:, beside * units :])
    return found


def numbers_of(values: Tensor) -> Numbers:
    """Floats that keep all there is to a value."""
    if values.dtype not in LONG:
        values = values.to(torch.float32 if values.dtype in SHORT else torch.float64)
    return values.cpu().numpy()


def _stretches(found: Tensor) -> Tensor | None:
    """The largest of each stretch of many positions ``[b, U, stretches]``, where units lie side by side."""
    size, units = found.shape[2], found.shape[1]
    if size < STRETCH**2 or found.stride(1) != 1 or not found.is_cpu or found.dtype not in LONG:
        return None
    wide = next(wide for wide in range(isqrt(size), 0, -1) if size % wide == 0)
    lined = found.movedim(1, 2)
    if wide < STRETCH or not lined.is_contiguous():
        return None
    return _over(lined.view(-1, wide, units)).view(-1, size // wide, units).movedim(2, 1)


def peaks(found: Tensor, row: Whole, unit: Whole) -> Whole:
    """Where the largest of some of the rows' units ``[b, U, positions]`` stands first."""
    tops = _stretches(found) if SHARE * len(row) > found.shape[0] * found.shape[1] else None
    if tops is not None:
        # positions of a unit lie far apart, and few of them are read so
        stretch = tops.numpy()[row, unit].argmax(1)
        wide = found.shape[2] // tops.shape[2]
        return stretch * wide + found.unflatten(2, (-1, wide)).numpy()[row, unit, stretch].argmax(1)
    if found.is_cpu and found.dtype in LONG:
        return found.numpy()[row, unit].argmax(1)
    at, of = (torch.from_numpy(part).to(found.device) for part in (row, unit))
    return found[at, of].argmax(1).cpu().numpy()


def at_places(found: Tensor, row: Whole, unit: Whole, place: Whole) -> Numbers:
    """Numbers of ``[b, U, positions]`` at known places of some of the rows' units."""
    if found.is_cpu and found.dtype in LONG:
        return found.numpy()[row, unit, place]
    where = [torch.from_numpy(part).to(found.device) for part in (row, unit, place)]
    return numbers_of(found[where[0], where[1], where[2]])
