"""Recurrent layers step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from pellucid.errors import MethodError

State = Any  # one tensor, or the two of a long short-term memory


def unrolled(
    cell: Callable[..., State], x: Tensor, hx: Tensor | Sequence[Tensor], rest: tuple[object, ...]
) -> tuple[Tensor, list[State]]:
    """Output of the last layer and final state of each layer and direction, in the order of ``torch.lstm``.

    ``rest`` is what follows in torch's own call: weights, biases?, layers, dropout, training, both ways?,
    rows first?.
    """
    if isinstance(rest[0], Tensor):
        raise MethodError("Packed sequences cannot be taken apart; pad them.")
    weights = cast("Sequence[Tensor]", rest[0])
    biases, layers, _, _, both, rows_first = cast("tuple[bool, int, float, bool, bool, bool]", rest[1:7])
    steps = list((x.transpose(0, 1) if rows_first else x).unbind(0))
    ways, per = (2 if both else 1), len(weights) // (layers * (2 if both else 1))
    if per != (4 if biases else 2):
        raise MethodError("Recurrent layers with projections cannot be taken apart.")
    finals: list[State] = []
    for layer in range(layers):
        outs: list[list[Tensor]] = []
        for way in range(ways):
            k = layer * ways + way
            mine = weights[k * per : (k + 1) * per]
            state: State = hx[k] if isinstance(hx, Tensor) else (hx[0][k], hx[1][k])
            seen: list[Tensor] = []
            for step in reversed(steps) if way else steps:
                state = cell(step, state, *mine)
                seen.append(state if isinstance(state, Tensor) else state[0])
            outs.append(seen[::-1] if way else seen)
            finals.append(state)
        steps = [torch.cat(list(pair), -1) for pair in zip(*outs, strict=True)] if both else outs[0]
    out = torch.stack(steps, 1 if rows_first else 0)
    return out, finals
