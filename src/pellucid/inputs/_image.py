"""Pictures: channels, normalisation, cells or superpixels, and what a missing piece looks like."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid._core import InputSpec, finite
from pellucid.errors import InputError, near_misses
from pellucid.inputs._numbers import numbers
from pellucid.inputs._superpixels import superpixels

SLACK = 0.5  # pixels may decode this far outside 0..1: noise and resampling overshoot, other scales do not
CELLS = 14  # cells along the shorter side where nobody says otherwise


@final
@dataclass(frozen=True, slots=True)
class ImageSpec(InputSpec):
    """What a picture means: ``pixel = x · std + mean`` per channel, 0 is black and 1 is full.

    Args:
        channels: number of channels C; 0 takes the length of ``mean`` or ``std``.
        size: height and width; ``None`` allows any.
        mean, std: per channel, in pixel units; one number serves all channels.
        absence: what stands in the place of a part taken away: ``"zero"`` black pixels, ``"mean"`` the mean
            colour (``mean`` where it is given, else the mean over each picture), ``"blur"`` the picture under
            a strong Gaussian blur (an eighth of the longer side), which keeps colours and drops details.
        cell: side in pixels of the square cells that are removable parts; 0 gives about 14 along the
            shorter side.
        parts: ``"cells"``, or ``"superpixels"``, which follow the picture and differ by row.
        regions: how many superpixels to aim at.
        channel_names: what people call the channels.

    Raises:
        InputError: if the fields contradict each other.

    Example:
        >>> spec = ImageSpec(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), size=(32, 32))
        >>> spec.channels, spec.cell
        (3, 2)
    """

    channels: int = 0
    size: tuple[int, int] | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    absence: Literal["zero", "mean", "blur"] = "zero"
    cell: int = 0
    channel_names: tuple[str, ...] = ()
    parts: Literal["cells", "superpixels"] = "cells"
    regions: int = 50

    def __post_init__(self) -> None:
        """Settle what was left open and refuse what contradicts itself."""
        settle = object.__setattr__  # the way of a frozen dataclass to settle its own fields
        mean, std = numbers(self.mean, "mean"), numbers(self.std, "std")
        channels = self.channels or max(len(mean), len(std), len(self.channel_names))
        settle(self, "channels", channels)
        for name, given in (("mean", mean), ("std", std)):
            settle(self, name, given * channels if len(given) == 1 else given)
        if self.size is not None:
            settle(self, "size", (int(self.size[0]), int(self.size[1])))
            settle(self, "cell", self.cell or _cell(self.size))
        self._refuse()

    def _refuse(self) -> None:
        for name, given in (("mean", self.mean), ("std", self.std), ("channel_names", self.channel_names)):
            if given and len(given) != self.channels:
                raise InputError(f"ImageSpec: {self.channels} channels, but {name} has {len(given)} entries.")
        if any(not math.isfinite(v) or v <= 0 for v in self.std) or not all(map(math.isfinite, self.mean)):
            raise InputError(
                f"ImageSpec: std must be above 0 and mean finite, got {self.std} and {self.mean}."
            )
        for name, given, known in (
            ("absence", self.absence, ("zero", "mean", "blur")),
            ("parts", self.parts, ("cells", "superpixels")),
        ):
            if given not in known:
                raise InputError(f"ImageSpec: {name}={given!r} is not known. {near_misses(given, known)}")
        if min(self.size or (1, 1)) < 1 or self.cell < 0 or self.regions < 1 or self.channels < 1:
            raise InputError("ImageSpec: channels, size, cell and regions must be positive.")

    @property
    def reads(self) -> str:
        """What a network with such inputs reads, in words."""
        return "pictures"

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of one picture."""
        return ("C", "H", "W")

    def check(self, x: Tensor) -> None:
        """Raise :class:`InputError` unless ``x`` is a batch of pictures on this spec's scale."""
        size = ("H", "W") if self.size is None else self.size
        wanted = f"[N, {self.channels}, {size[0]}, {size[1]}]"
        if x.ndim == 3:
            raise InputError(
                f"Expected pictures {wanted}, got {list(x.shape)}. Add the missing axis: x[None] for one "
                "picture, x[:, None] for grey pictures without a channel axis."
            )
        if x.ndim != 4 or x.shape[1] != self.channels or (self.size and tuple(x.shape[2:]) != self.size):
            turned = x.ndim == 4 and x.shape[-1] == self.channels
            hint = " The channels stand last: x.permute(0, 3, 1, 2) brings them forward." if turned else ""
            raise InputError(f"Expected pictures {wanted}, got {list(x.shape)}.{hint}")
        if not x.is_floating_point():
            raise InputError(f"Expected floating pictures, got {x.dtype}. Use spec.from_pixels(x / 255).")
        if 0 in x.shape:
            raise InputError(f"Expected at least one picture, got {list(x.shape)}.")
        finite(x, "Pictures")
        self._check_range(x)

    def _check_range(self, x: Tensor) -> None:
        low, high = (float(v) for v in torch.aminmax(self._decoded(x)))
        if low >= -SLACK and high <= 1 + SLACK:
            return
        raw = float(x.min()) >= 0 and 1 + SLACK < float(x.max()) <= 255
        hint = (
            "These look like raw values 0..255: use spec.from_pixels(x / 255)."
            if raw
            else "Give the mean and std the network was trained with, or use spec.from_pixels(0..1 values)."
        )
        raise InputError(
            f"Pixels should decode to 0..1, these decode to {low:.3g}..{high:.3g} under mean "
            f"{_few(self.mean)} and std {_few(self.std)}. {hint}"
        )

    def groups(self, x: Tensor) -> Tensor:
        """Part of each element: int64 ``[C, H, W]`` for cells, ``[N, C, H, W]`` for superpixels.

        All channels of a pixel belong to the same part.
        """
        height, width = x.shape[-2:]
        if self.parts == "superpixels":
            label = superpixels(x, min(self.regions, height * width))
            return label[:, None].expand(-1, x.shape[1], -1, -1)
        cell = self.cell or _cell((height, width))
        down = torch.arange(height, device=x.device) // cell
        across = torch.arange(width, device=x.device) // cell
        label = down[:, None] * math.ceil(width / cell) + across
        return label.expand(x.shape[1], height, width)

    def group_names(self, x: Tensor) -> tuple[str, ...]:
        """``"rows 0–1, columns 4–5"`` for cells, ``"region 3"`` for superpixels."""
        if self.parts == "superpixels":
            return tuple(f"region {k + 1}" for k in range(int(self.groups(x).max()) + 1))
        height, width = x.shape[-2:]
        cell = self.cell or _cell((height, width))
        return tuple(
            f"{_span('row', top, cell, height)}, {_span('column', left, cell, width)}"
            for top in range(0, height, cell)
            for left in range(0, width, cell)
        )

    def absent(self, x: Tensor) -> Tensor:
        """``x`` with every part taken away, as ``absence`` says."""
        if self.absence == "blur":
            return blurred(x, max(x.shape[-2:]) / 8)
        if self.absence == "mean" and not any(self.mean):
            return x.mean((-2, -1), keepdim=True).expand_as(x).clone()
        pixel = torch.zeros(self.channels) if self.absence == "zero" else torch.tensor(self.mean)
        return self._encoded(pixel.view(-1, 1, 1).to(x)).expand_as(x).clone()

    def to_pixels(self, x: Tensor) -> Tensor:
        """Pictures as people see them: ``[N, C, H, W]`` in 0..1; what lies outside is clipped."""
        return self._decoded(x).clamp(0, 1)

    def from_pixels(self, pixels: Tensor) -> Tensor:
        """Pictures as the network takes them, from pixels in 0..1."""
        return self._encoded(pixels if pixels.is_floating_point() else pixels.float())

    def _decoded(self, x: Tensor) -> Tensor:
        x = x.detach().float() if x.dtype in (torch.float16, torch.bfloat16) else x.detach()
        return x * x.new_tensor(self.std).view(-1, 1, 1) + x.new_tensor(self.mean).view(-1, 1, 1)

    def _encoded(self, pixels: Tensor) -> Tensor:
        mean, std = pixels.new_tensor(self.mean), pixels.new_tensor(self.std)
        return (pixels - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)


def _few(values: tuple[float, ...]) -> str:
    return ", ".join(f"{v:.3g}" for v in values[:4]) + (" …" if len(values) > 4 else "")


def _cell(size: tuple[int, int]) -> int:
    return max(1, min(size) // CELLS)


def _span(axis: str, start: int, cell: int, end: int) -> str:
    last = min(start + cell, end) - 1
    return f"{axis} {start}" if last == start else f"{axis}s {start}–{last}"


def blurred(x: Tensor, sigma: float) -> Tensor:
    """``x`` under a Gaussian of ``sigma`` pixels; near the edge only what lies inside is averaged."""
    x = _blurred_rows(x, sigma)
    return _blurred_rows(x.transpose(-1, -2), sigma).transpose(-1, -2)


def _blurred_rows(x: Tensor, sigma: float) -> Tensor:
    precise = torch.promote_types(x.dtype, torch.float32)
    place = torch.arange(x.shape[-1], device=x.device, dtype=precise)
    weight = torch.exp(-0.5 * ((place[:, None] - place) / sigma).square())
    return x @ (weight / weight.sum(0)).to(x.dtype)
