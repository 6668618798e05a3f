"""Sensitivity-n: does the sum over any n parts tell what their removal does?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, TargetLike
from pellucid.errors import InputError
from pellucid.evidence._bank import Bank, bank
from pellucid.evidence._metrics._metric import Metric, metric
from pellucid.evidence._metrics._trial import trial
from pellucid.evidence._responses import responses
from pellucid.evidence._statistics import correlation
from pellucid.evidence._word_bank import WordBank, word_bank

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)


def sensitivity_n(
    model: nn.Module,
    inputs: Tensor,
    maps: Tensor,
    target: TargetLike,
    *,
    spec: InputSpec | None = None,
    fill: str | Tensor = "own",
    shares: Sequence[float] = SHARES,
    subsets: int = 32,
    others: Tensor | None = None,
    beside: Mapping[str, Tensor] | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Correlation of a map's sum over n random parts with the fall of the score without them; high is good.

    ``mean over n of corr_S(Σ_{u in S} a_u, f(x) - f(x without S))``, S a random set of n parts, for several
    n; 1 for every n is what only additive networks allow. :func:`agreement` is the same for sets that lie
    together and hold a quarter of the parts.

    Args:
        model: any network.
        inputs: ``[N, *shape]``.
        maps: ``[N, *shape]``.
        target: the number that was explained.
        spec: what the inputs mean.
        fill: what replaces removed parts, as in :func:`responses`.
        shares: n as shares of the parts.
        subsets: sets of each size.
        others: inputs that fills may take from.
        beside: controls by name, as for :func:`deletion`.
        compute: how to run; the seed draws the sets.

    Returns:
        A :class:`Metric` with the curve over the sizes ``[N, shares]``.

    Raises:
        InputError: where parts do not fit.

    Cost:
        ``1 + shares · subsets`` forward passes per input, shared by all maps.

    Limits:
        Scattered pixels hardly change large pictures, so the correlation is of small numbers there;
        :func:`agreement` takes away what lies together.

    Source:
        Ancona et al. 2018, Towards better understanding of gradient-based attribution methods,
        arXiv 1711.06104.

    Example:
        >>> net, x = nn.Linear(9, 1), torch.randn(4, 9)
        >>> sensitivity_n(net, x, x * net.weight.detach(), 0).mean.value > 0.999
        True
    """
    how = compute or Compute(batch_size=256)
    if subsets < 2 or not shares or not all(0 < share < 1 for share in shares):
        raise InputError(f"Expected shares between 0 and 1 and two subsets or more, got {shares}, {subsets}.")
    drawn = _drawn(inputs, spec, tuple(shares), subsets, how.seed)
    tried = trial(inputs, maps, spec=spec, beside=beside, seed=how.seed, parts=drawn)
    seen = responses(model, inputs, target, spec=spec, fill=fill, masks=drawn, others=others, compute=how)
    drops = seen.drops.unflatten(1, (len(shares), subsets))
    found = {
        name: correlation(drawn.sums(units.to(drops)).unflatten(1, drops.shape[1:]), drops)
        for name, units in tried.units.items()
    }
    value, controls = tried.split({name: one.mean(1) for name, one in found.items()})
    return metric(
        "sensitivity-n",
        "correlation of the map's sum over random sets of parts with the fall of the score without them",
        value,
        better="high",
        limits=(-1.0, 1.0),
        beside=controls,
        left_out=tried.flat | {"no set of parts changes the score": seen.still},
        rows=seen.rows / len(seen),
        seed=how.seed,
        settings={"fill": seen.fill, "target": seen.target, "subsets": subsets, "curve along": list(shares)},
        curve=tried.split(found)[0],
    )


def _drawn(
    inputs: Tensor, spec: InputSpec | None, shares: tuple[float, ...], subsets: int, seed: int
) -> Bank:
    """Random sets of each size, one size after the other."""
    parts = bank(inputs, spec, masks=2, seed=seed)
    draw = partial(_subsets, shares, subsets, seed)
    if isinstance(parts, WordBank):
        return word_bank(inputs, parts.spec, draw, masks=len(shares) * subsets, seed=seed)
    return Bank(draw(parts.width).to(parts.masks.device), parts.units, parts.grid, seed)


def _subsets(shares: tuple[float, ...], subsets: int, seed: int, parts: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 32_416_190 + parts)
    found: list[Tensor] = []
    for share in shares:
        size = min(max(1, round(share * parts)), parts - 1)
        place = torch.rand(subsets, parts, generator=generator).argsort(1).argsort(1)
        found.append(place < size)
    return torch.cat(found)
