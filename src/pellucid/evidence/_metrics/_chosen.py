"""Metrics by name, asked alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Target
from pellucid.errors import InputError, near_misses
from pellucid.evidence._case import Method
from pellucid.evidence._metrics._attack import attribution_attack
from pellucid.evidence._metrics._completeness import completeness
from pellucid.evidence._metrics._deletion import deletion, insertion, relevance_gain
from pellucid.evidence._metrics._erasure import comprehensiveness, sufficiency
from pellucid.evidence._metrics._infidelity import infidelity
from pellucid.evidence._metrics._metric import Metric
from pellucid.evidence._metrics._randomisation import efficient_mprt, mprt, random_logit
from pellucid.evidence._metrics._sensitivity_n import sensitivity_n
from pellucid.evidence._metrics._shape import complexity, sparseness
from pellucid.evidence._metrics._stability import max_sensitivity, rank_stability
from pellucid.evidence._responses import Responses

OF_MAPS: Mapping[str, Callable[..., Metric]] = MappingProxyType(
    {
        one.__name__: one
        for one in (
            deletion,
            insertion,
            relevance_gain,
            sensitivity_n,
            completeness,
            comprehensiveness,
            sufficiency,
        )
    }
)
OF_METHODS: Mapping[str, Callable[..., Metric]] = MappingProxyType(
    {
        one.__name__: one
        for one in (
            max_sensitivity,
            rank_stability,
            mprt,
            efficient_mprt,
            random_logit,
            attribution_attack,
        )
    }
)
SHAPES: Mapping[str, Callable[..., Metric]] = MappingProxyType(
    {one.__name__: one for one in (sparseness, complexity)}
)
NAMES = ("infidelity", *SHAPES, *OF_MAPS, *OF_METHODS)


def metric_named(name: str) -> str:
    """The name, where there is such a metric.

    Raises:
        InputError: with near misses, where there is none.
    """
    if name not in NAMES:
        raise InputError(f"There is no metric {name!r}. {near_misses(name, NAMES)}")
    return name


def measured(
    name: str,
    model: nn.Module,
    x: Tensor,
    maps: Tensor,
    method: Method,
    target: Target,
    seen: Responses,
    *,
    spec: InputSpec | None,
    compute: Compute,
) -> Metric:
    """A metric of a method's maps, about the number that was explained."""
    if name == "infidelity":
        return infidelity(model, x, maps, target, seen=seen, spec=spec, compute=compute)
    if name in SHAPES:
        return SHAPES[name](x, maps, spec=spec, seed=compute.seed)
    if name in OF_MAPS:
        return OF_MAPS[name](model, x, maps, target, spec=spec, compute=compute)
    return OF_METHODS[name](model, x, method, target, spec=spec, compute=compute)
