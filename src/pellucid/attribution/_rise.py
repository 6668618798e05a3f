"""The score that a pixel goes along with when parts of a picture or spectrogram fade at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid._core._game import Baseline
from pellucid.errors import InputError, MethodError

NEEDS = "rise lets patches of a picture or a spectrogram [N, C, H, W] fade"

Masks = Callable[[Tensor], Tensor]


def rise(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    baseline: Baseline = None,
    samples: int = 1000,
    cells: int | Sequence[int] = 8,
    keep: float = 0.5,
    compute: Compute | None = None,
) -> Explanation:
    """How far the mean score lies above the mean over all masks where a pixel is kept: units of the target.

    Smooth random masks let parts of a picture, or of a spectrogram, fade. The original gives the mean score
    itself, which differs by one number for each picture and ranks pixels alike; without that number, 0 says
    that a pixel makes no difference.

    Formula: ``values[p] = sum_k f(x_k) · M_k[p] / sum_k M_k[p] - mean_k f(x_k)``, with
    ``x_k = M_k · x + (1 - M_k) · baseline`` and ``M_k`` a random grid of zeros and ones, enlarged and
    shifted. Every channel of a pixel gets an equal share of its value.

    Args:
        model: any network; needs no gradients.
        inputs: pictures ``[N, C, H, W]`` or spectrograms ``[N, C, F, T]``.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation ``[N, C, H, W]`` is explained instead of the inputs.
        spec: what the inputs mean; its absence is used.
        baseline: what shines through where a picture fades: a number or a tensor that broadcasts to the
            inputs. ``None`` is what the spec calls absent, zeros without one.
        samples: masks, which all pictures share.
        cells: of the random grid along each axis, or one number for each of the two axes.
        keep: probability that a cell of the grid is kept.
        compute: how to run; its seed decides the masks.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``stderr``.

    Raises:
        InputError: where arguments do not fit.
        TargetError, SiteError: where target or site do not fit the network.
        MethodError: where what is explained is neither.

    Cost:
        ``samples`` forward passes, and one more; no backward pass. Memory: one chunk.

    Limits:
        Sees nothing finer than a cell of the grid. Converges slowly: compare values with ``stderr``. Faded
        pictures may lie where the network never trained. Values do not add up to anything.

    Source:
        Petsiuk et al. 2018, RISE: Randomized Input Sampling for Explanation of Black-box Models, arXiv
        1806.07421; divided by the sum of the masks, not by its expectation, which favours no border.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(64, 1, bias=False))
        >>> _ = net[1].weight.data.zero_()[0, 9].fill_(1)
        >>> why = rise(net, torch.ones(1, 1, 8, 8), 0, samples=500)
        >>> int(why.values.argmax())
        9
    """
    grid = (cells, cells) if isinstance(cells, int) else tuple(cells)
    if samples < 2 or not 0 < keep < 1 or len(grid) != 2 or min(grid) < 1:
        raise InputError(
            "rise needs at least 2 samples, 0 < keep < 1 and at least one cell along each axis, got "
            f"samples={samples}, keep={keep}, cells={cells}."
        )
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    if q.point.ndim != 4 or not q.point.is_floating_point():
        raise MethodError(f"{NEEDS}; {_got(q, at)}.{q.instead}")
    masks, fill = _masks(q, samples, grid, keep), q.filled(baseline)
    way = q.point - fill

    def faded(ks: Tensor, rows: slice) -> Tensor:
        return torch.addcmul(fill[rows], masks(ks)[:, None, None].to(fill), way[rows])

    full = q.scores()[0]
    mean, stderr = _kept(q.scores(faded, samples).double() - full.double(), masks, q.compute.batch_size)
    return q.answer(
        "rise",
        _every_channel(mean, q.point),
        {
            "baseline": fill if isinstance(baseline, Mapping) else baseline,
            "samples": samples,
            "cells": cells if isinstance(cells, int) else list(cells),
            "keep": keep,
        },
        stderr=_every_channel(stderr, q.point),
        scores=full,
    )


def _got(q: Question, at: str | None) -> str:
    """What stands there instead, which has no patches."""
    shape = list((q.packed if at is None else q.point).shape)
    axes = () if q.described is None else q.described.axes
    if at is None and not q.packed.is_floating_point():
        return f"these are whole numbers {shape}"
    return f"these are waveforms {shape}" if axes == ("C", "T") else f"got {shape}"


def _masks(q: Question, samples: int, cells: tuple[int, ...], keep: float) -> Masks:
    """Mask ``k`` float64 ``[c, H, W]``: the same for every row and any batch size."""
    generator = torch.Generator().manual_seed(q.compute.seed)
    shape, place = q.point.shape[-2:], q.point.device
    step = [-(-length // count) for length, count in zip(shape, cells, strict=True)]
    large = [(count + 1) * size for count, size in zip(cells, step, strict=True)]
    # a truth value for each cell is all that grows with the number of masks
    grid = torch.empty(samples, *cells, dtype=torch.bool)
    for some in grid.split(q.compute.batch_size):
        some.copy_(torch.rand(some.shape, generator=generator, dtype=torch.float64) < keep)
    shift = [torch.randint(size, (samples,), generator=generator) for size in step]

    def masks(ks: Tensor) -> Tensor:
        whole = F.interpolate(grid[ks][:, None].double(), size=large, mode="bilinear", align_corners=False)[
            :, 0
        ]
        down = shift[0][ks][:, None] + torch.arange(shape[0])
        across = shift[1][ks][:, None] + torch.arange(shape[1])
        each = torch.arange(len(ks))[:, None, None]
        return whole[each, down[:, :, None], across[:, None, :]].to(place)

    return masks


def _kept(scores: Tensor, masks: Masks, size: int) -> tuple[Tensor, Tensor]:
    """Mean over the masks that keep a pixel less the mean over all, and its standard error: ``[N, H, W]``.

    The error is that of a ratio: the spread of ``M_k (f_k - R) / mean M - (f_k - mean f)`` over masks.
    """
    count, middle = len(scores), scores.mean(0)
    f = (scores - middle).T
    ones, total = f.new_zeros(()), f.new_zeros(())
    for ks in torch.arange(count).split(size):
        kept = masks(ks).flatten(1)
        ones, total = ones + kept.sum(0), total + f[:, ks.to(f.device)] @ kept
    if not bool(ones.all()):
        raise InputError(
            f"Of {count} masks none keeps some places, so nothing can be said of them. Take more samples=, "
            "or a larger keep=."
        )
    ratio = total / ones
    share = ones / count
    spread = torch.zeros_like(ratio)
    for ks in torch.arange(count).split(size):
        M, g = masks(ks).flatten(1) / share, f[:, ks.to(f.device)]
        # sum over masks of (M (g - R) - g)², without a tensor of rows × masks × pixels
        spread += (
            g.square() @ (M - 1).square()
            - 2 * ratio * (g @ (M * (M - 1)))
            + ratio.square() * M.square().sum(0)
        )
    shape = (len(f), *masks(torch.tensor([0])).shape[1:])
    return ratio.view(shape), (spread.clamp(min=0) / (count * (count - 1))).sqrt().view(shape)


def _every_channel(found: Tensor, point: Tensor) -> Tensor:
    return (found[:, None] / point.shape[1]).expand(point.shape).to(point.dtype)
