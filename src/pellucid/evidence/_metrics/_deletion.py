"""Deletion, insertion and their difference: does the score follow the order of the map?"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Json, TargetLike
from pellucid.evidence._metrics._metric import Metric, metric
from pellucid.evidence._metrics._removal import Curves, Removing, Way, removing
from pellucid.evidence._metrics._trial import limits_of, trial

STEPS = 16
WAYS: tuple[Way, Way] = ("insert", "delete")


def deletion(
    model: nn.Module,
    inputs: Tensor,
    maps: Tensor,
    target: TargetLike | None = None,
    *,
    spec: InputSpec | None = None,
    fill: str | Tensor = "own",
    steps: int = STEPS,
    others: Tensor | None = None,
    beside: Mapping[str, Tensor] | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Area under the score while the most relevant parts go first (MoRF); low is good, in the score's unit.

    ``∫ f(x without the share s that the map ranks highest) ds`` from 0 to 1, by trapezoids over the shares
    that were really removed, both ends included. Parts with the same value go in an order drawn by lot, so
    that no order is favoured for where it stands.

    Args:
        model: any network.
        inputs: ``[N, *shape]``.
        maps: signed maps ``[N, *shape]``, summed over the parts of the inputs: pixels or blocks of pixels,
            columns, words, stretches of time.
        target: the score; left out, the probability of each row's top class, as in the paper (the single
            output in regression).
        spec: what the inputs mean.
        fill: what replaces removed parts, as in :func:`responses`; ``"linear"`` is ROAD's.
        steps: K.
        others: inputs that fills may take from.
        beside: controls by name; left out, a random map and those made from the input alone; ``{}`` for none.
        compute: how to run; the seed breaks ties.

    Returns:
        A :class:`Metric` with the curve ``[N, K + 1]``.

    Raises:
        InputError: where maps and inputs do not fit, or the fill does not suit them.

    Cost:
        ``2 + (K - 1) · (1 + controls)`` forward passes per input.

    Limits:
        The fill decides the ranking of methods more than the metric does. The score also falls because inputs
        with holes are unlike anything the network has seen: look at the random map beside it.

    Source:
        Samek et al. 2017, arXiv 1509.06321 (MoRF); Petsiuk et al. 2018, RISE, arXiv 1806.07421 (deletion).

    Example:
        >>> import torch
        >>> net, x = nn.Linear(4, 1, bias=False), torch.ones(1, 4)
        >>> net.weight.data = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
        >>> deletion(net, x, net.weight * x, beside={}).values.tolist()  # 10, 6, 3, 1, 0
        [3.75]
    """
    what = "area under the score while the most relevant parts are removed first"
    asked = removing(model, inputs, target, spec=spec, fill=fill, others=others, compute=compute)
    return _area("deletion", what, "delete", asked, maps, beside, steps)


def insertion(
    model: nn.Module,
    inputs: Tensor,
    maps: Tensor,
    target: TargetLike | None = None,
    *,
    spec: InputSpec | None = None,
    fill: str | Tensor = "own",
    steps: int = STEPS,
    others: Tensor | None = None,
    beside: Mapping[str, Tensor] | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Area under the score while the most relevant parts return to an empty input; high is good.

    ``∫ f(fill with the share s that the map ranks highest) ds``. Read backwards it is the curve of removing
    the least relevant parts first (LeRF): under the same fill both areas are the same number.

    Arguments, errors and cost are those of :func:`deletion`; the paper inserts onto ``fill="blur"``.

    Limits:
        As for :func:`deletion`; rewards a map that finds whatever restores the class fastest, not all of what
        it rests on.

    Source:
        Petsiuk et al. 2018, RISE, arXiv 1806.07421.

    Example:
        >>> import torch
        >>> net, x = nn.Linear(4, 1, bias=False), torch.ones(1, 4)
        >>> net.weight.data = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
        >>> insertion(net, x, net.weight * x, beside={}).values.tolist()  # 0, 4, 7, 9, 10
        [6.25]
    """
    what = "area under the score while the most relevant parts return first"
    asked = removing(model, inputs, target, spec=spec, fill=fill, others=others, compute=compute)
    return _area("insertion", what, "insert", asked, maps, beside, steps)


def relevance_gain(
    model: nn.Module,
    inputs: Tensor,
    maps: Tensor,
    target: TargetLike | None = None,
    *,
    spec: InputSpec | None = None,
    fill: str | Tensor = "own",
    steps: int = STEPS,
    others: Tensor | None = None,
    beside: Mapping[str, Tensor] | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Symmetric relevance gain (SRG): area under LeRF minus area under MoRF; high is good, 0 is chance.

    ``SRG = insertion - deletion`` under one fill: what the fill does to any order cancels in part.

    Arguments and errors are those of :func:`deletion`.

    Cost:
        Twice that of :func:`deletion`.

    Limits:
        What the fill does to one order and not to the other stays: ``|x - b|`` reached .68 under zeros on
        digits, more than GradSHAP, and agreement of two fills on the ranking of maps was only .54.

    Source:
        Blücher et al. 2024, Decoupling Pixel Flipping and Occlusion Strategy, arXiv 2401.06654.

    Example:
        >>> import torch
        >>> net, x = nn.Linear(4, 1, bias=False), torch.ones(1, 4)
        >>> net.weight.data = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
        >>> relevance_gain(net, x, net.weight * x, beside={}).values.tolist()
        [2.5]
    """
    asked = removing(model, inputs, target, spec=spec, fill=fill, others=others, compute=compute)
    tried = trial(inputs, maps, spec=spec, beside=beside, seed=asked.compute.seed)
    back, gone = (asked.curves(tried, way, steps) for way in WAYS)
    first, second = back.areas(), gone.areas()
    value, controls = tried.split({name: first[name] - second[name] for name in first})
    low, high = limits_of(asked.target)
    return metric(
        "symmetric relevance gain",
        "area under the score with the least relevant parts removed first, minus with the most relevant",
        value,
        better="high",
        limits=(low - high, high - low),
        unit=gone.target,
        beside=controls,
        left_out=tried.flat,
        rows=back.rows + gone.rows,
        seed=asked.compute.seed,
        settings=_settings(gone, steps),
    )


def _area(
    name: str,
    meaning: str,
    way: Way,
    asked: Removing,
    maps: Tensor,
    beside: Mapping[str, Tensor] | None,
    steps: int,
) -> Metric:
    tried = trial(asked.inputs, maps, spec=asked.spec, beside=beside, seed=asked.compute.seed)
    found = asked.curves(tried, way, steps)
    value, controls = tried.split(found.areas())
    return metric(
        name,
        meaning,
        value,
        better="low" if way == "delete" else "high",
        limits=limits_of(asked.target),
        unit=found.target,
        beside=controls,
        left_out=tried.flat,
        rows=found.rows,
        seed=asked.compute.seed,
        settings=_settings(found, steps),
        curve=tried.split(found.scores)[0],
    )


def _settings(found: Curves, steps: int) -> dict[str, Json]:
    return {"fill": found.fill, "steps": steps, "curve along": "share of the parts handled, 0 to 1"}
