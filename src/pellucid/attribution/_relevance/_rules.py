"""LRP's rules for an operation with weights, each as its definition reads.

A rule takes the operation, what went in (``x``), what came out (``z``, bias included) and the output's
relevance (``R``), and gives the input's relevance.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pellucid.attribution._operations import Weighted

Rule = Callable[[Weighted, Tensor, Tensor, Tensor], Tensor]


def stable(z: Tensor, epsilon: float) -> Tensor:
    """``z`` away from zero by ``epsilon``, each in its own direction; zero counts as positive."""
    epsilon = max(epsilon, torch.finfo(z.dtype).smallest_normal)
    return z + epsilon * (1 - 2 * (z < 0).to(z.dtype))


def above(t: Tensor | None) -> Tensor | None:
    """The positive part."""
    return None if t is None else t.clamp(min=0)


def below(t: Tensor | None) -> Tensor | None:
    """The negative part."""
    return None if t is None else t.clamp(max=0)


def epsilon(small: float) -> Rule:
    """``R_i = x_i Σ_j w_ij R_j / (z_j + ε sign z_j)``."""

    def rule(op: Weighted, x: Tensor, z: Tensor, R: Tensor) -> Tensor:
        return x * op.adjoint(R / stable(z, small), op.weight, x)

    return rule


def alpha_beta(alpha: float, small: float) -> Rule:
    """``α (x⁺w⁺ + x⁻w⁻) / z⁺ - β (x⁺w⁻ + x⁻w⁺) / z⁻`` with ``β = α - 1``; z⁺ is ``α = 1``."""

    def rule(op: Weighted, x: Tensor, z: Tensor, R: Tensor) -> Tensor:
        w_up, w_down = op.weight.clamp(min=0), op.weight.clamp(max=0)
        out = alpha * _signed(op, x, R, (w_up, w_down), above(op.bias), small)
        if alpha > 1:
            out = out - (alpha - 1) * _signed(op, x, R, (w_down, w_up), below(op.bias), small)
        return out

    return rule


def gamma(share: float, small: float) -> Rule:
    """Weights ``w + γw⁺`` where they help the output's own sign, for inputs and outputs of both signs."""

    def rule(op: Weighted, x: Tensor, z: Tensor, R: Tensor) -> Tensor:
        w_up, w_down = op.weight.clamp(min=0), op.weight.clamp(max=0)
        rise, fall = x.clamp(min=0), x.clamp(max=0)
        mixed = bool(fall.any())
        helps = op.run(rise, w_up, above(op.bias))
        helps = helps + op.run(fall, w_down, None) if mixed else helps

        def down(c: Tensor, of_rise: Tensor, of_fall: Tensor) -> Tensor:
            out = rise * op.adjoint(c, op.weight + share * of_rise, x)
            return out + fall * op.adjoint(c, op.weight + share * of_fall, x) if mixed else out

        out = down(R * (z > 0) / stable(z + share * helps, small), w_up, w_down)
        R_below = R * (z < 0)
        if bool(R_below.any()):  # what does not help hurts: no other convolution is needed for it
            out = out + down(R_below / stable(z + share * (z - helps), small), w_down, w_up)
        return out

    return rule


def _signed(
    op: Weighted, x: Tensor, R: Tensor, weights: tuple[Tensor, Tensor], bias: Tensor | None, small: float
) -> Tensor:
    """One weight for the positive inputs, another for the negative; after a ReLU the second costs nothing."""
    rise, fall = x.clamp(min=0), x.clamp(max=0)
    z = op.run(rise, weights[0], bias)
    if not bool(fall.any()):
        return rise * op.adjoint(R / stable(z, small), weights[0], x)
    c = R / stable(z + op.run(fall, weights[1], None), small)
    return rise * op.adjoint(c, weights[0], x) + fall * op.adjoint(c, weights[1], x)


def z_box(low: Tensor | float, high: Tensor | float, small: float) -> Rule:
    """For inputs known to lie between ``low`` and ``high``: ``x w - l w⁺ - h w⁻`` over its sum."""

    def rule(op: Weighted, x: Tensor, z: Tensor, R: Tensor) -> Tensor:
        w_up, w_down = op.weight.clamp(min=0), op.weight.clamp(max=0)
        least = torch.as_tensor(low).to(x).expand(x.shape[1:])[None]
        most = torch.as_tensor(high).to(x).expand(x.shape[1:])[None]
        # the bias cancels: b - b⁺ - b⁻ = 0
        floor = op.run(least, w_up, above(op.bias)) + op.run(most, w_down, below(op.bias))
        c = R / stable(z - floor, small)
        up, down = op.adjoint(c, w_up, x), op.adjoint(c, w_down, x)
        return (x - least) * up + (x - most) * down

    return rule


def w_square(small: float) -> Rule:
    """``R_i = Σ_j w_ij² / Σ_i w_ij² R_j``, whatever the input."""

    def rule(op: Weighted, x: Tensor, z: Tensor, R: Tensor) -> Tensor:
        bias = None if op.bias is None else op.bias.square()
        return _blind(op, x, R, op.weight.square(), bias, small)

    return rule


def flat(small: float) -> Rule:
    """Relevance spread evenly over what the output saw."""

    def rule(op: Weighted, x: Tensor, z: Tensor, R: Tensor) -> Tensor:
        return _blind(op, x, R, torch.ones_like(op.weight), None, small)

    return rule


def _blind(op: Weighted, x: Tensor, R: Tensor, weight: Tensor, bias: Tensor | None, small: float) -> Tensor:
    total = op.run(torch.ones_like(x[:1]), weight, bias)
    return op.adjoint(R / stable(total, small), weight, x)
