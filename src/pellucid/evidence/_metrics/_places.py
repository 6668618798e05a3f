"""Pointing game, mass and rank accuracy: does the map lie where the truth is known to lie?"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pellucid.evidence._ground_truth import NOISE, noise
from pellucid.evidence._localisation import Reading, localisation
from pellucid.evidence._metrics._metric import Metric, metric

NOWHERE = "the truth is everywhere or nowhere"


def pointing_game(
    maps: Tensor,
    truth: Tensor,
    *,
    reading: Reading = "positive",
    beside: Mapping[str, Tensor] | None = None,
    seed: int = 0,
) -> Metric:
    """Whether the peak of the map lies inside the truth; high is good, chance is the share of the area.

    Peaks that tie count with the part of them that lies inside. No tolerance around the truth.

    Args:
        maps: signed maps ``[N, *shape]``.
        truth: bool ``[N, *shape]``, an axis of length 1 where it is the same; see :func:`localisation`.
        reading: ``"positive"`` what speaks for the answer, ``"magnitude"`` |value|.
        beside: controls by name; left out, a random map and chance.
        seed: of the random map.

    Returns:
        A :class:`Metric`, from 0 to 1.

    Raises:
        InputError: where shapes do not fit or no row has a true place.

    Cost:
        No passes.

    Limits:
        It saturates: maps that differ much may all score 1. A network may be right for reasons outside the
        truth; only planted truths that were verified by intervention escape that.

    Source:
        Zhang et al. 2016, Top-down Neural Attention by Excitation Backprop, arXiv 1608.00507.

    Example:
        >>> truth = torch.tensor([[True, False, False, False]])
        >>> pointing_game(torch.tensor([[3.0, 1, 0, 0]]), truth).values.tolist()
        [1.0]
    """
    what = "whether the peak of the map lies inside the truth"
    return _placed("pointing game", what, 1, maps, truth, reading, beside, seed)


def mass_accuracy(
    maps: Tensor,
    truth: Tensor,
    *,
    reading: Reading = "positive",
    beside: Mapping[str, Tensor] | None = None,
    seed: int = 0,
) -> Metric:
    """Share of the map that lies inside the truth; high is good, chance is the share of the area.

    ``Σ_truth w / Σ w`` with w the map as read. Arguments, errors and limits are those of
    :func:`pointing_game`.

    Source:
        Arras et al. 2022, CLEVR-XAI, arXiv 2003.07258 (relevance mass accuracy).

    Example:
        >>> truth = torch.tensor([[True, False, False, False]])
        >>> mass_accuracy(torch.tensor([[3.0, 1, 0, 0]]), truth).values.tolist()
        [0.75]
    """
    return _placed(
        "mass accuracy", "share of the map inside the truth", 0, maps, truth, reading, beside, seed
    )


def rank_accuracy(
    maps: Tensor,
    truth: Tensor,
    *,
    reading: Reading = "positive",
    beside: Mapping[str, Tensor] | None = None,
    seed: int = 0,
) -> Metric:
    """Share of truth among the K highest elements, K being the truth's size; high is good.

    Elements with the same value count as a random order among them does on average, so an empty map scores
    the share of the area. Arguments, errors and limits are those of :func:`pointing_game`.

    Source:
        Arras et al. 2022, CLEVR-XAI, arXiv 2003.07258 (relevance rank accuracy).

    Example:
        >>> truth = torch.tensor([[True, True, False, False]])
        >>> rank_accuracy(torch.tensor([[3.0, 1, 2, 0]]), truth).values.tolist()
        [0.5]
    """
    what = "share of truth among as many highest elements as are true"
    return _placed("rank accuracy", what, 3, maps, truth, reading, beside, seed)


def _placed(
    name: str,
    meaning: str,
    column: int,
    maps: Tensor,
    truth: Tensor,
    reading: Reading,
    beside: Mapping[str, Tensor] | None,
    seed: int,
) -> Metric:
    kept = (truth.flatten(1).any(1) & ~truth.flatten(1).all(1)).cpu()

    def read(one: Tensor) -> Tensor:
        # rows without a true place are left out there and NaN here
        return torch.full((len(kept), 5), torch.nan, dtype=torch.float64).masked_scatter(
            kept[:, None], localisation(one, truth, reading=reading, seed=seed).rows
        )

    found = read(maps)
    controls = {NOISE: noise(maps, seed=seed)} if beside is None else beside
    known = {what: read(one)[:, column] for what, one in controls.items()}
    return metric(
        name,
        meaning,
        found[:, column],
        better="high",
        limits=(0.0, 1.0),
        beside=known | {"chance": found[:, 4]},
        left_out={NOWHERE: ~kept},
        rows=0,
        seed=seed,
        settings={"reading": reading},
    )
