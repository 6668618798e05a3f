"""Infidelity: how far the map misses what really happens when the input is disturbed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Json, Question, TargetLike
from pellucid.errors import InputError
from pellucid.evidence._bank import Bank
from pellucid.evidence._case import fitted
from pellucid.evidence._ground_truth import NOISE
from pellucid.evidence._ground_truth import noise as random
from pellucid.evidence._metrics._metric import Metric, metric
from pellucid.evidence._metrics._trial import MAP, trial
from pellucid.evidence._responses import Responses, responses
from pellucid.evidence._word_bank import WordBank


def infidelity(
    model: nn.Module,
    inputs: Tensor,
    maps: Tensor,
    target: TargetLike,
    *,
    scaled: bool = True,
    noise: float | None = None,
    spec: InputSpec | None = None,
    fill: str | Tensor = "own",
    masks: int | Bank = 64,
    seen: Responses | None = None,
    others: Tensor | None = None,
    beside: Mapping[str, Tensor] | None = None,
    compute: Compute | None = None,
) -> Metric:
    """How far the map misses the change of the score under disturbances I; low is good, 0 is perfect.

    Original: ``E[(Iᵀa - (f(x) - f(x - I)))²]``. Scaled: ``min over β >= 0 of E[(β Iᵀa - D)²] / E[D²]``, the
    share of the score's reaction that the map misses at its best scale: an empty map gets 1, and neither ten
    times the map nor ten times the network changes it.

    Two disturbances. Removal (the default): I takes parts away, and ``Iᵀa`` is the sum of the map over them,
    so maps are contributions, in units of the score. Noise: ``I ~ N(0, noise²)``, and maps are slopes, per
    unit of the input.

    Args:
        model: any network.
        inputs: ``[N, *shape]``.
        maps: ``[N, *shape]``; contributions, or slopes where ``noise`` is given.
        target: the number that was explained.
        scaled: whether to give the scale-free form; else the original in units of the score, squared.
        noise: standard deviation of the noise, in units of the input.
        spec: what the inputs mean.
        fill: what replaces removed parts.
        masks: how many disturbances, or a bank of masks.
        seen: what the network did under the masks of the card, from :func:`responses`: then no pass is made.
        others: inputs that fills may take from.
        beside: controls by name, as for :func:`deletion`; they have no scale of their own, so they are given
            in the scale-free form only.
        compute: how to run.

    Returns:
        A :class:`Metric`: from 0 to 1 where scaled, else from 0.

    Raises:
        InputError: where parts do not fit, or noise is asked of token numbers.

    Cost:
        ``1 + masks`` forward passes per input, none with ``seen``.

    Limits:
        The original depends on the scale of map and network: an empty map beats a right one that is ten times
        too large. Only what is additive can be foretold.

    Source:
        Yeh et al. 2019, On the (In)fidelity and Sensitivity of Explanations, arXiv 1901.09392.

    Example:
        >>> net, x = nn.Linear(9, 1), torch.randn(4, 9)
        >>> exact = x * net.weight.detach()
        >>> infidelity(net, x, 10 * exact, 0).mean.value < 1e-6, infidelity(net, x, 0 * exact, 0).mean.value
        (True, 1.0)
    """
    how = compute or Compute(batch_size=256)
    if noise is not None:
        controls = {NOISE: random(inputs, seed=how.seed)} if beside is None else beside
        found = _by_noise(model, inputs, {MAP: maps, **controls}, target, noise, spec, masks, how)
    else:
        rows = 0.0
        if seen is None:
            seen = responses(
                model, inputs, target, spec=spec, fill=fill, masks=masks, others=others, compute=how
            )
            rows = seen.rows / len(seen)
        tried = trial(inputs, maps, spec=spec, beside=beside, seed=how.seed, parts=seen.bank)
        told = {name: _sums(seen.bank, units.double()) for name, units in tried.units.items()}
        settings: dict[str, Json] = {
            "fill": seen.fill,
            "target": seen.target,
            "disturbances": seen.drops.shape[1],
        }
        found = _Foretold(told, seen.drops.double(), rows, settings)
    return found.scaled(how.seed) if scaled else found.original(how.seed)


@dataclass(frozen=True, slots=True, eq=False)
class _Foretold:
    """What maps foretell, ``[N, M]`` by name, and what the score did."""

    told: Mapping[str, Tensor]
    drops: Tensor
    rows: float
    settings: Mapping[str, Json]

    def original(self, seed: int) -> Metric:
        """Mean squares, in the square of the score's unit."""
        return metric(
            "infidelity",
            "mean square of what the map foretells minus what the score does",
            (self.told[MAP] - self.drops).square().mean(1),
            better="low",
            limits=(0.0, math.inf),
            unit=f"({self.settings['target']})²",
            rows=self.rows,
            seed=seed,
            settings=self.settings,
        )

    def scaled(self, seed: int) -> Metric:
        """The share that is missed at the best scale."""
        found = {name: self._missed(one) for name, one in self.told.items()}
        return metric(
            "scaled infidelity",
            "share of the score's reaction that the map misses at its best scale",
            found[MAP],
            better="low",
            limits=(0.0, 1.0),
            beside={name: one for name, one in found.items() if name != MAP},
            left_out={"nothing that was done changes the score": self._size == 0},
            rows=self.rows,
            seed=seed,
            settings=self.settings,
        )

    @property
    def _size(self) -> Tensor:
        return self.drops.square().mean(1)

    def _missed(self, told: Tensor) -> Tensor:
        # a scale below 0 would let the opposite of a right map pass
        both, own = (told * self.drops).mean(1).clamp(min=0), told.square().mean(1)
        scale = (own * self._size).clamp(min=torch.finfo(own.dtype).tiny)
        return (1 - both.square() / scale).clamp(0, 1)


def _by_noise(
    model: nn.Module,
    inputs: Tensor,
    slopes: Mapping[str, Tensor],
    target: TargetLike,
    noise: float,
    spec: InputSpec | None,
    draws: int | Bank,
    how: Compute,
) -> _Foretold:
    if not inputs.is_floating_point() or not noise > 0:
        raise InputError(
            f"Noise is added to numbers and must be above 0, got {noise} for {inputs.dtype}. "
            "Leave noise= away."
        )
    q = Question(model, inputs, target, spec=spec, compute=how)
    count = draws.count if isinstance(draws, Bank) else draws
    base = q.scores()[0].double()
    moved = q.scores(lambda ks, rows: q.point[rows] - noise * q.noise(ks), count).double()
    disturbed = noise * q.noise(torch.arange(count))[:, 0].double().flatten(1)
    told = {name: fitted(one, inputs).double().flatten(1) @ disturbed.T for name, one in slopes.items()}
    settings: dict[str, Json] = {"noise": noise, "target": q.target.label, "disturbances": count}
    return _Foretold(told, (base - moved).T, count + 1, settings)


def _sums(drawn: Bank, units: Tensor) -> Tensor:
    """What each mask removes of each map: ``[N, M]``; ``Bank.sums`` leaves out what is alike for all."""
    masks = drawn.masks.to(units.dtype)
    known = units.nan_to_num(nan=0.0)
    return torch.einsum("nu,nmu->nm", known, masks) if isinstance(drawn, WordBank) else known @ masks.T
