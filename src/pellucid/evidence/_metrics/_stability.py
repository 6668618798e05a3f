"""Sensitivity of maps: how far does a map move when the input hardly does?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Json, TargetLike, predict
from pellucid.errors import InputError
from pellucid.evidence._bank import bank
from pellucid.evidence._case import Method, fitted
from pellucid.evidence._fill import absent
from pellucid.evidence._free import AMOUNT
from pellucid.evidence._ground_truth import NOISE
from pellucid.evidence._ground_truth import noise as random
from pellucid.evidence._matters import constants
from pellucid.evidence._metrics._metric import Metric, metric
from pellucid.evidence._metrics._trial import FLAT, MAP
from pellucid.evidence._scalar import of_target, settled
from pellucid.evidence._stable import numeric
from pellucid.inputs import ImageSpec, TabularSpec

FLIPPED = "every change of the input changed the class"


def max_sensitivity(
    model: nn.Module,
    inputs: Tensor,
    method: Method,
    target: TargetLike | None = None,
    *,
    radius: float = 0.02,
    draws: int = 10,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Greatest relative change of the map within a small box around the input; low is good, 0 is constant.

    ``max_j ||a(x + e_j) - a(x)|| / ||a(x)||``, each element of ``e_j`` uniform in ``[-radius, radius]``.
    Draws that change the class are left out: there the map has to change.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, numbers.
        method: ``(model, inputs, target, *, spec, compute) -> Explanation``.
        target: what is explained; left out, the log-odds of each row's top class.
        radius: of the box, in units of the input; pictures stay between black and full, categories stay.
        draws: how many.
        spec: what the inputs mean.
        compute: how to run.

    Returns:
        A :class:`Metric`, from 0, beside a random map, drawn anew for each input, and ``|x - b|``.

    Raises:
        InputError: for token numbers, which cannot be slightly different.

    Cost:
        ``1 + draws`` maps and as many forward passes per input.

    Limits:
        A constant map is perfect. The greatest of a few random draws is a lower bound:
        :func:`attribution_attack` looks for the worst. The number depends on the scale of the radius.

    Source:
        Yeh et al. 2019, On the (In)fidelity and Sensitivity of Explanations, arXiv 1901.09392.

    Example:
        >>> from pellucid.attribution import saliency
        >>> max_sensitivity(nn.Linear(9, 2), torch.randn(4, 9), saliency, 0).values.tolist()
        [0.0, 0.0, 0.0, 0.0]
    """
    moved = _moved(model, inputs, method, target, radius, draws, spec, compute)
    found = {name: moved.greatest(own, others) for name, (own, others) in moved.maps.items()}
    return moved.finished(
        "max-sensitivity",
        "greatest relative change of the map under slight noise",
        found,
        "low",
        (0.0, math.inf),
    )


