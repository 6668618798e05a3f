"""What each bias of a network contributes to a score, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pellucid._core import Pass, Sharing, Slope
from pellucid.attribution._operations import frozen, plain
from pellucid.errors import MethodError

STRAIGHT = frozenset({"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d"})


def contributions(picture: Tensor) -> Slope:
    """Of the input's elements and all biases, laid over a picture ``[N, C, H, W]``."""
    channels, size = picture.shape[1], picture.shape[-2:]

    def found(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        with frozen(work, "full_grad"), torch.enable_grad(), _Biased() as seen:
            start = points.detach().requires_grad_()
            score = work.score(start.clone(), rows, len(ks))
        outputs = [result for result, _ in seen.added]

        def back(outer: Tensor, keep: bool) -> Tensor:
            slopes = cast(
                "tuple[Tensor | None, ...]",
                torch.autograd.grad(
                    score, [start, *outputs], outer, allow_unused=True, retain_graph=keep or None
                )
                if score.requires_grad
                else (None,),
            )
            if slopes[0] is None:
                raise MethodError(
                    f"{work.target.label} does not depend on the input in a differentiable way."
                )
            total = (slopes[0] * points).reshape(-1, channels, *size)
            for slope, (_, bias) in zip(slopes[1:], seen.added, strict=True):
                if slope is not None:
                    total = total + _spread(slope * bias, len(points), size) / channels
            return total.reshape(points.shape)

        return work.targets.back(score, back), score.detach()

    return Sharing(found)


def _spread(part: Tensor, rows: int, size: torch.Size) -> Tensor:
    """A bias's part as a map ``[N, 1, H, W]`` of the same sum."""
    if part.ndim != 4 or len(part) != rows or min(part.shape[-2:]) < 1:
        whole = part.reshape(rows, -1).sum(1) / size.numel()
        return whole[:, None, None, None].expand(rows, 1, *size)
    cells = part.sum(1, keepdim=True)
    with torch.enable_grad():
        # backwards through an average, each cell goes evenly to the pixels that it averages
        pixels = torch.zeros(rows, 1, *size, dtype=part.dtype, device=part.device, requires_grad=True)
        mean = F.adaptive_avg_pool2d(pixels, (cells.shape[-2], cells.shape[-1]))
    return torch.autograd.grad(mean, pixels, cells)[0]


class _Biased(TorchFunctionMode):
    """Keeps what every convolution, linear layer and batch norm gave, and the bias in it."""

    def __init__(self) -> None:
        super().__init__()
        self.added: list[tuple[Tensor, Tensor]] = []

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Do one operation and keep it where it has a bias."""
        given, name = dict(kwargs or {}), plain(func)
        result = func(*args, **given)
        bias = _bias(name, args, given)
        if not isinstance(result, Tensor) or not result.requires_grad or bias is None:
            return result
        axis = -1 if name == "linear" else 1
        shape = [1] * result.ndim
        shape[axis] = -1
        self.added.append((result, bias.detach().view(shape)))
        # what follows may write into it
        return result.clone()


def _bias(name: str, args: tuple[object, ...], given: Mapping[str, object]) -> Tensor | None:
    def argument(place: int, word: str) -> Tensor | None:
        found = args[place] if place < len(args) else given.get(word)
        return cast("Tensor | None", found)

    if name in STRAIGHT:
        return argument(2, "bias")
    if name != "batch_norm":
        return None
    mean, variance = argument(1, "running_mean"), argument(2, "running_var")
    weight, bias = argument(3, "weight"), argument(4, "bias")
    if mean is None or variance is None:
        return None
    small = args[7] if len(args) > 7 else given.get("eps", 1e-5)
    if given.get("training") or (len(args) > 5 and args[5] is True):
        return None
    scale = (variance + cast("float", small)).rsqrt()
    scale = scale if weight is None else scale * weight
    return -mean * scale if bias is None else bias - mean * scale
