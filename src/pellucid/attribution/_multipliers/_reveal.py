"""RevealCancel: what pushes a unit up and what pulls it down are looked at apart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from pellucid.attribution._multipliers._rules import Place
from pellucid.attribution._operations import Weighted


class Reveal(Function):
    """A weighted operation and the elementwise one after it, as one step from ``source`` to the output."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, x: Tensor, place: Place, by: Weighted) -> Tensor:
        y = place.form.of(x)
        ctx.place, ctx.by = place, by
        place.kept(x, y, source)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        place: Place = ctx.place
        by: Weighted = ctx.by
        (_, _, source), (x0, y0, source0) = place.here, place.there
        positive, negative = by.weight.clamp(min=0), by.weight.clamp(max=0)
        d = source - source0
        rise, fall = d.clamp(min=0), d.clamp(max=0)
        up = by.run(rise, positive, None) + by.run(fall, negative, None)
        down = by.run(rise, negative, None) + by.run(fall, positive, None)
        f = place.form.of
        high, low, both = f(x0 + up), f(x0 + down), f(x0 + up + down)
        g_up = grads[0] * _over((high - y0 + both - low) / 2, up)
        g_down = grads[0] * _over((low - y0 + both - high) / 2, down)
        of_rise = by.adjoint(g_up, positive, d) + by.adjoint(g_down, negative, d)
        of_fall = by.adjoint(g_up, negative, d) + by.adjoint(g_down, positive, d)
        equal = (of_rise + of_fall) / 2
        return torch.where(d > 0, of_rise, torch.where(d < 0, of_fall, equal)), None, None, None


def _over(difference: Tensor, part: Tensor) -> Tensor:
    """Multiplier of a part; a part of zero has no contributions to share out."""
    empty = part == 0
    return torch.where(empty, torch.zeros_like(part), difference / torch.where(empty, 1, part))
