"""Which rule goes where: named sets of rules, with their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pellucid._core import brief
from pellucid.attribution._relevance import _rules
from pellucid.attribution._relevance._rules import Rule
from pellucid.errors import InputError, near_misses

RULES = ("epsilon", "gamma", "alpha_beta", "z_plus", "z_box", "w_square", "flat")
# name: (convolutions, dense layers, first weighted operation, what may be first)
COMPOSITES = {
    "epsilon": ("epsilon", "epsilon", None, "any"),
    "epsilon_plus": ("z_plus", "epsilon", None, "any"),
    "epsilon_plus_flat": ("z_plus", "epsilon", "flat", "any"),
    "epsilon_alpha2_beta1": ("alpha_beta", "epsilon", None, "any"),
    "epsilon_alpha2_beta1_flat": ("alpha_beta", "epsilon", "flat", "any"),
    "epsilon_gamma_box": ("gamma", "epsilon", "z_box", "conv"),
    "excitation_backprop": ("z_plus", "z_plus", None, "any"),
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the rules are set to."""

    epsilon: float = 1e-6
    gamma: float = 0.25
    alpha: float = 2.0
    stabilizer: float = 1e-6
    low: float | Tensor | None = None
    high: float | Tensor | None = None

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class Composite:
    """The rule for each kind of operation with weights."""

    conv: Rule
    dense: Rule
    first: Rule | None
    may_be_first: Literal["any", "conv"]
    stabilizer: float


def composite(
    name: str, conv: str | None, dense: str | None, first: str | None, numbers: Numbers
) -> Composite:
    """A named composite, with single rules exchanged."""
    if name not in COMPOSITES:
        raise InputError(f"No composite is called {name!r}. {near_misses(name, COMPOSITES)}")
    of_conv, of_dense, of_first, eligible = COMPOSITES[name]
    first = of_first if first is None else first
    return Composite(
        _rule(conv or of_conv, numbers),
        _rule(dense or of_dense, numbers),
        None if first is None else _rule(first, numbers),
        "conv" if eligible == "conv" and first == "z_box" else "any",
        numbers.stabilizer,
    )


def _rule(name: str, n: Numbers) -> Rule:
    match name:
        case "epsilon":
            return _rules.epsilon(n.epsilon)
        case "gamma":
            return _rules.gamma(n.gamma, n.stabilizer)
        case "alpha_beta":
            return _rules.alpha_beta(n.alpha, n.stabilizer)
        case "z_plus":
            return _rules.alpha_beta(1.0, n.stabilizer)
        case "z_box":
            if n.low is None or n.high is None:
                raise InputError(
                    "The z_box rule needs the range of inputs: give low= and high= (numbers or tensors that "
                    "broadcast to one input), or an ImageSpec."
                )
            return _rules.z_box(n.low, n.high, n.stabilizer)
        case "w_square":
            return _rules.w_square(n.stabilizer)
        case "flat":
            return _rules.flat(n.stabilizer)
        case _:
            raise InputError(f"No rule is called {name!r}. {near_misses(name, RULES)}")
