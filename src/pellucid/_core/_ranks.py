"""Ranks, and the area under the ROC curve that follows from them."""

from __future__ import annotations

import torch
from torch import Tensor


def ranks(x: Tensor) -> Tensor:
    """Ranks from 1 along the last axis, ties sharing their mean rank.

    Example:
        >>> ranks(torch.tensor([0.2, 0.1, 0.2])).tolist()
        [2.5, 1.0, 2.5]
    """
    ordered = x.sort(-1).values.contiguous()
    below = torch.searchsorted(ordered, x.contiguous(), right=False)
    up_to = torch.searchsorted(ordered, x.contiguous(), right=True)
    return (below + up_to + 1).to(torch.promote_types(x.dtype, torch.float32)) / 2


def area(total: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """AUC of ``own`` members against ``other`` rows from the sum of the members' ranks.

    It is the chance that a member lies above another row, ties counting half::

        (R − n₁(n₁ + 1)/2) / (n₁ n₀)

    Source:
        Mann and Whitney 1947, On a test of whether one of two random variables is stochastically larger.

    Example:
        >>> member = torch.tensor([False, False, True, True])
        >>> total = (ranks(torch.tensor([0.1, 0.4, 0.35, 0.8])) * member).sum()
        >>> float(area(total, member.sum(), (~member).sum()))
        0.75
    """
    return (total - own * (own + 1) / 2) / (own * other)


def areas(values: Tensor, member: Tensor) -> Tensor:
    """AUC ``[R]`` of each row of values ``[R, N]`` for its own members, bool ``[R, N]``."""
    own, other = member.sum(-1).double(), (~member).sum(-1).double()
    return area((ranks(values) * member).sum(-1), own, other)
