"""Maps made without the network: what any explanation has to beat."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

AMOUNT = "|x - b|"
EDGES = "edges"
ENERGY = "energy"
RARE, EARLY, LATE = "rare words", "early words", "late words"


def free_maps(
    x: Tensor, reference: Tensor, *, pictures: bool, known: Tensor | None = None
) -> dict[str, Tensor]:
    """Maps ``[N, *shape]`` that know the input and not the network, by name.

    ``|x - b|`` is how far each element lies from the reference; ``edges``, for pictures, the length of the
    Sobel gradient of the mean over channels; ``pictures`` with a single axis are waveforms, whose ``energy``
    is the square of that distance. Token numbers have no distance: for them ``rare words`` is how surprising
    a token is, the log of all tokens of the ``known`` inputs per such token, and ``early words`` and
    ``late words`` are where it stands. No map is below 0, so that the largest size is the largest value.

    Example:
        >>> list(free_maps(torch.rand(1, 1, 8, 8), torch.zeros(1, 1, 8, 8), pictures=True))
        ['|x - b|', 'edges']
    """
    if not x.is_floating_point():
        return _of_tokens(x, x if known is None else known)
    made = {AMOUNT: (x - reference).abs()}
    if pictures and x.ndim == 3:
        made[ENERGY] = (x - reference).square()
    elif pictures:
        made[EDGES] = _sobel(x).expand_as(x) / x.shape[1]
    return made


def _of_tokens(x: Tensor, known: Tensor) -> dict[str, Tensor]:
    used, counts = known.unique(return_counts=True)
    place = torch.searchsorted(used, x).clamp(max=len(used) - 1)
    count = torch.where(used[place] == x, counts[place], 0)
    late = torch.arange(1.0, x.shape[-1] + 1, device=x.device).expand(x.shape) / x.shape[-1]
    return {RARE: ((known.numel() + 1.0) / (count + 1.0)).log(), EARLY: 1 - late, LATE: late}


def _sobel(x: Tensor) -> Tensor:
    grey = F.pad(x.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).to(x)
    kernels = torch.stack([across, across.T])[:, None]
    return F.conv2d(grey, kernels).norm(dim=1, keepdim=True)
