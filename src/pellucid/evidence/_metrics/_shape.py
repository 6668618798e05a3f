"""Sparseness and complexity: is the map short? They describe a map and say nothing of its truth."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.evidence._metrics._metric import Metric, metric
from pellucid.evidence._metrics._trial import trial

EMPTY = "the map is empty"


def sparseness(
    inputs: Tensor,
    maps: Tensor,
    *,
    spec: InputSpec | None = None,
    beside: Mapping[str, Tensor] | None = None,
    seed: int = 0,
) -> Metric:
    """Gini index of |map| over the parts: 0 where all weigh alike, ``1 - 1/U`` where one has all.

    ``Σ (2k - U - 1) |a|_(k) / (U Σ |a|)``, ``|a|_(k)`` in rising order.

    Args:
        inputs: ``[N, *shape]``, for their parts.
        maps: ``[N, *shape]``.
        spec: what the inputs mean.
        beside: controls by name, as for :func:`deletion`.
        seed: of the random map.

    Returns:
        A :class:`Metric`, from 0 to 1, which does not judge: a map may be short and wrong.

    Raises:
        InputError: where maps and inputs do not fit.

    Cost:
        No passes.

    Limits:
        A network that uses everything deserves a map that is not sparse.

    Source:
        Chalasani et al. 2020, Concise Explanations of Neural Networks using Adversarial Training,
        arXiv 1810.06583; Hurley and Rickard 2009, arXiv 0811.4706.

    Example:
        >>> maps = torch.tensor([[1.0, 1, 1, 1], [0, 0, -5, 0]])
        >>> sparseness(torch.ones(2, 4), maps, beside={}).values.tolist()
        [0.0, 0.75]
    """
    what = "Gini index of the map's size over the parts"
    return _shaped("sparseness", what, maps, inputs, spec, beside, seed)


def complexity(
    inputs: Tensor,
    maps: Tensor,
    *,
    spec: InputSpec | None = None,
    beside: Mapping[str, Tensor] | None = None,
    seed: int = 0,
) -> Metric:
    """Entropy of |map| over the parts, in nats: 0 where one part has all, ``ln U`` where all weigh alike.

    ``-Σ p ln p`` with ``p = |a| / Σ |a|``; ``exp`` of it is the number of parts that a reader has to hold.
    Arguments, errors and limits are those of :func:`sparseness`.

    Source:
        Bhatt et al. 2020, Evaluating and Aggregating Feature-based Model Explanations, arXiv 2005.00631.

    Example:
        >>> found = complexity(torch.ones(2, 4), torch.tensor([[1.0, 1, 1, 1], [0, 0, -5, 0]]), beside={})
        >>> found.values.exp().round().tolist()
        [4.0, 1.0]
    """
    return _shaped("complexity", "entropy of the map's size over the parts", maps, inputs, spec, beside, seed)


def _shaped(
    name: str,
    meaning: str,
    maps: Tensor,
    inputs: Tensor,
    spec: InputSpec | None,
    beside: Mapping[str, Tensor] | None,
    seed: int,
) -> Metric:
    tried = trial(inputs, maps, spec=spec, beside=beside, seed=seed)
    read = gini if name == "sparseness" else entropy
    value, controls = tried.split({what: read(units.abs().double()) for what, units in tried.units.items()})
    return metric(
        name,
        meaning,
        value,
        better="neither",
        limits=(0.0, 1.0 if name == "sparseness" else math.log(max(2, tried.map.shape[1]))),
        unit="" if name == "sparseness" else "nats",
        beside=controls,
        left_out={EMPTY: tried.map.nan_to_num(nan=0.0).abs().amax(1) == 0},
        rows=0,
        seed=seed,
    )


def gini(size: Tensor) -> Tensor:
    """Gini index of sizes ``[N, U]``, NaN where a part does not exist."""
    parts = (~size.isnan()).sum(1, keepdim=True)
    # what does not exist comes first and weighs nothing
    ordered = size.nan_to_num(nan=-1.0).sort(1).values
    place = torch.arange(1, size.shape[1] + 1, device=size.device) - (size.shape[1] - parts)
    weight = torch.where(place > 0, 2.0 * place - parts - 1, 0.0)
    return (weight * ordered).sum(1) / (parts[:, 0] * size.nansum(1))


def entropy(size: Tensor) -> Tensor:
    """Entropy of the shares of sizes ``[N, U]`` in nats."""
    share = size.nan_to_num(nan=0.0) / size.nansum(1, keepdim=True)
    return torch.special.entr(share).sum(1)
