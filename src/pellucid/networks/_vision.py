"""A small vision transformer: pictures ``[N, C, H, W]`` read as a sequence of patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid._core import Json
from pellucid.errors import InputError
from pellucid.networks._parts import positive
from pellucid.networks._text import Block, Reader, finished, places


class VisionTransformer(Reader):
    """Made by :func:`vit`."""

    def __init__(self, channels: int, outputs: int, patch: int, width: int, heads: int, blocks: int,
                 dropout: float) -> None:  # fmt: skip
        super().__init__()
        self.patch, self.blocks = patch, blocks
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.input_dropout = nn.Dropout(dropout)
        for number in range(1, blocks + 1):
            self.add_module(f"block{number}", Block(width, heads, dropout))
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.output = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, outputs]`` of pictures ``[N, C, H, W]``."""
        below, beside = (-side % self.patch for side in x.shape[2:])
        if below or beside:  # sides that no whole number of patches fills end in nothing
            x = F.pad(x, (0, beside, 0, below))
        x = self.patches(x)
        down, across = (places(side, x.transpose(1, 3)[..., ::2]) for side in x.shape[2:])
        where = torch.cat([down[:, None].expand(-1, len(across), -1), across.expand(len(down), -1, -1)], 2)
        x = self.input_dropout(x.flatten(2).transpose(1, 2) + where.flatten(0, 1))
        for number in range(1, self.blocks + 1):
            x = self.get_submodule(f"block{number}")(x, x.new_zeros(1, 1, 1, 1))
        return self.output(self.dropout(self.norm(x).mean(1)))


def vit(
    channels: int,
    size: int | tuple[int, int],
    outputs: int,
    *,
    patch: int = 0,
    width: int = 64,
    heads: int = 4,
    blocks: int = 2,
    dropout: float = 0.1,
    seed: int = 0,
    answers: tuple[float, float] | None = None,
) -> Reader:
    """A small vision transformer ``[N, channels, H, W] -> [N, outputs]``, by the mean over patches.

    ``patches, block1.norm1, block1.attention.query … block1.attention.weights, block1.dense1, …, norm,
    output``; normalisation comes first in each block, places are sines and cosines of row and column.

    Args:
        channels: channels of a picture.
        size: height and width of a picture, or one number for both.
        outputs: number of classes, or 1 for regression.
        patch: pixels along a side of a patch; 0 takes an eighth of the shorter side, 2 to 16.
        width: of a patch's vector; a multiple of 4 and of ``heads``.
        heads: of each attention. blocks: how many follow each other.
        dropout: share that is dropped in training, behind each step.
        seed: decides the weights.
        answers: mean and sd of the answers in regression.

    Raises:
        InputError: where a number is below 1, ``width`` does not go into heads, or ``patch`` into the
            picture.

    Source:
        Dosovitskiy et al. 2021, An Image is Worth 16x16 Words, arXiv 2010.11929; without a class token and
        with fixed places: Beyer et al. 2022, Better plain ViT baselines, arXiv 2205.01580.

    Example:
        >>> vit(1, 8, 10, width=16)(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 10])
    """
    height, wide = (size, size) if isinstance(size, int) else size
    counts = {"channels": [channels], "size": [height, wide], "outputs": [outputs], "width": [width]}
    positive({**counts, "heads": [heads], "blocks": [blocks]})
    if width % heads or width % 4:
        raise InputError(f"width must be a multiple of 4 and of heads={heads}, got {width}.")
    side = patch or min(height, wide, max(2, min(16, round(min(height, wide) / 8))))
    if not 1 <= side <= min(height, wide):
        raise InputError(
            f"patch is 1 to {min(height, wide)} pixels for pictures {height} × {wide}, got {patch}."
        )
    with torch.random.fork_rng(devices=[]):  # torch's own random state is not moved
        made = VisionTransformer(channels, outputs, side, width, heads, blocks, dropout)
    params: dict[str, Json] = {"channels": channels, "size": [height, wide], "outputs": outputs}
    params |= {"patch": side, "width": width, "heads": heads, "blocks": blocks, "dropout": dropout}
    return finished(made, "vit", params, seed, answers)
