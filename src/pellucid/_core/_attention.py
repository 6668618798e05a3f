"""Fused attention, in the numbers that it keeps to itself."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.errors import MethodError

CLOSE = 100  # roundings by which recomputed attention may differ from the fused one


def attention_weights(
    query: Tensor,
    key: Tensor,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(QKᵀ / √d + mask)`` of ``torch.nn.functional.scaled_dot_product_attention``: ``[…, T, S]``.

    Example:
        >>> attention_weights(torch.zeros(1, 2, 3), torch.zeros(1, 4, 3))[0, 0].tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
    scores = (query @ key.transpose(-2, -1)) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        allowed = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~allowed, float("-inf"))
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, float("-inf"))
    elif attn_mask is not None:
        scores = scores + attn_mask
    return scores.softmax(-1)


def recomputed(made: Tensor, fused: Tensor, who: str) -> None:
    """Raise :class:`MethodError` where attention done in its parts is not what the fused one gave."""
    made, fused = made.detach(), fused.detach()
    # fields of units are found by what NaN reaches, and reaches either way
    lost = made.isnan() & fused.isnan()
    far, size = (float(part.masked_fill(lost, 0).abs().max()) for part in (made - fused, fused))
    if not far <= CLOSE * torch.finfo(fused.dtype).eps * max(1.0, size):
        raise MethodError(
            f"{who} recomputed the weights of 'scaled_dot_product_attention', and with them its "
            f"output differs by {far:.2g}."
        )
