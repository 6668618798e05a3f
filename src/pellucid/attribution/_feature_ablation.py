"""How far the score falls when one part is absent and all others are there."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid._core._game import Background, Baseline, game


def feature_ablation(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    baseline: Baseline = None,
    background: Background = None,
    draws: int | None = None,
    groups: Tensor | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """Fall of the score when the part that an element belongs to is absent, in units of the target.

    The parts are those of the spec (cells, superpixels, columns, tokens) or of ``groups``. A part's fall is
    divided evenly among its elements, so that values summed over a part give its fall.

    Formula: ``values[i] = (v(all) - v(all but P(i))) / |P(i)|``, with ``v(S)`` the score with the parts of
    ``S`` there and the others absent.

    Args:
        model: any network; needs no gradients.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs, whose parts are single elements.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean; its parts and its absence are used.
        baseline: what stands in the place of an absent part: a number, a tensor that broadcasts to the
            inputs, or one of them for each name of a ``Batch``. ``None`` is what the spec calls absent, zeros
            without.
        background: rows ``[B, *shape]`` that stand there in turn: the marginal value function, where a
            coalition is worth its mean score over them. All coalitions share them.
        draws: how many of them serve each row, spread evenly over the score they get; ``None`` takes all.
        groups: int64, number of the part of each element, broadcasts to the inputs; ``None`` are the parts of
            the spec, or single elements, positions or cells as in ``occlusion``.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``; ``note`` names the value function.

    Raises:
        InputError: where arguments do not fit.
        TargetError, SiteError: where target or site do not fit the network.

    Cost:
        One forward pass for each part and one more (each times the background rows that serve a row); with
        fewer ``draws`` than background rows, one of each of these beside; no backward pass.

    Limits:
        Parts are taken away one at a time: two that can stand in for each other both look useless. Such
        inputs may lie where the network never trained. Falls do not add up to anything.

    Source:
        Li et al. 2016, Understanding Neural Networks through Representation Erasure, arXiv 1612.08220.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> feature_ablation(net, torch.tensor([[1.0, 2.0]]), 0).values
        tensor([[ 3., -4.]])
    """
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    played = game(q, baseline=baseline, background=background, draws=draws, groups=groups)
    values = torch.zeros_like(q.point, dtype=torch.float64)
    full = torch.empty(q.rows, dtype=torch.float64)
    for rows, n in played.runs():
        # the last mask keeps everything: the score itself, in the same pass
        worth = played.worth(
            torch.cat([~torch.eye(n, dtype=torch.bool), torch.ones(1, n, dtype=torch.bool)]), rows, near=True
        )
        full[rows] = worth[-1]
        values[rows] = played.spread(worth[-1] - worth[:-1], rows)
    return played.answer("feature_ablation", values, {}, full=full)
