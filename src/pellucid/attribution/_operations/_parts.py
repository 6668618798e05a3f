"""Operations that consist of smaller ones, written out; each is named as torch names it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._core._attention import attention_weights
from pellucid.attribution._operations._recurrent import unrolled
from pellucid.errors import MethodError

__all__ = [
    "addcdiv",
    "addcmul",
    "cdist",
    "cosine_similarity",
    "div",
    "glu",
    "group_norm",
    "gru",
    "gru_cell",
    "instance_norm",
    "layer_norm",
    "linalg_norm",
    "linalg_vector_norm",
    "lstm",
    "lstm_cell",
    "maximum",
    "minimum",
    "rms_norm",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
    "scaled_dot_product_attention",
    "std",
    "var",
]
Pair = tuple[Tensor, Tensor]
Axes = int | Sequence[int] | None


def div(a: Tensor | float, b: Tensor | float, *, rounding_mode: str | None = None) -> Tensor:
    """A quotient is a product with the reciprocal."""
    if rounding_mode is not None:
        raise MethodError("Division that rounds has no slope to explain.")
    return cast("Tensor", a * (torch.reciprocal(b) if isinstance(b, Tensor) else 1 / b))


def var(
    x: Tensor,
    dim: Axes | bool = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Mean squared distance from the mean."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    axes = tuple(range(x.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    size = torch.Size([x.shape[axis] for axis in axes]).numel()
    less = (1.0 if unbiased else 0.0) if correction is None else correction
    centred = x - x.mean(axes, keepdim=True)
    return centred.square().sum(axes, keepdim=keepdim) * (1 / (size - less))


def std(
    x: Tensor,
    dim: Axes | bool = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Root of the variance."""
    return var(x, dim, unbiased, keepdim, correction=correction).sqrt()


