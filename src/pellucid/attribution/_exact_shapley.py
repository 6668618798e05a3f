"""Shapley values without chance: every coalition is asked."""

from __future__ import annotations

from math import comb

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid._core._coalitions import every
from pellucid._core._conditional import Conditional
from pellucid._core._game import Background, Baseline, game
from pellucid.errors import MethodError

MOST = 16  # parts: 65,536 coalitions
BLOCK = 4096  # coalitions whose scores are held at once


def exact_shapley(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    baseline: Baseline = None,
    background: Background = None,
    draws: int | None = None,
    conditional: Conditional = None,
    bandwidth: float = 0.1,
    groups: Tensor | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """Share of each element in ``score - score(nothing there)`` by Shapley's rule, in units of the target.

    The parts of the input (cells, superpixels, columns, tokens) are the players; all ``2^n`` coalitions are
    asked, for up to 16 parts. A part's value is divided evenly among its elements. Values add up to
    ``score - reference``; what rounding leaves over is in ``gap``.

    Formula: ``phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! · (v(S with i) - v(S))``, with
    ``v(S)`` the score with the parts of ``S`` there and the others absent.

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
        conditional: how the background rows depend on the parts that are there. ``None``: not at all
            (marginal). ``"nearest"``: each counts by how near it is in those parts; ``draws`` are then the
            nearest ones of each coalition. ``"gaussian"``: each is moved along the background's linear
            dependence to those parts, up to 256 elements.
        bandwidth: what ``"nearest"`` calls near, in standard deviations.
        groups: int64, number of the part of each element, broadcasts to the inputs; ``None`` are the parts of
            the spec, or single elements, positions or cells as in ``occlusion``.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``gap`` and ``reference``.

    Raises:
        InputError: where arguments do not fit.
        TargetError, SiteError: where target or site do not fit the network.
        MethodError: where there are more than 16 parts, or more than 256 elements for
            ``conditional="gaussian"``.

    Cost:
        ``2^n + 1`` forward passes of each row (times the background rows that serve it), and one more; with
        fewer ``draws`` than background rows, one of each of these beside; no backward pass.
        Memory: one chunk of inputs and 4,096 scores of each row.

    Limits:
        Inputs with absent parts may lie where the network never trained. Shapley values of parts that lean on
        each other divide what they do together; exactness concerns the arithmetic, not the question asked.
        Conditional values credit a part also for what it tells of others: one that the network never uses
        gets a value where it goes with one that is used. With ``"nearest"``, few rows are near when many
        parts are there; the note says how many.

    Source:
        Shapley 1953, A value for n-person games; Lundberg & Lee 2017, arXiv 1705.07874.
        Conditional values after Aas et al. 2021, Explaining individual predictions when features are
        dependent, arXiv 1903.10464, with differences scaled element by element.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> exact_shapley(net, torch.tensor([[1.0, 2.0]]), 0).values
        tensor([[ 3., -4.]])
    """
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    played = game(
        q,
        baseline=baseline,
        background=background,
        draws=draws,
        groups=groups,
        conditional=conditional,
        bandwidth=bandwidth,
    )
    most = max(played.counts)
    if most > MOST:
        raise MethodError(
            f"{most} parts have 2^{most} coalitions; exact_shapley asks up to 2^{MOST}. "
            "Name fewer and larger parts with groups= or a spec, or use kernel_shap."
        )
    values = torch.zeros_like(q.point, dtype=torch.float64)
    empty, full = played.ends()
    for rows, n in played.runs():
        masks = every(n)
        share = sum(_gains(part) @ played.worth(part, rows) for part in masks.split(BLOCK))
        values[rows] = played.spread(torch.as_tensor(share), rows)
    return played.answer("exact_shapley", values, {}, full=full, empty=empty)


def _gains(masks: Tensor) -> Tensor:
    """What each coalition's worth adds to each part's value: float64 ``[n, K]``."""
    n = masks.shape[1]
    joined = torch.tensor(
        [0.0] + [1 / (n * comb(n - 1, s - 1)) for s in range(1, n + 1)], dtype=torch.float64
    )
    left = torch.tensor([1 / (n * comb(n - 1, s)) for s in range(n)] + [0.0], dtype=torch.float64)
    size = masks.sum(1)
    return torch.where(masks, joined[size][:, None], -left[size][:, None]).T
