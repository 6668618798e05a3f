"""Attention weighed by what it does for the target, gathered through the layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.attribution._attention import explained


def attention_relevance(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    query: int | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """How much attention that raises the target leads to a token, in units of the target.

    The weight of a head counts times its slope, and only where that is positive: unlike plain attention it
    knows the class that is asked for. A token's number is divided evenly among its elements.

    Formula: ``R = I``; for each layer from the first ``R <- R + mean over heads of max(A · d score / d A, 0)
    · R``; the value of token ``j`` is the reader's row of ``R - I``.

    Args:
        model: a network whose attention is of each row's tokens to themselves.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs: attention after it counts.
        spec: what the inputs mean.
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
        Says where attention supports the target, not what the values carry; whatever speaks against the
        target is cut off, so there is no balance, and values add up to nothing. What reaches a token without
        attention (the way past it, the layers between) does not count.

    Source:
        Chefer et al. 2021, Generic Attention-model Explainability for Interpreting Bi-Modal and
        Encoder-Decoder Transformers, arXiv 2103.15679; its rule for self-attention.

    Example:
        >>> import torch
        >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> net = nn.Sequential(layer, nn.Flatten(), nn.Linear(40, 3))
        >>> attention_relevance(net, torch.rand(1, 5, 8), 0).values.shape
        torch.Size([1, 5, 8])
    """
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)

    def mix(layers: Sequence[Tensor], slopes: Sequence[Tensor], reader: Tensor) -> Tensor:
        # without the 1 of each token for itself, beside which small slopes would be lost
        tokens = reader.shape[1]
        gathered = reader.new_zeros(len(reader), tokens, tokens)
        for weights, slope in zip(layers, slopes, strict=True):
            more = (weights * slope).clamp(min=0).mean(1)
            gathered = gathered + more @ gathered + more
        return (reader[:, None] @ gathered)[:, 0]

    return explained("attention_relevance", q, mix, query, {}, slopes=True)
