"""Regions of a picture, ranked by how densely they hold what raised the score."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike, percent
from pellucid.attribution._integrated_gradients import integrated_gradients
from pellucid.attribution._maps import map_at, picture_of
from pellucid.attribution._regions import grown, overlapping
from pellucid.errors import InputError
from pellucid.inputs import ImageSpec

SCALES = (6, 12, 25, 50, 100, 200)
TOP = 0.1  # of the area, whose share the note tells


def xrai(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    scales: Sequence[int] = SCALES,
    low: float | Tensor | None = None,
    high: float | Tensor | None = None,
    steps: int = 50,
    compute: Compute | None = None,
) -> Explanation:
    """Mean attribution of the region that a pixel belongs to, in units of the target.

    Integrated gradients from black and from white are averaged, so that neither dark nor bright things are
    blind spots. The picture is cut into regions of many sizes at once; the one that adds most per pixel is
    taken, then the next of what is left, until all is taken: larger values were taken earlier. A pixel's
    number is divided evenly among its channels, and values add up to ``score - reference``.

    Formula: ``region_k = argmax over regions r of mean of a over r without region_1 … region_(k-1)``, with
    ``a[p] = sum_c (IG from low + IG from high)[c, p] / 2``; a pixel's value is that mean of its region.

    Args:
        model: any network that takes pictures.
        inputs: ``[N, C, H, W]``, or a ``Batch`` whose one varied input is that.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation ``[N, C, h, w]`` is explained instead of the inputs: places that are alike
            in all its channels make its regions.
        spec: what the inputs mean; an ``ImageSpec`` says what black and white are.
        scales: numbers of regions to cut each picture into.
        low, high: the two baselines: numbers, or tensors that broadcast to the inputs. ``None`` are black and
            white, or the smallest and largest element of each picture (of each activation) without an
            ``ImageSpec``, and with ``at``.
        steps: most nodes on the way from each baseline.
        compute: how to run.

    Returns:
        Values in the shape of the pictures, or of the activation at ``at``, with ``gap`` and ``reference``,
        the mean score of both baselines; the note says how much the first tenth of the area holds.

    Raises:
        InputError: where a scale is no number of regions, or a baseline does not fit.
        MethodError: where what is explained is no picture or map, or the score has no slope.
        TargetError, SiteError: where target or site do not fit the network.

    Cost:
        Twice that of ``integrated_gradients``. Beside it the cutting: 0.2 s for 32 × 32 pixels, 7 s for
        224 × 224, each picture.

    Limits:
        Regions follow colours, and an object without an edge of its own is never taken apart from its
        ground. The order says which regions hold most per pixel, not that each of them is needed.

    Source:
        Kapishnikov et al. 2019, XRAI: Better Attributions Through Regions, arXiv 1906.02825; with the
        superpixels of ``pellucid.inputs`` at several sizes in place of Felzenszwalb's segments.

    Example:
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
        >>> why = xrai(net, torch.rand(1, 1, 8, 8), 0, scales=(2, 4))
        >>> why.values.shape, bool(why.gap.abs() < 1e-4)
        (torch.Size([1, 1, 8, 8]), True)
    """
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    picture = picture_of("xrai", q) if at is None else map_at("xrai", q, at)
    _refuse(scales)
    ends = [_end(q, picture, given, white) for given, white in ((low, False), (high, True))]
    found: list[Explanation] = []
    for end in ends:
        why = integrated_gradients(
            model, inputs, target, at=at, spec=spec, baseline=end, steps=steps, compute=compute
        )
        q.also(why)
        found.append(why)
    mean = _one(found[0].values).double() / 2 + _one(found[1].values).double() / 2
    values, share = _ranked(mean, picture, scales)
    reference = sum(why.reference for why in found if why.reference is not None)
    return q.answer(
        "xrai",
        values.reshape(q.point.shape).to(q.point.dtype),
        {"scales": list(scales), "low": low, "high": high, "steps": steps},
        reference=torch.as_tensor(reference) / 2,
        scores=found[0].scores,
        note=f"The first {percent(TOP, 0)} of the area holds {percent(share, 0)} of what the regions hold "
        "in favour.",
    )


def _refuse(scales: Sequence[int]) -> None:
    if not len(scales) or any(not isinstance(scale, int) or scale < 1 for scale in scales):
        raise InputError(f"scales are numbers of regions, such as (10, 50), got {tuple(scales)!r}.")


def _one(values: object) -> Tensor:
    return values if isinstance(values, Tensor) else next(iter(dict(values).values()))  # pyright: ignore


def _end(q: Question, picture: Tensor, given: float | Tensor | None, white: bool) -> Tensor:
    """A baseline in the shape of the point."""
    if given is not None:
        return q.filled(
            given if isinstance(given, int | float) else given.expand_as(picture).reshape(q.point.shape)
        )
    if isinstance(q.spec, ImageSpec) and q.at is None:
        plain = torch.full_like(picture, float(white))
        return q.spec.from_pixels(plain).reshape(q.point.shape)
    flat = picture.flatten(1)
    end = flat.amax(1) if white else flat.amin(1)
    return end.view(-1, *[1] * (q.point.ndim - 1)).expand(q.point.shape)


def _ranked(mean: Tensor, picture: Tensor, scales: Sequence[int]) -> tuple[Tensor, float]:
    """Each pixel's region's mean, shared by its channels ``[N, C, H, W]``, and how much of what is in favour
    the first tenth of the area holds."""
    values, shares = torch.zeros_like(mean), list[float]()
    for row in range(len(mean)):
        density = mean[row].sum(0).flatten()
        taken, turn = grown(density, overlapping(picture[row], scales).flatten(1))
        values[row] = (taken / len(mean[row])).view(mean.shape[-2:])
        first = taken[turn.argsort(stable=True)][: max(1, round(TOP * len(taken)))]
        total = float(taken.clamp(min=0).sum())
        shares.append(float(first.clamp(min=0).sum()) / total if total else 0.0)
    return values, sum(shares) / len(shares)