def rank_stability(
    model: nn.Module,
    inputs: Tensor,
    method: Method,
    target: TargetLike | None = None,
    *,
    radius: float = 0.02,
    draws: int = 10,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Worst rank correlation of the map with those of slightly different inputs; high is good.

    ``min_j rho(a(x + e_j), a(x))`` over the parts of the input, draws as in :func:`max_sensitivity`, whose
    arguments, errors and cost it shares. Neither the scale of the map nor that of its noise counts.

    Limits:
        A map that ignores the network, such as ``|x - b|``, is stable.

    Source:
        Ghorbani et al. 2019, Interpretation of Neural Networks is Fragile, arXiv 1710.10547 (rank
        correlation), with the draws of Yeh et al. 2019, arXiv 1901.09392.

    Example:
        >>> from pellucid.attribution import saliency
        >>> rank_stability(nn.Linear(9, 2), torch.randn(4, 9), saliency, 0).mean.value > 0.999
        True
    """
    moved = _moved(model, inputs, method, target, radius, draws, spec, compute)
    found = {name: moved.least_alike(own, others) for name, (own, others) in moved.maps.items()}
    what = "worst rank correlation with the maps of slightly different inputs"
    return moved.finished("rank stability", what, found, "high", (-1.0, 1.0), flat=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    """Maps ``[N, *shape]`` and those of moved inputs ``[J, N, *shape]``, by name; which kept the class."""

    x: Tensor
    spec: InputSpec | None
    maps: Mapping[str, tuple[Tensor, Tensor]]
    kept: Tensor
    rows: float
    seed: int
    settings: Mapping[str, Json]

    def greatest(self, own: Tensor, others: Tensor) -> Tensor:
        """Greatest distance, relative to the map's own length."""
        apart = (others - own).double().flatten(2).norm(dim=2) / own.double().flatten(1).norm(dim=1)
        return apart.masked_fill(~self.kept, -torch.inf).amax(0)

    def least_alike(self, own: Tensor, others: Tensor) -> Tensor:
        """Least rank correlation over the parts."""
        drawn = bank(self.x, self.spec, masks=2, seed=self.seed)
        units = drawn.reduce(own)
        alike = torch.stack([drawn.alike(drawn.reduce(one), units) for one in others])
        return alike.masked_fill(~self.kept, torch.inf).amin(0)

    def finished(
        self,
        name: str,
        meaning: str,
        found: Mapping[str, Tensor],
        better: str,
        limits: tuple[float, float],
        *,
        flat: bool = False,
    ) -> Metric:
        """The metric; rows without a map or without a draw are left out."""
        own = self.maps[MAP][0].flatten(1)
        empty = torch.tensor([bool(why) for why in constants(own)]) if flat else own.abs().amax(1).cpu() == 0
        return metric(
            name,
            meaning,
            found[MAP],
            better="high" if better == "high" else "low",
            limits=limits,
            beside={what: one for what, one in found.items() if what != MAP},
            left_out={FLAT if flat else "the map is empty": empty, FLIPPED: ~self.kept.any(0)},
            rows=self.rows,
            seed=self.seed,
            settings=self.settings,
        )


def _moved(
    model: nn.Module,
    inputs: Tensor,
    method: Method,
    target: TargetLike | None,
    radius: float,
    draws: int,
    spec: InputSpec | None,
    compute: Compute | None,
) -> _Moved:
    how = compute or Compute(batch_size=256)
    if not inputs.is_floating_point():
        raise InputError("A word cannot be slightly different; stability is asked of numbers.")
    if draws < 1 or not radius > 0:
        raise InputError(f"Expected at least one draw and a radius above 0, got {draws} and {radius}.")
    n = len(inputs)
    what = of_target(settled(model, inputs, target, spec, how), n)
    near = torch.cat([shifted(inputs, uniform(inputs, how.seed, k) * radius, spec) for k in range(draws)])
    first = method(model, inputs, what.target, spec=spec, compute=how)
    again = method(model, near, what.repeated(), spec=spec, compute=how)
    own, moved = fitted(first.map.detach(), inputs), fitted(again.map.detach(), near).unflatten(0, (draws, n))
    kept = same_class(model, inputs, near, spec, how).view(draws, n)
    # what knows nothing: the input itself, and noise that is drawn anew each time
    amounts = (near - absent(near, spec)[0]).abs().unflatten(0, (draws, n))
    chance = [random(inputs, seed=how.seed + k) for k in range(draws + 1)]
    maps = {
        MAP: (own, moved),
        AMOUNT: ((inputs - absent(inputs, spec)[0]).abs(), amounts),
        NOISE: (chance[0], torch.stack(chance[1:])),
    }
    spent = first.provenance.forward + first.provenance.backward
    spent += again.provenance.forward + again.provenance.backward
    settings: dict[str, Json] = {"radius": radius, "draws": draws, "target": what.target.label}
    settings["draws that changed the class"] = int((~kept).sum())
    return _Moved(inputs, spec, maps, kept, spent / n + draws + 2, how.seed, settings)


def uniform(x: Tensor, seed: int, k: int) -> Tensor:
    """Draw ``k`` between -1 and 1 ``[*shape]``, the same for every row."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 67_867_967 + k)
    return (2 * torch.rand(x.shape[1:], generator=generator, dtype=torch.float64) - 1).to(x)


def shifted(x: Tensor, by: Tensor, spec: InputSpec | None) -> Tensor:
    """Inputs moved a little; categories stay, and black does not become blacker than black."""
    moved = x + (by * numeric(x, spec) if isinstance(spec, TabularSpec) else by)
    return spec.from_pixels(spec.to_pixels(moved)).to(x) if isinstance(spec, ImageSpec) else moved


def same_class(model: nn.Module, x: Tensor, near: Tensor, spec: InputSpec | None, compute: Compute) -> Tensor:
    """Which of the inputs ``near``, one round of ``x`` after the other, are given the class of ``x``."""
    outputs = predict(model, torch.cat([x, near]), spec=spec, compute=compute)
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        return torch.ones(len(near), dtype=torch.bool)
    named = outputs.argmax(1).cpu()
    return named[len(x) :] == named[: len(x)].repeat(len(near) // len(x))
