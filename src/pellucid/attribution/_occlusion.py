"""How far the score falls when a part is taken away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid._core._parts import counts_of, numbered, shared_out
from pellucid.errors import InputError


def occlusion(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    baseline: float | Tensor | Mapping[str, float | Tensor] | None = None,
    window: int | Sequence[int] | None = None,
    stride: int | Sequence[int] | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """Fall of the score when the part that an element belongs to is replaced, in units of the target.

    Without ``window`` the parts are those of the spec (cells, superpixels, columns), and a part's fall is
    divided evenly among its elements, so that values summed over a part give its fall. Where there is no
    spec, a part is one element of ``[D]``, one index of the first axis of ``[T, E]``, or one of about 14×14
    cells, all channels together, of ``[C, H, W]``. With ``window`` a box slides over the input, and an
    element's value is the mean fall over all boxes that cover it (not divided: as in the original paper).

    Formula: ``values[i] = (score(x) - score(x without P(i))) / |P(i)|``; with a window
    ``mean over boxes W that hold i of score(x) - score(x without W)``.

    Args:
        model: any network; needs no gradients.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs, whose parts are single elements.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean; its parts and its absence are used.
        baseline: what stands in the place of a part: a number, a tensor that broadcasts to the inputs, or one
            of them for each name of a ``Batch``. ``None`` is what the spec calls absent, zeros without one.
        window: side of the box along the last two axes, or its size along each axis of one row.
        stride: step of the box, one number or one for each axis; ``None`` is 1.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``.

    Raises:
        InputError: where window, stride or baseline do not fit, or inputs do not fit the network.
        TargetError, SiteError: where target or site do not fit the network.

    Cost:
        One forward pass for each part or box, and one more; no backward pass.

    Limits:
        Parts are taken away one at a time: two that can stand in for each other both look useless. What is
        put in their place may itself be evidence, and such inputs may lie where the network never trained.

    Source:
        Zeiler & Fergus 2013, Visualizing and Understanding Convolutional Networks, arXiv 1311.2901.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> occlusion(net, torch.tensor([[1.0, 2.0]]), 0).values
        tensor([[ 3., -4.]])
    """
    if window is None and stride is not None:
        raise InputError("stride is the step of a window; give window= too.")
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    fill = q.filled(baseline)
    values, scores = _by_part(q, fill) if window is None else _by_window(q, fill, window, stride)
    return q.answer(
        "occlusion",
        values.to(q.point.dtype) if q.point.is_floating_point() else values,
        {
            "baseline": fill if isinstance(baseline, Mapping) else baseline,
            "window": window if window is None or isinstance(window, int) else list(window),
            "stride": stride if stride is None or isinstance(stride, int) else list(stride),
        },
        scores=scores,
    )


def _falls(
    q: Question, fill: Tensor, inside: Callable[[Tensor, slice], Tensor], count: int
) -> tuple[Tensor, Tensor]:
    """Fall of the score ``[N, count]`` without each part that ``inside`` marks, and the scores with all."""

    def without(ks: Tensor, rows: slice) -> Tensor:
        ks = ks.to(q.point.device)
        # one variant more than there are parts: nothing is taken away
        kept = (ks == count).view(-1, *[1] * q.point.ndim)
        return torch.where(inside(ks.clamp(max=count - 1), rows) & ~kept, fill[rows], q.point[rows])

    found = q.scores(without, count + 1, near=True)
    return (found[-1] - found[:-1]).T, found[-1]


def _by_part(q: Question, fill: Tensor) -> tuple[Tensor, Tensor]:
    groups = numbered(q.groups, q.point)
    by_row = groups.expand(q.point.shape)
    each = torch.arange(max(counts_of(groups)), device=groups.device).view(-1, *[1] * q.point.ndim)
    falls, scores = _falls(q, fill, lambda ks, rows: by_row[rows] == each[ks], len(each))
    return shared_out(falls, groups, q.point.shape[1:]), scores


def _by_window(
    q: Question, fill: Tensor, window: int | Sequence[int], stride: int | Sequence[int] | None
) -> tuple[Tensor, Tensor]:
    shape = q.point.shape[1:]
    size = _box(window, shape)
    stride = 1 if stride is None else stride
    step = (stride,) * len(shape) if isinstance(stride, int) else tuple(stride)
    _refuse(shape, size, step, q)
    covers = [_cover(*axis, q.point) for axis in zip(shape, size, step, strict=True)]
    counts = torch.Size(len(cover) for cover in covers)
    # a box is a product of spans, so what it holds goes axis by axis, and so does the mean over boxes
    number = torch.arange(counts.numel(), device=q.point.device)
    spans: list[
        tuple[Tensor, Tensor]
    ] = []  # where each box begins along an axis, and what it holds from there
    for axis in reversed(range(len(shape))):
        cover = covers[axis].bool()
        if len(cover) > 1 or not bool(cover.all()):
            view = [length if other == axis else 1 for other, length in enumerate(shape)]
            spans.append((number % len(cover), cover.view(-1, 1, *view)))
        number = number // len(cover)
    whole = torch.ones((1, *[1] * q.point.ndim), dtype=torch.bool, device=q.point.device)

    def inside(ks: Tensor, rows: slice) -> Tensor:
        return reduce(torch.logical_and, (span[at[ks]] for at, span in spans), whole)

    falls, scores = _falls(q, fill, inside, counts.numel())
    values = falls.reshape(q.rows, *counts)
    for axis, cover in enumerate(covers, start=1):
        if len(cover) == 1:
            values = values.repeat_interleave(cover.shape[1], axis)
            continue
        mean = (cover / cover.sum(0)).to(values)
        values = torch.tensordot(values.movedim(axis, -1), mean, 1).movedim(-1, axis)
    return values, scores


def _box(window: int | Sequence[int], shape: torch.Size) -> tuple[int, ...]:
    if not isinstance(window, int):
        return tuple(window)
    if len(shape) == 2:
        raise InputError(
            f"Say the window's size along both axes of {list(shape)}, as window=({window}, {window})."
        )
    return tuple(length if axis < len(shape) - 2 else window for axis, length in enumerate(shape))


def _refuse(shape: torch.Size, size: tuple[int, ...], step: tuple[int, ...], q: Question) -> None:
    if isinstance(q.given, dict) and q.at is None:
        raise InputError("A window needs one input with axes; for a Batch leave window= away.")
    if len(size) != len(shape) or len(step) != len(shape):
        raise InputError(
            f"window and stride need one number for each axis of {list(shape)}, "
            f"got {list(size)} and {list(step)}."
        )
    for length, w, s in zip(shape, size, step, strict=True):
        if not 1 <= w <= length or s < 1 or (s > w and w < length):
            raise InputError(
                f"A window of {w} with stride {s} does not fit an axis of {length}: expected "
                "1 ≤ window ≤ axis and 1 ≤ stride ≤ window, so that each element is covered."
            )


def _cover(length: int, width: int, step: int, place: Tensor) -> Tensor:
    """0/1 ``[positions, length]``: which elements each position of a span covers; the last is cut off."""
    positions = -(-(length - width) // step) + 1
    start = torch.arange(positions, device=place.device)[:, None] * step
    element = torch.arange(length, device=place.device)
    return ((start <= element) & (element < start + width)).double()
