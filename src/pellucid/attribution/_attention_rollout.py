"""Attention multiplied through the layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.attribution._attention import explained
from pellucid.attribution._attention._mixed import halved, known_fusion

Fusion = Literal["mean", "max", "min"]


def attention_rollout(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    fusion: Fusion = "mean",
    query: int | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """Share of a token in what the reading token takes up, if attention were all that moves: between 0 and 1.

    Each layer is taken to be half attention and half staying where one is, and the layers are multiplied. A
    token's number is divided evenly among its elements, so values summed over a token give its share, and
    the shares of all tokens add up to 1. Attention is found by operation (any softmax that weighs values,
    fused or not), tokens are followed to the inputs by their slopes.

    Formula: ``row of the reader in Ã_L · … · Ã_1`` with ``Ã = (A + I) / 2``, ``A`` the heads fused, each row
    divided by its sum.

    Args:
        model: a network whose attention is of each row's tokens to themselves.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained; decides only which token is read.
        at: site whose activation is explained instead of the inputs: attention after it counts.
        spec: what the inputs mean.
        fusion: how heads become one: ``"mean"``, ``"max"`` or ``"min"``.
        query: the token whose row is read; ``None`` takes those of the last layer that the target depends on
            (a class token, the last token, all of a mean), and the note names them.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, none below 0; what stays on tokens
        that no input goes into (a class token) is left out, and the note says how much.

    Raises:
        MethodError: where no attention is seen, it is not of tokens to themselves (windows, two sequences:
            the operation is named), or tokens cannot be followed to the input.
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.

    Cost:
        Two forward passes and one backward pass; for following tokens, one more of one row and a way back to
        the input for each token. Memory: all attention of one chunk.

    Limits:
        Attention is not an explanation of the score: it ignores the values it weighs, the layers between,
        and every sign; it is the same for all classes, and networks with other attention can give the same
        answers. Use it to see where information could come from, and believe only what removing tokens
        confirms.

    Source:
        Abnar & Zuidema 2020, Quantifying Attention Flow in Transformers, arXiv 2005.00928; on what attention
        is not: Jain & Wallace 2019, arXiv 1902.10186.

    Example:
        >>> import torch
        >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> net = nn.Sequential(layer, nn.Flatten(), nn.Linear(40, 3))
        >>> why = attention_rollout(net, torch.rand(1, 5, 8), 0)
        >>> why.values.shape, round(float(why.values.sum()), 4)
        (torch.Size([1, 5, 8]), 1.0)
    """
    known_fusion(fusion)
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)

    def mix(layers: Sequence[Tensor], slopes: Sequence[Tensor], reader: Tensor) -> Tensor:
        found = reader[:, None]
        for weights in reversed(layers):
            found = found @ halved(weights, fusion)
        return found[:, 0]

    return explained("attention_rollout", q, mix, query, {"fusion": fusion}, slopes=False)
