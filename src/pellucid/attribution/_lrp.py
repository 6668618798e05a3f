"""Relevance that flows from the score back to the input, as much out of an operation as came in."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.attribution._operations import adds_up
from pellucid.attribution._relevance import Numbers, by_relevance, composite
from pellucid.inputs import ImageSpec

GAP = "what biases and stabilisers absorbed. Trust the order of values more than their size."


def lrp(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    rules: str = "epsilon_plus",
    conv: str | None = None,
    dense: str | None = None,
    first: str | None = None,
    epsilon: float = 1e-6,
    gamma: float = 0.25,
    alpha: float = 2.0,
    stabilizer: float = 1e-6,
    low: float | Tensor | None = None,
    high: float | Tensor | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """Share of the score that was handed down to each element by its weight in every sum, in target units.

    Layer-wise relevance propagation is covered by patents in some countries (EP3271863B1, CA2979579); find
    out whether you may use it before you do so commercially. Nothing else in pellucid needs it.

    Formula: each operation hands its output's relevance ``R_j`` to its inputs. Weighted operations by a rule:
    ``epsilon`` ``R_i = x_i Σ_j w_ij R_j / (z_j + ε sign z_j)``; ``gamma`` with weights ``w + γw⁺`` for
    outputs above zero and ``w + γw⁻`` for those below, inputs of either sign; ``alpha_beta``
    ``α (x⁺w⁺ + x⁻w⁻) / z⁺ - (α - 1)(x⁺w⁻ + x⁻w⁺) / z⁻``; ``z_plus``, which is ``α = 1``; ``z_box``
    ``x w - l w⁺ - h w⁻`` over its sum; ``w_square`` and ``flat``, blind to the input. A batch norm is merged
    into the weighted operation before it. Sums and means by share, elementwise functions as they come, maxima
    to the largest, products half to each factor (all to the signal where the other is a gate or a
    normaliser), matrix products of two activations by share and half to each, softmax ``x_i (R_i - s_i Σ_j
    R_j)``, layer norms with the deviation held fixed.

    Args:
        model: any network of operations that have a rule; rules go by operation and call, so functional,
            in-place and re-used parts count as what they are. Recurrent layers and attention are taken apart.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``. Relevance begins as the
            output times the target's slope there: the score itself, for a logit.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean; an ``ImageSpec`` gives ``z_box`` its range.
        rules: a named set. ``"epsilon"`` for transformers and recurrent nets; for convolutional ones
            ``"epsilon_plus"``, ``"epsilon_alpha2_beta1"``, the same with ``"_flat"`` for the first weighted
            operation, or ``"epsilon_gamma_box"`` with ``z_box`` for the first convolution.
            ``"excitation_backprop"`` is ``z_plus`` everywhere (Zhang et al. 2016, arXiv 1608.00507).
        conv, dense, first: a rule instead of the set's, for convolutions, for all other weighted operations,
            and for those that no weighted operation comes before.
        epsilon: of the epsilon rule. stabilizer: keeps all other divisions away from zero.
        gamma, alpha: of the rules of these names.
        low, high: range of one input for ``z_box``: numbers or tensors that broadcast to it.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``gap``: the score that
        reached no element.

    Raises:
        InputError: where rules are unknown, ``z_box`` has no range, or inputs do not fit the network.
        TargetError, SiteError: where target or site do not fit the network.
        MethodError: where an operation has no rule (it is named).

    Cost:
        One forward and one backward pass, with ``at`` two forward; ``z_plus`` and ``gamma`` cost half as much
        again where what goes in is nowhere negative, up to three times as much elsewhere.

    Limits:
        Values depend on how the network is written, not only on what it computes, and on the rules, which
        were chosen for looks. The epsilon rule without biases is gradient × input for ReLU networks; z_plus
        sees next to nothing of what speaks against the target, nor of which class is asked for.

    Source:
        Bach et al. 2015, doi 10.1371/journal.pone.0130140; Montavon et al. 2019, doi
        10.1007/978-3-030-28954-6_10; Achtibat et al. 2024, AttnLRP, arXiv 2402.05602; Arras et al. 2019, doi
        10.1007/978-3-030-28954-6_11.

    Example:
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> lrp(net, torch.tensor([[1.0, 2.0]]), 0).values.round(decimals=3)
        tensor([[ 3., -4.]])
    """
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    if isinstance(q.described, ImageSpec) and low is None and high is None:
        low, high = _range(q.described, q.point)
    numbers = Numbers(epsilon, gamma, alpha, stabilizer, low, high)
    values = q.gradient(by=by_relevance(composite(rules, conv, dense, first, numbers)))
    nothing = torch.zeros_like(q.base)
    params = {
        "rules": rules,
        "conv": conv,
        "dense": dense,
        "first": first,
        "epsilon": epsilon,
        "gamma": gamma,
        "alpha": alpha,
        "stabilizer": stabilizer,
        "low": low,
        "high": high,
    }
    note = adds_up(q.base, values, GAP, 0.1)
    return q.answer("lrp", values, params, reference=nothing, note=note)


def _range(spec: ImageSpec, x: Tensor) -> tuple[Tensor, Tensor]:
    """What black and white are to the network."""
    black = torch.zeros_like(x[:1])
    return spec.from_pixels(black)[0], spec.from_pixels(torch.ones_like(black))[0]
