"""Shapley values by regression on coalitions that come in pairs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid._core._coalitions import pairs
from pellucid._core._conditional import Conditional
from pellucid._core._estimate import Plan, budget_of, doubling, estimate
from pellucid._core._evenly import evenly
from pellucid._core._game import Background, Baseline, game
from pellucid._core._least_squares import fit, summing
from pellucid._core._remainder import Remainder
from pellucid._core._student import student


def kernel_shap(
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
    budget: int | None = None,
    precision: float | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """Share of each element in ``score - score(nothing there)`` by Shapley's rule, in units of the target.

    The parts of the input (cells, superpixels, columns, tokens) are the players. A part's value is divided
    evenly among its elements, so values summed over a part give its Shapley value, and all values add up to
    ``score - reference``: exactly, at any budget. Every part gets a value; none is dropped. Coalitions come
    in pairs with their complements, sizes as often as the Shapley kernel weighs them, and never twice: where
    the budget reaches all ``2^n``, values are exact and their standard error is 0. Of each size those are
    asked that lie most evenly among the others, so that what two parts do together does not reach the values
    at all, and what three do together hardly.

    Formula: the ``phi`` that minimise ``sum_S w(S) · (v(S) - v(rest of S) - sum_i ±phi_i)²``, plus where part
    ``i`` is in ``S``, under ``sum_i phi_i = v(all) - v(none)``, with
    ``w(S) = (n - 1) / (C(n, |S|) · |S| · (n - |S|))`` and ``v(S)`` the score with the parts of ``S`` there
    and the others absent.

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
        draws: how many of them serve each row, spread evenly over the score they get; ``None`` takes all. The
            standard error does not speak of this choice.
        conditional: how the background rows depend on the parts that are there. ``None``: not at all
            (marginal). ``"nearest"``: each counts by how near it is in those parts; ``draws`` are then the
            nearest ones of each coalition. ``"gaussian"``: each is moved along the background's linear
            dependence to those parts, up to 256 elements.
        bandwidth: what ``"nearest"`` calls near, in standard deviations.
        groups: int64, number of the part of each element, broadcasts to the inputs; ``None`` are the parts of
            the spec, or single elements, positions or cells as in ``occlusion``.
        budget: rows of the network for each explained row; ``None`` is 16 coalitions for each part and at
            least 512.
        precision: stop a row when its largest standard error is below this share of the range of its values.
        compute: how to run; its seed decides the coalitions, which all rows with as many parts share.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``stderr``, ``gap`` and
        ``reference``; ``note`` names the value function and how many coalitions were asked.

    Raises:
        InputError: where arguments do not fit, or the budget is below ``2 n + 6`` coalitions for ``n`` parts.
        TargetError, SiteError: where target or site do not fit the network.
        MethodError: for ``conditional="gaussian"`` on more than 256 elements.

    Cost:
        ``budget`` forward passes of each row (or ``2^n`` coalitions where that is less); no backward pass.
        Memory: one chunk of inputs, and eight bytes for each pass.

    Limits:
        Inputs with absent parts may lie where the network never trained. Shapley values of parts that lean on
        each other divide what they do together. Standard errors take what the regression leaves over for
        products of three parts and noise, in every mixture by how likely it is, and are widened by Student's
        factor for as many pairs as there are of sizes that were not asked whole.
        Conditional values credit a part also for what it tells of others: one that the network never uses
        gets a value where it goes with one that is used. With ``"nearest"``, few rows are near when many
        parts are there; the note says how many.

    Source:
        Lundberg & Lee 2017, A Unified Approach to Interpreting Model Predictions, arXiv 1705.07874; pairs
        after Covert & Lee 2021, Improving KernelSHAP, arXiv 2012.01536; evenness after Ehler & Okoudjou 2012,
        Minimization of the probabilistic p-frame potential, arXiv 1101.0140.
        Conditional values after Aas et al. 2021, Explaining individual predictions when features are
        dependent, arXiv 1903.10464, with differences scaled element by element.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> kernel_shap(net, torch.tensor([[1.0, 2.0]]), 0).values
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
    allowed = budget_of(budget, played, lambda n: 2 * n + 6)
    found = estimate(played, lambda n: _plan(n, allowed(n), q.compute.seed), precision)
    return played.answer(
        "kernel_shap",
        found.values,
        {"budget": budget, "precision": precision},
        full=found.full,
        empty=found.empty,
        stderr=found.stderr,
        note=found.note,
    )


def _plan(n: int, coalitions: int, seed: int) -> Plan:
    """Pairs, and the regression of their differences on who is in which half."""
    generator = torch.Generator().manual_seed(seed)
    drawn = evenly(pairs(n, (coalitions - 2) // 2, generator), generator)
    signs = drawn.sets.double() * 2 - 1
    free = summing(n)

    def solve(k: int, worth: Tensor, empty: Tensor, full: Tensor) -> tuple[Tensor, Tensor]:
        weight, unsampled = drawn.weights(k // 2)
        share = (full - empty) / n
        X = signs[: k // 2]
        y = worth[0::2] - worth[1::2] - X.sum(1, keepdim=True) * share
        made = fit(X @ free, weight)
        influence = free @ made.influence
        values = influence @ y + share
        if not bool(unsampled.any()):
            return values, torch.zeros_like(values)
        wider = student(int((unsampled > 0).sum()) - 1)
        left = Remainder(X, influence, free, unsampled, torch.Generator().manual_seed(seed))
        return values, wider * left.stderr(y)

    every = 2 * len(drawn.sets)
    return Plan(drawn.masks(), doubling(2 * max(2 * n, 32), every), solve, drawn.exhaustive)
