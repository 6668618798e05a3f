"""How far the score falls when a part is taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid._core._boxed import Places
from pellucid._core._chunk import Variants
from pellucid._core._mixed import Mixture
from pellucid._core._nearby import Nearby
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
        Zeiler & Fergus 2014, Visualizing and Understanding Convolutional Networks, arXiv 1311.2901.

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


def _falls(q: Question, variants: Variants, count: int) -> tuple[Tensor, Tensor]:
    """Fall of the score ``[N, count]`` in each variant but the last, in which nothing is taken away, and the
    scores of that."""
    found = q.scores(variants, count + 1, near=True)
    return (found[-1] - found[:-1]).T, found[-1]


def _by_part(q: Question, fill: Tensor) -> tuple[Tensor, Tensor]:
    groups = numbered(q.groups, q.point)
    count = max(counts_of(groups))
    # one part more, always there: what is held is numbered -1, the last
    there = ~torch.eye(count + 1, dtype=torch.bool, device=groups.device)
    there[-1] = True
    by_row = groups.expand(q.point.shape)

    def each(ks: Tensor, rows: slice) -> Tensor:
        ks = ks.to(groups.device).view(-1, *[1] * q.point.ndim)
        return torch.where(by_row[rows] == torch.where(ks < count, ks, -2), fill[rows], q.point[rows])

    alike = len(groups) == 1
    variants = Mixture(q.point, fill, there, groups.remainder(count + 1)) if alike else each
    falls, scores = _falls(q, variants, count)
    return shared_out(falls, groups, q.point.shape[1:]), scores


@dataclass(frozen=True, eq=False)
class Windows(Nearby):
    """A box of each row taken away.

    Args:
        first, last: where each begins and ends along each axis of a row, int64 ``[K, axes]``.
    """

    first: Tensor
    last: Tensor

    def ends(self, ks: Tensor) -> tuple[Places, Places]:
        """See :class:`Nearby`."""
        return self.first[ks, 1:].numpy(), self.last[ks, 1:].numpy()

    def kept(self, ks: Tensor, corner: Places, size: Sequence[int]) -> Tensor:
        """See :class:`Nearby`."""
        ks, place = ks.to(self.first.device), self.first.device
        away = torch.ones((), dtype=torch.bool, device=place)
        begins = [torch.zeros(1, dtype=torch.int64), *torch.from_numpy(corner).T]
        for axis, (begin, length) in enumerate(zip(begins, (self.point.shape[1], *size), strict=True)):
            index = begin.to(place)[:, None] + torch.arange(length, device=place)
            first, last = self.first[ks, axis, None], self.last[ks, axis, None]
            inside = (first <= index) & (index < last)
            away = away & inside.view(len(ks), 1, *[1] * axis, length, *[1] * (len(size) - axis))
        return ~away


def _by_window(
    q: Question, fill: Tensor, window: int | Sequence[int], stride: int | Sequence[int] | None
) -> tuple[Tensor, Tensor]:
    shape = q.point.shape[1:]
    size = _box(window, shape)
    stride = 1 if stride is None else stride
    step = (stride,) * len(shape) if isinstance(stride, int) else tuple(stride)
    _refuse(shape, size, step, q)
    spans = [_spans(*axis, q.point) for axis in zip(shape, size, step, strict=True)]
    counts = [len(span) for span in spans]
    # a box is a product of spans; behind the last one nothing is taken away
    number = torch.cartesian_prod(*[torch.arange(count, device=q.point.device) for count in counts])
    chosen = torch.stack([span[at] for span, at in zip(spans, number.view(-1, len(shape)).T, strict=True)], 1)
    first, last = F.pad(chosen, (0, 0, 0, 0, 0, 1)).unbind(2)
    falls, scores = _falls(q, Windows(q.point, fill, first, last), len(number))
    values = falls.reshape(q.rows, *counts)
    for axis, span in enumerate(spans, start=1):
        if len(span) == 1:
            values = values.repeat_interleave(shape[axis - 1], axis)
            continue
        # the mean over boxes goes axis by axis too
        element = torch.arange(shape[axis - 1], device=q.point.device)
        cover = ((span[:, :1] <= element) & (element < span[:, 1:])).double()
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


def _spans(length: int, width: int, step: int, place: Tensor) -> Tensor:
    """Where each position of a span begins and ends, int64 ``[positions, 2]``; the last is cut off."""
    positions = -(-(length - width) // step) + 1
    start = torch.arange(positions, device=place.device) * step
    return torch.stack([start, (start + width).clamp(max=length)], 1)
