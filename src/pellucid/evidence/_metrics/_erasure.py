"""Comprehensiveness and sufficiency: the score without the best parts, and with nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Json, TargetLike
from pellucid.errors import InputError
from pellucid.evidence._metrics._best_order import EXACT, Sizes, extremes
from pellucid.evidence._metrics._metric import Metric, metric
from pellucid.evidence._metrics._removal import Removing, Way, first_of, order_of, removing
from pellucid.evidence._metrics._trial import Trial, limits_of, trial

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)


def comprehensiveness(
    model: nn.Module,
    inputs: Tensor,
    maps: Tensor,
    target: TargetLike | None = None,
    *,
    normalised: bool = False,
    spec: InputSpec | None = None,
    fill: str | Tensor = "own",
    shares: Sequence[float] = SHARES,
    others: Tensor | None = None,
    beside: Mapping[str, Tensor] | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Fall of the score without the parts that the map ranks highest; high is good, in the score's unit.

    ``mean over shares s of f(x) - f(x without the share s)``, at least one part. Normalised:
    ``(value - least) / (most - least)`` over all orders of the parts, so that networks can be compared; 0 is
    the worst order, 1 the best. The extremes are exact for up to 10 parts, else found by beam search, and
    then an order may pass them.

    Args:
        model: any network.
        inputs: ``[N, *shape]``.
        maps: ``[N, *shape]``.
        target: the score; left out, the probability of each row's top class, as in the paper.
        normalised: whether to measure in the span between the worst and the best order.
        spec: what the inputs mean; words are the parts of texts.
        fill: what replaces removed parts, as in :func:`responses`.
        shares: of the parts.
        others: inputs that fills may take from.
        beside: controls by name, as for :func:`deletion`.
        compute: how to run.

    Returns:
        A :class:`Metric` with the curve over the shares.

    Raises:
        InputError: where maps and inputs do not fit, or there are too many parts to search for the best.

    Cost:
        ``1 + shares · (1 + controls)`` forward passes per input. Normalised, also ``2^U`` for up to U = 10
        parts, else at most ``5 U²`` for each end.

    Limits:
        Texts with holes are unlike any text: the mask token is the least bad fill (arXiv 2106.00786).

    Source:
        DeYoung et al. 2020, ERASER, arXiv 1911.03429; Edin et al. 2025, Normalized AOPC, arXiv 2408.08137.

    Example:
        >>> net, x = nn.Linear(4, 1, bias=False), torch.ones(1, 4)
        >>> net.weight.data = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
        >>> comprehensiveness(net, x, net.weight * x, shares=(0.25, 0.5), beside={}).values.tolist()
        [5.5]
    """
    asked = removing(model, inputs, target, spec=spec, fill=fill, others=others, compute=compute)
    what = "fall of the score without the parts that the map ranks highest"
    return _erased("comprehensiveness", what, "delete", asked, maps, beside, shares, normalised=normalised)


def sufficiency(
    model: nn.Module,
    inputs: Tensor,
    maps: Tensor,
    target: TargetLike | None = None,
    *,
    normalised: bool = False,
    spec: InputSpec | None = None,
    fill: str | Tensor = "own",
    shares: Sequence[float] = SHARES,
    others: Tensor | None = None,
    beside: Mapping[str, Tensor] | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Fall of the score with nothing but the parts that the map ranks highest; low is good.

    ``mean over shares s of f(x) - f(only the share s)``. Normalised, 0 is the best order and 1 the worst.
    Arguments, errors, cost and limits are those of :func:`comprehensiveness`.

    Source:
        DeYoung et al. 2020, ERASER, arXiv 1911.03429; Edin et al. 2025, Normalized AOPC, arXiv 2408.08137.

    Example:
        >>> net, x = nn.Linear(4, 1, bias=False), torch.ones(1, 4)
        >>> net.weight.data = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
        >>> sufficiency(net, x, net.weight * x, shares=(0.25, 0.5), beside={}).values.tolist()
        [4.5]
    """
    asked = removing(model, inputs, target, spec=spec, fill=fill, others=others, compute=compute)
    what = "fall of the score with nothing but the parts that the map ranks highest"
    return _erased("sufficiency", what, "insert", asked, maps, beside, shares, normalised=normalised)


def _erased(
    name: str,
    meaning: str,
    way: Way,
    asked: Removing,
    maps: Tensor,
    beside: Mapping[str, Tensor] | None,
    shares: Sequence[float],
    *,
    normalised: bool,
) -> Metric:
    if not shares or not all(0 < share <= 1 for share in shares):
        raise InputError(f"Expected shares above 0 and up to 1, got {list(shares)}.")
    tried = trial(asked.inputs, maps, spec=asked.spec, beside=beside, seed=asked.compute.seed)
    sizes = _sizes(tried, shares)
    found, rows, settings = _falls(asked, tried, way, sizes, shares)
    areas = {one: fall.mean(1) for one, fall in found.items()}
    low, high = limits_of(asked.target)
    limits, left = (low - high, high - low), tried.flat
    if normalised:
        least, most, more = extremes(asked, tried, way, sizes)
        span = most - least
        areas = {one: (area - least) / span for one, area in areas.items()}
        left = left | {"every order of the parts does the same": span <= 1e-9 * most.abs()}
        exact = int(sizes.parts.max()) <= EXACT
        limits, rows = ((0.0, 1.0) if exact else (-math.inf, math.inf)), rows + more
        settings = settings | {"extremes": "exact" if exact else "beam search"}
    value, controls = tried.split(areas)
    return metric(
        f"normalised {name}" if normalised else name,
        f"{meaning}, in the span between the worst and the best order" if normalised else meaning,
        value,
        better="high" if way == "delete" else "low",
        limits=limits,
        unit="" if normalised else str(settings["target"]),
        beside=controls,
        left_out=left,
        rows=rows,
        seed=asked.compute.seed,
        settings=settings,
        curve=tried.split(found)[0],
    )


def _sizes(tried: Trial, shares: Sequence[float]) -> Sizes:
    parts = (~tried.map.isnan()).sum(1, keepdim=True)
    wanted = (parts * torch.tensor(list(shares), dtype=torch.float64).to(parts.device)).round().long()
    return Sizes(torch.minimum(wanted.clamp(min=1), parts), parts[:, 0])


def _falls(
    asked: Removing, tried: Trial, way: Way, sizes: Sizes, shares: Sequence[float]
) -> tuple[dict[str, Tensor], float, dict[str, Json]]:
    exist = ~tried.map.isnan()
    masks = [torch.zeros_like(exist)[:, None]]
    for units in tried.units.values():
        first = first_of(order_of(units, asked.compute.seed), sizes.counts)
        masks.append(first if way == "delete" else exist[:, None] & ~first)
    scores, words, label = asked.scores(tried.bank, torch.cat(masks, 1))
    fall = (scores[:, :1] - scores[:, 1:]).double()
    each = fall.view(len(fall), len(tried.units), -1).unbind(1)
    settings: dict[str, Json] = {"fill": words, "target": label, "curve along": list(shares)}
    return dict(zip(tried.units, each, strict=True)), scores.shape[1], settings
