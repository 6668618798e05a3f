"""What layers over sequences give, with rows first, whatever order they were told to keep."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from pellucid.errors import SiteError

BATCHED = 3  # axes of [T, N, …] and [layers, N, …]; without rows there is one less


class Recurrent(tuple[object, ...]):
    """What a recurrent layer gives, rows first: the output and its last states, ``h`` and perhaps ``c``."""

    __slots__ = ()

    def state(self, name: object) -> Tensor | None:
        """The last state of that name ``[N, layers, H]``; ``None`` where there is none."""
        last = self[1]
        states = cast("tuple[Tensor, ...]", last if isinstance(last, tuple) else (last,))
        named: dict[object, Tensor] = dict(zip("hc", states, strict=False))
        return named.get(name)

    def put(self, name: object, tensor: Tensor) -> Recurrent:
        """The same with another state."""
        if not isinstance(self[1], tuple):
            return Recurrent((self[0], tensor))
        hidden, cell = cast("tuple[Tensor, Tensor]", self[1])
        return Recurrent((self[0], (tensor, cell) if name == "h" else (hidden, tensor)))


def rows_first(module: nn.Module, output: object) -> object:
    """What a recurrent or attention layer gave, with rows first; others as they are.

    Example:
        >>> import torch
        >>> gru = nn.GRU(2, 3)
        >>> [tuple(part.shape) for part in rows_first(gru, gru(torch.zeros(5, 1, 2)))]
        [(1, 5, 3), (1, 1, 3)]
    """
    if isinstance(module, nn.RNNBase) and isinstance(output, tuple):
        return Recurrent(_turned_pair(module, cast("tuple[object, object]", output)))
    if isinstance(module, nn.MultiheadAttention) and not module.batch_first and isinstance(output, tuple):
        out, weights = cast("tuple[object, object]", output)
        return _turned(out), weights
    return output


def as_given(module: nn.Module, output: object) -> object:
    """The way back from :func:`rows_first`."""
    if isinstance(output, Recurrent) and isinstance(module, nn.RNNBase):
        return _turned_pair(module, cast("tuple[object, object]", tuple(output)))
    return rows_first(module, output)


def _turned_pair(module: nn.RNNBase, pair: tuple[object, object]) -> tuple[object, object]:
    out, state = pair
    back = (
        tuple(map(_turned, cast("tuple[object, ...]", state))) if isinstance(state, tuple) else _turned(state)
    )
    return out if module.batch_first else _turned(out), back


def _turned(part: object) -> object:
    return part.transpose(0, 1) if isinstance(part, Tensor) and part.ndim == BATCHED else part


def refuse_packed(part: object, site: str) -> None:
    """Raise where a recurrent layer gave a packed sequence, in which rows and steps are one axis."""
    if isinstance(part, nn.utils.rnn.PackedSequence):
        place = site.split("[")[0]
        raise SiteError(
            f"{site!r} is a packed sequence, in which rows and steps are one axis. Read the last state, "
            f"'{place}[h]', or pad instead of packing."
        )
