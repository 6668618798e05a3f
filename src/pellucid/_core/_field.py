"""Receptive fields, reckoned or measured: which pixels can change which positions of a layer."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from pellucid._core._chunk import LARGE, at_once
from pellucid._core._compute import Compute
from pellucid._core._copied import copied
from pellucid._core._guard import untouched
from pellucid._core._interrupt import Held, let_through
from pellucid._core._order import Trail, by_number, module_at
from pellucid._core._probe import Knowing, probe
from pellucid._core._reckoned import Span, reckoned
from pellucid._core._units import unit_axis
from pellucid.errors import CancelledError, PellucidError

LONG = 8_192  # indices of an axis up to which each is turned alone
STRETCHES = 1_024  # that a longer axis is turned in


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """The part of the input that each position of a layer can see, axis by axis.

    Args:
        spans: for each spatial axis of the input, int64 ``[positions, 2]``: first input index seen and one
            past the last, for every position of the layer along that axis; clipped at the input's border.
        placed: whether the layer has positions of its own; else each axis has one span for the whole layer.
        grain: for each axis, what ends are rounded outward to: 1, more on axes of over 8,192 indices.
    """

    spans: tuple[Tensor, ...]
    placed: bool
    grain: tuple[int, ...] = ()

    @property
    def size(self) -> tuple[int, ...]:
        """Receptive field in pixels along each axis: the widest over all positions, inside the input."""
        return tuple(int((span[:, 1] - span[:, 0]).max()) for span in self.spans)

    @property
    def stride(self) -> tuple[int, ...] | None:
        """Input pixels between neighbouring positions; ``None`` for a layer with less than two positions."""
        if not self.placed or any(len(span) < 2 for span in self.spans):
            return None
        return tuple(
            int(span.diff(dim=0).max()) if grain == 1 else _mean_step(span)
            for span, grain in zip(self.spans, self.grain or (1,) * len(self.spans), strict=True)
        )

    @property
    def centre(self) -> tuple[int, ...]:
        """The most central position whose field is the widest: the one least clipped by the border."""
        return tuple(_central(span) for span in self.spans)

    def boxes(self, positions: Tensor) -> Tensor:
        """Where positions ``[…, axes]`` look: ``[…, 2 · axes]``, all starts and then all ends."""
        if not self.placed:
            whole = torch.cat(
                [torch.stack([s[0, 0] for s in self.spans]), torch.stack([s[0, 1] for s in self.spans])]
            )
            return whole.expand(*positions.shape[:-1], len(whole))
        ends = [span[:, side][positions[..., k]] for side in (0, 1) for k, span in enumerate(self.spans)]
        return torch.stack(ends, -1)


def _mean_step(span: Tensor) -> int:
    """Between the middles of neighbours, on average: single steps are rounded too coarsely."""
    middle = span.double().mean(1)
    return max(1, round(float(middle[-1] - middle[0]) / (len(span) - 1)))


def _central(span: Tensor) -> int:
    width = span[:, 1] - span[:, 0]
    widest = (width == width.max()).nonzero().flatten()
    return int(widest[(widest - (len(span) - 1) / 2).abs().argmin()])


def fields(
    model: nn.Module, example: Tensor, sites: Sequence[str], *, compute: Compute | None = None
) -> dict[str, Field | None]:
    """Receptive field of every position of several layers, whatever lies in between.

    Where a network does nothing but convolve, pool, add up and work number by number, fields are reckoned.
    Else they are measured: one row, then one column of the input after the other is made NaN; a position sees
    it if it turns NaN. An axis of more than 8,192 indices is then turned in 1,024 stretches, and ends are
    rounded outward to these. Unlike a gradient neither way stops at a dead ReLU or at the pixel that a pool
    did not choose.

    Args:
        model: any network.
        example: one input ``[1, C, *space]``.
        sites: layers.
        compute: how to run.

    Returns:
        A field per site; ``None`` where the input has no spatial axes, where the layer is not reached by any
        pixel, or where the network stops NaN on its way or refuses it.

    Cost:
        Nothing but the way through the layers where fields are reckoned. Else one row through the network per
        index of each spatial axis: H + W for pictures; at most 8,192 an axis.

    Limits:
        A function that replaces NaN (``torch.where``, ``nan_to_num``) hides what lies behind it. Fields of
        layers that mix axes are boxes around what is seen.
    """
    how = compute or Compute()
    if example.ndim < 3 or not example.is_floating_point():
        return dict.fromkeys(sites)
    known = _reckoned(model, example, sites, how)
    if known is not None:
        return known
    try:
        if example.dtype in (torch.float16, torch.bfloat16):
            # kernels for half precision work in blocks, and a NaN fills its block
            model, example = copied(model).float(), example.float()
        with (
            Held(),
            _exact(model),
            untouched(model, seed=how.seed),
            torch.inference_mode(mode=False),
            torch.no_grad(),
        ):
            units = unit_axis(model, example, ".:in")
            hits = _poisoned(model, example[:1], sites, units, at_once(how.batch_size, example, 2 * LARGE))
    except (PellucidError, CancelledError):
        raise
    except Exception:
        # a network may refuse NaN: then nothing can be said, and the field is None
        return dict.fromkeys(sites)
    lengths = [size for axis, size in enumerate(example.shape) if axis not in (0, units)]
    once = {id(found): found for found in hits.values()}
    made = {key: _field(found, lengths) for key, found in once.items()}
    return {site: made[id(found)] for site, found in hits.items()}


def _reckoned(
    model: nn.Module, example: Tensor, sites: Sequence[str], how: Compute
) -> dict[str, Field | None] | None:
    """By arithmetic; ``None`` where it does not say."""
    if unit_axis(model, example, ".:in") != 1:
        return None
    with untouched(model, seed=how.seed), torch.no_grad():
        found = reckoned(model, example, sites)
    if found is None:
        return None
    once = {id(spans): spans for spans in found.values()}
    made: dict[int, Field | None] = {key: _of_spans(spans) for key, spans in once.items()}
    return {site: made[id(spans)] for site, spans in found.items()}


def _of_spans(spans: tuple[Span, ...]) -> Field:
    ends = tuple(map(torch.from_numpy, spans))
    return Field(ends, placed=any(len(span) > 1 for span in ends), grain=(1,) * len(ends))


def _grain(length: int) -> int:
    """How many neighbouring indices of an axis are turned together."""
    return 1 if length <= LONG else -(-length // STRETCHES)


def _poisoned(
    model: nn.Module, example: Tensor, sites: Sequence[str], units: int, chunk: int
) -> dict[str, list[Tensor]]:
    """For each site and axis bool ``[input stretches, positions along the axis]``: what turns NaN.

    Sites that see alike, such as a layer and the ReLU behind it, share one list.
    """
    axes = [axis for axis in range(1, example.ndim) if axis != units]
    grains = [_grain(example.shape[axis]) for axis in axes]
    sizes = [-(-example.shape[axis] // grain) for axis, grain in zip(axes, grains, strict=True)]
    which = torch.arange(len(axes)).repeat_interleave(torch.tensor(sizes))
    index = torch.cat([torch.arange(size) for size in sizes])
    found: dict[str, list[list[Tensor]]] = {site: [[] for _ in axes] for site in sites}
    looks = {site: _Look(model, site, example.ndim) for site in sites}
    trail: Trail[Tensor] = Trail()
    for rows in torch.arange(len(which)).split(chunk):
        x = example.repeat(len(rows), *[1] * (example.ndim - 1))
        own = [(which[rows] == number).nonzero().flatten() for number in range(len(axes))]
        for axis, mine, grain in zip(axes, own, grains, strict=True):
            for row, start in zip(mine.tolist(), (index[rows][mine] * grain).tolist(), strict=True):
                x[row].narrow(axis - 1, start, min(grain, x.shape[axis] - start)).fill_(float("nan"))

        trail.clear()
        reads = {
            site: Knowing(partial(look.turned, trail=trail, rows=len(rows))) for site, look in looks.items()
        }
        with probe(model, read=reads, stop=sites[0] if len(sites) == 1 else None) as seen:
            model(x)
        let_through()
        along = dict[int, list[Tensor | None]]()  # of layers that see alike, looked at once
        for site in sites:
            turn = seen[site]
            if id(turn) not in along:
                along[id(turn)] = [_along(turn, number, mine) for number, mine in enumerate(own)]
            for parts, part in zip(found[site], along[id(turn)], strict=True):
                if part is not None:
                    parts.append(part)
    keys = {site: tuple(id(part) for parts in found[site] for part in parts) for site in sites}
    whole = {key: [torch.cat(parts) for parts in found[site]] for site, key in keys.items()}
    return {site: whole[key] for site, key in keys.items()}


def _along(turn: Tensor, number: int, mine: Tensor) -> Tensor | None:
    """Of some rows, which positions along an axis turned anywhere on the others; ``None`` of no rows."""
    if not len(mine):
        return None
    there, others = turn[mine].movedim(number + 1, 1), tuple(range(2, turn.ndim))
    return there.any(others) if others else there


class _Look:
    """Which places of one layer turned NaN."""

    def __init__(self, model: nn.Module, site: str, ndim: int) -> None:
        self.model, self.site, self.ndim = model, site, ndim
        self.module = module_at(model, site)
        self.axis: int | None = None  # which holds units

    def turned(
        self, activation: Tensor, given: tuple[object, ...], trail: Trail[Tensor], rows: int
    ) -> Tensor:
        """Bool ``[rows, *places]``, NaN in any unit; one where the layer has no places."""
        before = trail.before(activation, given)
        same = before is not None and before[1].shape == activation.shape
        if before is not None and same and self.module is not None and by_number(self.module):
            made = before[0]
        else:
            made = self._read(activation, rows)
        trail.keep(activation, made)
        return made

    def _read(self, activation: Tensor, rows: int) -> Tensor:
        nowhere = (rows, *[1] * (self.ndim - 2))
        if len(activation) != rows or not activation.is_floating_point():
            return torch.zeros(nowhere, dtype=torch.bool)
        if activation.ndim != self.ndim or not activation.numel():
            return activation.isnan().flatten(1).any(1).view(nowhere).cpu()
        if self.axis is None:
            self.axis = unit_axis(self.model, activation, self.site)
        if type(self.module) is nn.Conv2d and self.module.groups == 1 and self.axis == 1:
            # every channel is made of all channels there
            return activation[:, 0].isnan().cpu()
        # the largest of numbers one of which is NaN is NaN; a third of the time of looking at each
        return activation.amax(self.axis).isnan().cpu()


def _field(hits: list[Tensor], lengths: Sequence[int]) -> Field | None:
    seen = [hit.numpy() for hit in hits]
    if any(not hit.any(0).all() for hit in seen):
        return None
    grains = tuple(map(_grain, lengths))
    spans: list[Tensor] = []
    for hit, grain, length in zip(seen, grains, lengths, strict=True):
        ends = np.stack([hit.argmax(0), len(hit) - hit[::-1].argmax(0)], 1)
        spans.append(torch.from_numpy(np.minimum(ends * grain, length)))
    return Field(tuple(spans), placed=any(len(span) > 1 for span in spans), grain=grains)


@contextmanager
def _exact(model: nn.Module) -> Generator[None]:
    """Kernels that mix no neighbours in between (Winograd does), and buffers put back as they were."""
    kept = [(buffer, buffer.clone()) for buffer in model.buffers()]
    with ExitStack() as stack:
        stack.enter_context(torch.backends.nnpack.flags(enabled=False))
        if torch.cuda.is_initialized():
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, before in kept:
                    buffer.copy_(before)


__all__ = ["Field", "fields"]
