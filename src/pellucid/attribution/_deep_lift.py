"""Differences from a reference, carried back through the network operation by operation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeGuard

import torch
from torch import Tensor, nn

from pellucid._core import (
    Batch,
    Compute,
    Explanation,
    InputSpec,
    Question,
    Straight,
    TargetLike,
    sloped,
)
from pellucid.attribution._multipliers import Along, Rule, by_pairs, whole
from pellucid.attribution._operations import adds_up
from pellucid.errors import InputError, near_misses

GAP = "rounding, or an operation whose output is not decided by its inputs. Look at gap."
SLACK = 1e-3  # share of the difference that may be left over unsaid


def deep_lift(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    baseline: float | Tensor | Mapping[str, float | Tensor] | None = None,
    rule: Rule = "rescale",
    compute: Compute | None = None,
) -> Explanation:
    """Share of each element in the difference between this score and the reference's, in units of the target.

    Values add up to ``score - score(baseline)``, exactly but for rounding; what is left over is in ``gap``.

    Formula: ``values[i] = (x[i] - b[i]) · m[i]``, where multipliers follow the chain rule and each
    operation's own multiplier makes its input differences add up to its output difference: ``Δy / Δx`` for an
    elementwise operation, the weights for a linear one, ``Δ(ab) = Δa·(b + b₀)/2 + Δb·(a + a₀)/2`` for a
    product, and the same algebra in logarithms for a softmax. ``rule="reveal_cancel"`` looks at what pushes a
    unit up (Δ⁺) and down (Δ⁻) apart: ``Δy⁺ = ½[f(x₀+Δ⁺) - f(x₀)] + ½[f(x₀+Δ⁺+Δ⁻) - f(x₀+Δ⁻)]``.

    Args:
        model: any network of operations that have a rule (nearly all of torch's); rules go by operation and
            call, so functional, in-place and re-used activations count as what they are.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean.
        baseline: the reference: a number, a tensor that broadcasts to the inputs (or to the activation at
            ``at``), or one of them for each name of a ``Batch``. ``None`` is what the spec calls absent, and
            zeros without a spec or at a hidden site.
        rule: ``"rescale"``, or ``"reveal_cancel"`` for elementwise operations that directly follow a dense or
            convolutional one (a batch norm may stand between); the others are rescaled, and the note says so.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``gap`` and ``reference``.

    Raises:
        InputError: where ``baseline`` or ``rule`` does not fit, or inputs do not fit the network.
        TargetError, SiteError: where target or site do not fit the network.
        MethodError: where an operation has no rule (it is named), or the network takes another way for the
            reference than for the input, by its branches or by masks that it makes of the input.

    Cost:
        Two forward passes and one backward pass, with ``at`` three forward; by ``"rescale"`` one forward pass
        and a row for each chunk where all references are equal.

    Limits:
        The reference decides what is seen: elements that equal it get nothing. Unlike with integrated
        gradients, two networks that compute the same function may get different values.

    Source:
        Shrikumar et al. 2017, Learning Important Features Through Propagating Activation Differences,
        arXiv 1704.02685.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> deep_lift(net, torch.tensor([[1.0, 2.0]]), 0).values
        tensor([[ 3., -4.]])
    """
    if rule not in ("rescale", "reveal_cancel"):
        raise InputError(
            f"No rule is called {rule!r}. {near_misses(str(rule), ['rescale', 'reveal_cancel'])}"
        )
    q = None
    if rule == "rescale" and at is None and _plain(baseline):
        by = Along("deep_lift", baseline or 0.0)
        q = sloped(model, inputs, target, at=at, spec=spec, compute=compute, by=by)
        found = _together(q, by, baseline) if isinstance(q, Straight) else None
        if found is not None:
            return found
    if not isinstance(q, Question):
        q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    start = q.filled(baseline)
    reference: list[Tensor] = []
    rescaled, torn = 0, set[str]()

    def heard(_: Tensor, __: slice, base: Tensor, plain: int, steered: set[str]) -> None:
        nonlocal rescaled
        rescaled = plain
        torn.update(steered)
        reference.append(base[0])

    values = q.gradient(by=by_pairs("deep_lift", lambda _, rows: start[rows], rule, heard))
    base = torch.cat(reference)
    whole("deep_lift", q, q.base - base, values, torn)
    note = adds_up(q.base - base, values, GAP, SLACK)
    if rule == "reveal_cancel" and rescaled:
        note = f"{rescaled} elementwise operations follow no weighted one and were rescaled. {note}".strip()
    params = {"baseline": start if isinstance(baseline, Mapping) else baseline, "rule": rule}
    return q.answer("deep_lift", values, params, reference=base, note=note)


def _plain(baseline: object) -> TypeGuard[float | None]:
    """Whether one number stands in every element of the reference."""
    return baseline is None or (
        isinstance(baseline, int | float) and not isinstance(baseline, bool) and math.isfinite(baseline)
    )


def _together(q: Straight, by: Along, baseline: float | None) -> Explanation | None:
    """What one pass of the rows and the reference gives; ``None`` where it does not add up."""
    values = q.gradient(by=by) * (q.packed - by.baseline)
    reference = q.picked(by.reached)
    found = q.answer("deep_lift", values, {"baseline": baseline, "rule": "rescale"}, reference=reference)
    left = q.base - reference - values.flatten(1).sum(1)
    return found if bool((left.abs() <= SLACK * (q.base - reference).abs()).all()) else None
