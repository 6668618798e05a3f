"""One number or several, as people have them."""

from __future__ import annotations

import torch

from pellucid.errors import InputError


def numbers(given: object, name: str) -> tuple[float, ...]:
    """A number, a sequence, an array or a tensor of numbers as a tuple.

    Example:
        >>> numbers(0.5, "mean"), numbers([0.5, 0.25], "mean")
        ((0.5,), (0.5, 0.25))
    """
    try:
        return tuple(torch.as_tensor(given, dtype=torch.float64).flatten().tolist())
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{name}: expected one number, or one for each channel, got {given!r}.") from None
