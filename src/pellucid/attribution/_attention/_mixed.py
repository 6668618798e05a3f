"""Attention of all heads as one matrix, half of it staying where one is."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.errors import InputError, near_misses

FUSIONS = ("mean", "max", "min")


def known_fusion(fusion: str) -> None:
    """Raise :class:`InputError` where a way to fuse heads is not known."""
    if fusion not in FUSIONS:
        raise InputError(f"No fusion of heads is called {fusion!r}. {near_misses(fusion, FUSIONS)}")


def halved(weights: Tensor, fusion: str) -> Tensor:
    """``(A + I) / 2`` from ``[n, heads, T, T]``, each row adding up to 1: ``[n, T, T]``."""
    heads = {"mean": weights.mean(1), "max": weights.amax(1), "min": weights.amin(1)}[fusion]
    total = heads.sum(-1, keepdim=True)
    heads = heads / torch.where(total > 0, total, torch.ones_like(total))
    stays = torch.eye(heads.shape[-1], dtype=heads.dtype, device=heads.device)
    both = heads + stays
    return both / both.sum(-1, keepdim=True)
