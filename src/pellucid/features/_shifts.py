"""How alike signals are wherever the same stands in them."""

from __future__ import annotations

import torch
from torch import Tensor

AT_ONCE = 4_000_000  # numbers of one product of spectra


def over_shifts(a: Tensor, b: Tensor, signal: tuple[int, int]) -> Tensor:
    """``[n, m]``: largest product of rows ``[n, C·T]`` and ``[m, C·T]`` over shifts of up to half of T.

    ``max_s Σ_c Σ_t a_c(t) b_c(t + s)``, nothing carried round the ends: of rows of length 1 the largest
    cosine, made smaller by what a shift pushes out.
    """
    channels, length = signal
    size = 2 * length
    first, second = (torch.fft.rfft(x.reshape(-1, channels, length).float(), size) for x in (a, b))
    most = length // 2
    each = max(1, AT_ONCE // (len(b) * size * channels))
    found = [_largest((part[:, None] * second.conj()[None]).sum(2), size, most) for part in first.split(each)]
    return torch.cat(found)


def _largest(product: Tensor, size: int, most: int) -> Tensor:
    sums = torch.fft.irfft(product, size)
    ahead = sums[..., : most + 1].amax(2)
    return torch.maximum(ahead, sums[..., -most:].amax(2)) if most else ahead


__all__ = ["over_shifts"]
