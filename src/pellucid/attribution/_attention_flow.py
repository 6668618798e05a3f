"""How much can flow from a token to the reader when attention is what pipes can carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.attribution._attention import explained
from pellucid.attribution._attention._maximum import flows
from pellucid.attribution._attention._mixed import halved, known_fusion


def attention_flow(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    fusion: Literal["mean", "max", "min"] = "mean",
    query: int | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """Most that can flow from a token to the reading token, attention being what each pipe can carry: 0 to 1.

    Each layer is a row of nodes, the pipes between neighbouring layers carry ``(A + I) / 2``. Unlike shares
    of ``attention_rollout`` the numbers of different tokens do not add up: each is the most when all pipes
    serve that token alone. A token's number is divided evenly among its elements.

    Formula: ``maximum flow(reader in layer L -> token in layer 0)`` under capacities ``Ã_l[i, j]`` from node
    ``i`` of layer ``l`` to node ``j`` of layer ``l - 1``.

    Args:
        model: a network whose attention is of each row's tokens to themselves.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained; decides only which token is read.
        at: site whose activation is explained instead of the inputs: attention after it counts.
        spec: what the inputs mean.
        fusion: how heads become one: ``"mean"``, ``"max"`` or ``"min"``.
        query: the token whose flow is asked; ``None`` takes those of the last layer that the target depends
            on, each supplied with an equal share of 1; the note names them.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, none below 0; capacities are held
        to nine digits.

    Raises:
        MethodError: where no attention is seen, it is not of tokens to themselves (windows, two sequences:
            the operation is named), or tokens cannot be followed to the input.
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.

    Cost:
        That of ``attention_rollout``, and a maximum flow for each token of each row: 0.3 s for 64 tokens and
        6 layers, 15 s for the 197 tokens and 12 layers of a vision transformer.

    Limits:
        Attention is not an explanation of the score: it ignores the values it weighs, the layers between,
        and every sign, and it is the same for all classes. Capacities of different heads are pooled before
        they can carry anything.

    Source:
        Abnar & Zuidema 2020, Quantifying Attention Flow in Transformers, arXiv 2005.00928.

    Example:
        >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> net = nn.Sequential(layer, nn.Flatten(), nn.Linear(40, 3))
        >>> why = attention_flow(net, torch.rand(1, 5, 8), 0, query=1)
        >>> bool((why.values.sum(-1)[0, 1] > 0.5).all())
        True
    """
    known_fusion(fusion)
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)

    def mix(layers: Sequence[Tensor], slopes: Sequence[Tensor], reader: Tensor) -> Tensor:
        pipes = torch.stack([halved(weights, fusion) for weights in layers], 1)
        rows = [flows(p, r) for p, r in zip(pipes.double().cpu(), reader.double().cpu(), strict=True)]
        return torch.stack(rows).to(reader)

    return explained("attention_flow", q, mix, query, {"fusion": fusion}, slopes=False)
