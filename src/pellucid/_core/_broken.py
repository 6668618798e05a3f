"""Values that are no numbers, said in a sentence instead of drawn."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid.errors import MethodError


def refuse_broken(method: str, values: Tensor) -> None:
    """Raise :class:`MethodError` where a network's slopes made values NaN or infinite, naming the rows."""
    # a sum is finite only if every element is; it may overflow, so then look closer
    if math.isfinite(values.detach().sum().item()) or bool(torch.isfinite(values).all()):
        return
    rows = (~torch.isfinite(values)).flatten(1).any(1).nonzero().flatten().tolist()
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    raise MethodError(
        f"{method}: the values of row {rows[0]}{more} are NaN or infinite: the network answers, but has no "
        "finite slope there. The usual cause is a square root, a logarithm or a division at exactly 0, such "
        "as silence or black. Add a small floor inside it, explain a layer behind it (at=…), or use "
        "occlusion, which needs no slopes."
    )


__all__ = ["refuse_broken"]