def linalg_vector_norm(
    x: Tensor,
    ord: float = 2,  # noqa: A002 (as torch calls it)
    dim: Axes = None,
    keepdim: bool = False,
    *,
    dtype: object = None,
) -> Tensor:
    """Length of a vector."""
    axes = tuple(range(x.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if ord == 1:
        return x.abs().sum(axes, keepdim=keepdim)
    if ord == 2:
        return x.square().sum(axes, keepdim=keepdim).sqrt()
    raise MethodError(f"A norm of order {ord} cannot be taken apart.")


def linalg_norm(
    x: Tensor,
    ord: float | str | None = None,  # noqa: A002 (as torch calls it)
    dim: Axes = None,
    keepdim: bool = False,
    *,
    dtype: object = None,
) -> Tensor:
    """Length of vectors; norms of matrices other than Frobenius' cannot be taken apart."""
    one = isinstance(dim, int) or (dim is not None and len(dim) == 1) or (dim is None and x.ndim == 1)
    if ord is None or (ord == "fro" and not one) or (one and isinstance(ord, int | float)):
        return linalg_vector_norm(x, 2 if ord in (None, "fro") else cast("float", ord), dim, keepdim)
    raise MethodError(f"A matrix norm of order {ord!r} cannot be taken apart.")


def addcmul(x: Tensor, a: Tensor, b: Tensor, *, value: float = 1) -> Tensor:
    """A sum with a product."""
    return x + value * (a * b)


def addcdiv(x: Tensor, a: Tensor, b: Tensor, *, value: float = 1) -> Tensor:
    """A sum with a quotient."""
    return x + value * (a / b)


def cosine_similarity(a: Tensor, b: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Product of two vectors over their lengths."""
    a, b = torch.broadcast_tensors(a, b)
    lengths = (a.square().sum(dim, keepdim=True).sqrt().clamp(min=eps) for a in (a, b))
    return ((a / next(lengths)) * (b / next(lengths))).sum(dim)


def cdist(a: Tensor, b: Tensor, p: float = 2.0, compute_mode: object = None) -> Tensor:
    """Length of the difference of every two rows."""
    return linalg_vector_norm(a.unsqueeze(-2) - b.unsqueeze(-3), p, -1)


def maximum(a: Tensor, b: Tensor) -> Tensor:
    """The larger of two is a maximum over a new axis."""
    return torch.stack(torch.broadcast_tensors(a, b)).amax(0)


def minimum(a: Tensor, b: Tensor) -> Tensor:
    """The smaller of two."""
    return torch.stack(torch.broadcast_tensors(a, b)).amin(0)


def glu(x: Tensor, dim: int = -1) -> Tensor:
    """Half the channels, gated by the other half."""
    signal, gate = x.chunk(2, dim)
    return signal * gate.sigmoid()


def layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """Away from the mean, over the standard deviation."""
    dims = tuple(range(-len(normalized_shape), 0))
    y = _standard(x, dims, eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """A layer norm within each group of channels."""
    y = _standard(x.reshape(x.shape[0], num_groups, -1), (2,), eps).reshape(x.shape)
    channels = (1, -1, *[1] * (x.ndim - 2))
    y = y if weight is None else y * weight.view(channels)
    return y if bias is None else y + bias.view(channels)


def instance_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """A norm for each channel of each row."""
    if use_input_stats:
        return F.group_norm(x, x.shape[1], weight, bias, eps)
    return F.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)


def rms_norm(
    x: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Over the root of the mean square."""
    dims = tuple(range(-len(normalized_shape), 0))
    power = x.square().mean(dims, keepdim=True) + (torch.finfo(x.dtype).eps if eps is None else eps)
    y = x * power.rsqrt()
    return y if weight is None else y * weight


def _standard(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    centred = x - x.mean(dims, keepdim=True)
    return centred * (centred.square().mean(dims, keepdim=True) + eps).rsqrt()


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Attention as the mathematics says it, instead of in one fused step."""
    if enable_gqa:
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    weights = attention_weights(query, key, attn_mask, is_causal, scale, enable_gqa)
    return F.dropout(weights, dropout_p, training=dropout_p > 0) @ value


def lstm_cell(
    x: Tensor, hx: Pair, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Pair:
    """One step of a long short-term memory."""
    hidden, cell = hx
    gates = F.linear(x, w_ih, b_ih) + F.linear(hidden, w_hh, b_hh)
    i, f, g, o = gates.chunk(4, -1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def gru_cell(
    x: Tensor,
    hidden: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of a gated recurrent unit."""
    xr, xz, xn = F.linear(x, w_ih, b_ih).chunk(3, -1)
    hr, hz, hn = F.linear(hidden, w_hh, b_hh).chunk(3, -1)
    keep = (xz + hz).sigmoid()
    new = (xn + (xr + hr).sigmoid() * hn).tanh()
    return (1 - keep) * new + keep * hidden


def rnn_tanh_cell(
    x: Tensor,
    hidden: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of a plain recurrent net."""
    return (F.linear(x, w_ih, b_ih) + F.linear(hidden, w_hh, b_hh)).tanh()


def rnn_relu_cell(
    x: Tensor,
    hidden: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of a plain recurrent net with ReLU."""
    return (F.linear(x, w_ih, b_ih) + F.linear(hidden, w_hh, b_hh)).relu()


def lstm(x: Tensor, hx: Sequence[Tensor], *rest: object) -> tuple[Tensor, Tensor, Tensor]:
    """All steps, layers and directions of ``nn.LSTM``."""
    out, states = unrolled(lstm_cell, x, hx, rest)
    return out, torch.stack([h for h, _ in states]), torch.stack([c for _, c in states])


def gru(x: Tensor, hx: Tensor, *rest: object) -> Pair:
    """All steps, layers and directions of ``nn.GRU``."""
    out, states = unrolled(gru_cell, x, hx, rest)
    return out, torch.stack(states)


def rnn_tanh(x: Tensor, hx: Tensor, *rest: object) -> Pair:
    """All steps, layers and directions of ``nn.RNN``."""
    out, states = unrolled(rnn_tanh_cell, x, hx, rest)
    return out, torch.stack(states)


def rnn_relu(x: Tensor, hx: Tensor, *rest: object) -> Pair:
    """All steps, layers and directions of ``nn.RNN(nonlinearity="relu")``."""
    out, states = unrolled(rnn_relu_cell, x, hx, rest)
    return out, torch.stack(states)
