"""Maps made without the network: what any explanation has to beat."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

AMOUNT = "|x - b|"
EDGES = "edges"
ENERGY = "energy"


def free_maps(x: Tensor, reference: Tensor, *, pictures: bool) -> dict[str, Tensor]:
    """Maps ``[N, *shape]`` that know the input and not the network, by name.

    ``|x - b|`` is how far each element lies from the reference; ``edges``, for pictures, the length of the
    Sobel gradient of the mean over channels; ``pictures`` with a single axis are waveforms, whose ``energy``
    is the square of that distance.

    Example:
        >>> list(free_maps(torch.rand(1, 1, 8, 8), torch.zeros(1, 1, 8, 8), pictures=True))
        ['|x - b|', 'edges']
    """
    made = {AMOUNT: (x - reference).abs()}
    if pictures and x.ndim == 3:
        made[ENERGY] = (x - reference).square()
    elif pictures:
        made[EDGES] = _sobel(x).expand_as(x) / x.shape[1]
    return made


def _sobel(x: Tensor) -> Tensor:
    grey = F.pad(x.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).to(x)
    kernels = torch.stack([across, across.T])[:, None]
    return F.conv2d(grey, kernels).norm(dim=1, keepdim=True)
