"""Attention over patches of a picture: what no open patch reads is not used."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid._core import Dataset, Json
from pellucid.networks._architecture import Architecture
from pellucid.networks._gated import OwnGate, opened, standard
from pellucid.networks._parts import positive
from pellucid.networks._readable import Recipe

SPREAD = 0.05  # how much spread-out attention costs
LEAST = 0.1  # variance added to that of a value: places that hardly ever differ stay small
CHUNK = 512  # pictures at a time where all training pictures are looked at


class AttentionPatches(OwnGate):
    """``logits = constant + scale · Σ attention_j · value_j(patch j)``; there is no other path.

    Each place has a small network of its own, which reads the pixels of its patch and nothing else: from them
    come both the gate and the value. Values have mean 0 over the training pictures at each place. Patches
    overlap; a pixel's weight is the sum of what the patches that read it hold, each spread evenly over its
    pixels, and is 0 exactly where no open patch reads it.

    Args:
        shape: channels, height and width of a picture.
        outputs: classes, or 1 for regression.
        step: pixels from one patch to the next; a patch is two steps wide and high.
        shrink: pixels along a side that are averaged to one before anything else; 1 takes them as they are.
        swap: weight of the swap loss.
        hidden: width of each place's network.
        seed: decides the weights.
        answers: mean and sd of the answers in regression.

    Attributes:
        open: 0 where a place is closed for good: its gate said no in every training picture ``[places]``.
        down, across: patches in a column and in a row of them.
    """

    part = "patch"
    open: Tensor
    recipe = Recipe(epochs=40, batch_size=128, learning_rate=5e-3, weight_decay=1e-3)

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        *,
        step: int,
        shrink: int = 1,
        swap: float = 1.0,
        hidden: int = 32,
        seed: int = 0,
        answers: Sequence[float] | None = None,
    ) -> None:
        positive({"shape": shape, "step": [step], "shrink": [shrink], "hidden": [hidden]})
        super().__init__(outputs, hidden, spread=SPREAD, swap=swap, penalty=0.0, answers=answers)
        params: dict[str, Json] = {
            "shape": [*shape],
            "outputs": outputs,
            "step": step,
            "shrink": shrink,
            "swap": swap,
            "hidden": hidden,
            "seed": seed,
            "answers": None if answers is None else [*answers],
        }
        self.architecture = Architecture("attention_patches", params)
        self.shape, self.step, self.shrink, self.side = (*shape,), step, shrink, 2 * step
        small = [-(-side // shrink) for side in shape[1:]]
        counts = [max(1, -(-(side - self.side) // step) + 1) for side in small]
        self.filled = [self.side + step * (count - 1) for count in counts]
        self.down, self.across = counts
        places, size = counts[0] * counts[1], shape[0] * self.side**2
        chance = torch.Generator().manual_seed(seed)

        def drawn(*sizes: int, sd: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*sizes, generator=chance) * sd)

        self.weight = drawn(places, size, hidden, sd=(2 / size) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(places, 1, hidden))
        self.activation = nn.ReLU()
        self.value = drawn(places, hidden, self.width, sd=hidden**-0.5)
        self.gate = drawn(places, hidden, 1, sd=hidden**-0.5)
        self.gate_bias = nn.Parameter(torch.zeros(places, 1, 1))
        self.norm = nn.BatchNorm1d(places * self.width, eps=LEAST, affine=False)
        self.register_buffer("open", torch.ones(places))

    def patches(self, x: Tensor) -> Tensor:
        """Pixels of each patch ``[N, places, C · side²]``; beyond the edge there is nothing."""
        if self.shrink > 1:
            x = F.avg_pool2d(x, self.shrink, ceil_mode=True, count_include_pad=False)
        below, beside = self.filled[0] - x.shape[2], self.filled[1] - x.shape[3]
        return F.unfold(F.pad(x, (0, beside, 0, below)), self.side, stride=self.step).transpose(1, 2)

    def asks(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How much each patch asks to be heard, and what it says."""
        cut = self.patches(x).transpose(0, 1)
        hidden = self.activation(torch.baddbmm(self.bias, cut, self.weight).transpose(0, 1)).transpose(0, 1)
        said = torch.bmm(hidden, self.value).transpose(0, 1)
        score = torch.baddbmm(self.gate_bias, hidden, self.gate)[..., 0].T
        return opened(score) * self.open, standard(self.norm, said.flatten(1)).view_as(said)

    def shown(self, attention: Tensor, x: Tensor) -> Tensor:
        """Weights by pixel ``[N, H, W]``: each patch's is spread evenly over the pixels it reads."""
        side, step = self.side * self.shrink, self.step * self.shrink
        down, right = (size * self.shrink for size in self.filled)
        _, height, width = self.shape
        there = F.pad(attention.new_ones(1, 1, height, width), (0, right - width, 0, down - height))
        counts = F.unfold(there, side, stride=step).sum(1)
        spread = (attention / counts)[:, None].expand(-1, side**2, -1)
        return F.fold(spread, (down, right), side, stride=step)[:, 0, :height, :width]

    def unread(self, x: Tensor, attention: Tensor) -> Tensor:
        """Pixels that no open patch reads."""
        return (self.shown(attention, x) == 0)[:, None].expand_as(x)

    @torch.no_grad()
    def advance(self, dataset: Dataset) -> bool:
        """Places whose gate said no in every training picture are closed for good; nothing else changes."""
        was = self.training
        self.eval()
        used = torch.zeros_like(self.open)
        for part in dataset.part("train").inputs.split(CHUNK):
            used = torch.maximum(used, (self.asks(part)[0] > 0).to(used).amax(0))
        self.open.copy_(used)
        self.train(was)
        return False

    def named(self) -> list[str]:
        """Which pixels each place reads, counted from 1."""
        side, step = self.side * self.shrink, self.step * self.shrink

        def ends(place: int, size: int) -> str:
            return f"{place * step + 1}–{min(size, place * step + side)}"

        return [
            f"rows {ends(i, self.shape[1])}, columns {ends(j, self.shape[2])}"
            for i in range(self.down)
            for j in range(self.across)
        ]


def attention_patches(
    shape: Sequence[int],
    outputs: int,
    *,
    step: int,
    shrink: int = 1,
    swap: float = 1.0,
    hidden: int = 32,
    seed: int = 0,
    answers: Sequence[float] | None = None,
) -> AttentionPatches:
    """An untrained attention network for pictures; see :class:`AttentionPatches` for the arguments.

    Example:
        >>> network = attention_patches([1, 8, 8], 10, step=2).eval()
        >>> network.attention(torch.zeros(5, 1, 8, 8)).shape, network(torch.zeros(5, 1, 8, 8)).shape
        (torch.Size([5, 9]), torch.Size([5, 10]))
    """
    return AttentionPatches(
        shape, outputs, step=step, shrink=shrink, swap=swap, hidden=hidden, seed=seed, answers=answers
    )
