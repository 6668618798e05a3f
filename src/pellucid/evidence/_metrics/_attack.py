"""An attack on the map: a small change of the input that keeps the answer and moves the explanation."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, TargetLike
from pellucid.errors import InputError
from pellucid.evidence._bank import Bank, bank
from pellucid.evidence._case import Method, fitted
from pellucid.evidence._matters import constants
from pellucid.evidence._metrics._metric import Metric, metric
from pellucid.evidence._metrics._stability import same_class, shifted
from pellucid.evidence._metrics._trial import FLAT
from pellucid.evidence._scalar import Scalar, of_target, settled

RANDOM = "as many random changes of that size"
FIRST = 4  # random changes that the search begins with
BLOCK = 0.25  # share of the elements that a step turns over at first; it halves four times on the way


def attribution_attack(
    model: nn.Module,
    inputs: Tensor,
    method: Method,
    target: TargetLike | None = None,
    *,
    radius: float = 0.02,
    steps: int = 60,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Least rank correlation with the map that a small change of the input could reach; high is good.

    The change is ``± radius`` in every element and keeps the class. A search turns over the signs of random
    elements and keeps what moves the map further, so any method can be attacked, also one without slopes.
    Beside it: the worst of as many random changes of that size. What the search adds to chance is what an
    adversary has.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, numbers.
        method: ``(model, inputs, target, *, spec, compute) -> Explanation``.
        target: what is explained; left out, the log-odds of each row's top class.
        radius: of the change, in units of the input; pictures stay between black and full, categories stay.
        steps: changes that are tried.
        spec: what the inputs mean.
        compute: how to run; the seed draws the search.

    Returns:
        A :class:`Metric`, from -1 to 1; ``curve`` is the least correlation after each step.

    Raises:
        InputError: for token numbers, or wrong sizes.

    Cost:
        ``1 + 2 · steps`` maps and as many forward passes per input: for the audit, not for every card.

    Limits:
        An upper bound: an attack along the slopes of the map may reach lower. Low values say that the map is
        fragile here, not that it is wrong for the input as it is.

    Source:
        Ghorbani et al. 2019, Interpretation of Neural Networks is Fragile, arXiv 1710.10547; the search after
        Andriushchenko et al. 2020, Square Attack, arXiv 1912.00049.

    Example:
        >>> from pellucid.attribution import saliency
        >>> net, x = nn.Linear(9, 2), torch.randn(4, 9)
        >>> attribution_attack(net, x, saliency, 0, steps=5).mean.value > 0.999  # its slope never moves
        True
    """
    how = compute or Compute(batch_size=256)
    if not inputs.is_floating_point():
        raise InputError("A word cannot be slightly different; the attack is on numbers.")
    if steps < 1 or not radius > 0:
        raise InputError(f"Expected at least one step and a radius above 0, got {steps} and {radius}.")
    what = of_target(settled(model, inputs, target, spec, how), len(inputs))
    trial = _Attacked(
        model, inputs, method, what, spec, how, radius, bank(inputs, spec, masks=2, seed=how.seed)
    )
    own = trial.begin()
    found, chance = trial.search(steps), trial.chance(steps)
    return metric(
        "attribution attack",
        "least rank correlation with the map that a small change of the input could reach",
        found[:, -1],
        better="high",
        limits=(-1.0, 1.0),
        beside={RANDOM: chance},
        left_out={FLAT: torch.tensor([bool(why) for why in constants(own)])},
        rows=trial.spent[0] / len(inputs),
        seed=how.seed,
        settings={"radius": radius, "steps": steps, "target": what.target.label},
        curve=found,
    )


@dataclass(slots=True, eq=False)
class _Attacked:
    """One search: all rows at once, each with its own best change."""

    model: nn.Module
    x: Tensor
    method: Method
    what: Scalar
    spec: InputSpec | None
    how: Compute
    radius: float
    drawn: Bank
    own: Tensor = field(default_factory=lambda: torch.zeros(0))
    spent: list[float] = field(default_factory=lambda: [0.0])

    def begin(self) -> Tensor:
        """Maps of the inputs as they are, over their parts."""
        self.own = self._units(self.x)
        return self.own

    def likeness(self, signs: Tensor) -> Tensor:
        """Rank correlation under changes ``radius · signs``; 1 where the class changed."""
        near = shifted(self.x, self.radius * signs, self.spec)
        alike = self.drawn.alike(self._units(near), self.own).cpu()
        self.spent[0] += 2 * len(self.x)
        return torch.where(same_class(self.model, self.x, near, self.spec, self.how), alike, 1.0)

    def search(self, steps: int) -> Tensor:
        """Least likeness so far ``[N, steps]``."""
        generator = torch.Generator().manual_seed(self.how.seed * 1_000_003 + 160_481_183)
        best, lowest = self._signs(generator), torch.ones(len(self.x))
        found: list[Tensor] = []
        for step in range(steps):
            if step < FIRST:
                tried = self._signs(generator)
            else:
                # large strides first, small ones when most is found
                share = BLOCK / 2 ** (5 * step // steps)
                turned = torch.rand(self.x.shape[1:], generator=generator) < share
                tried = torch.where(turned.to(self.x.device), -best, best)
            alike = self.likeness(tried)
            better = alike < lowest
            lowest = torch.where(better, alike, lowest)
            each = better.view(-1, *[1] * (self.x.ndim - 1)).to(self.x.device)
            best = torch.where(each, tried, best)
            found.append(lowest)
        return torch.stack(found, 1)

    def chance(self, steps: int) -> Tensor:
        """The worst of as many random changes."""
        generator = torch.Generator().manual_seed(self.how.seed * 1_000_003 + 179_426_549)
        lowest = torch.ones(len(self.x))
        for _ in range(steps):
            lowest = torch.minimum(lowest, self.likeness(self._signs(generator)))
        return lowest

    def _signs(self, generator: torch.Generator) -> Tensor:
        # the same for every row, so that a row's answer is its own
        drawn = torch.randint(2, self.x.shape[1:], generator=generator) * 2.0 - 1
        return drawn.to(self.x).expand_as(self.x)

    def _units(self, x: Tensor) -> Tensor:
        made = self.method(self.model, x, self.what.target, spec=self.spec, compute=self.how)
        self.spent[0] += made.provenance.forward + made.provenance.backward
        return self.drawn.reduce(fitted(made.map.detach(), x))
