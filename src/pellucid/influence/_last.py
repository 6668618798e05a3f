"""The last dense layer: what it was given, and how the loss leans on what it gave."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Question, Site, named, sites
from pellucid._core._feed import feed
from pellucid._core._outputs import stream
from pellucid.errors import MethodError
from pellucid.influence._loss import Loss


@dataclass(frozen=True, slots=True, eq=False)
class Last:
    """One side of the gradient of a dense layer: ``d loss / d W = slope ⊗ given``.

    Args:
        given: ``[n, E]``, what the layer was given, with a 1 behind it where it has a bias.
        slope: ``[n, K]``, slope of each row's loss in what the layer gave.
    """

    given: Tensor
    slope: Tensor

    def dot(self, other: Last) -> Tensor:
        """Product of each row's gradient with each of the other's: ``[n, n']``."""
        return (self.slope @ other.slope.T) * (self.given @ other.given.T)

    @property
    def size(self) -> Tensor:
        """Squared length of each row's gradient ``[n]``."""
        return self.slope.square().sum(1) * self.given.square().sum(1)


def last_dense(model: nn.Module, inputs: Tensor, spec: InputSpec | None, compute: Compute) -> str:
    """Address of the last ``nn.Linear`` that a pass reaches.

    Raises:
        MethodError: where there is none, or it gives more than one row of numbers.
    """
    fed = feed(model, inputs[:1], spec=spec, compute=compute)
    passing = stream(fed, compute)
    reached = [r for r in sites(model, lambda: next(passing)) if isinstance(r.module, nn.Linear)]
    if not reached:
        raise MethodError(
            f"{type(model).__name__} has no dense layer; the closed form needs one at the end. "
            "Take the gradients of all parameters: layers='all' (of tracin)."
        )
    if reached[-1].shape is None or len(reached[-1].shape) != 2:
        raise MethodError(
            f"The last dense layer {reached[-1].site!r} gives {list(reached[-1].shape or ())}; the closed "
            "form needs one row of numbers for each input. Take the "
            "gradients of all parameters: layers='all' (of tracin)."
        )
    return reached[-1].site


def entering(model: nn.Module, inputs: Tensor, site: str, spec: InputSpec | None, compute: Compute) -> Tensor:
    """What a layer is given ``[N, E]``."""
    fed = feed(model, inputs, spec=spec, compute=compute)
    inside = str(replace(Site.parse(site), side="in"))
    return torch.cat([seen[inside] for _, _, seen in stream(fed, compute, read=[inside], stop=inside)])


def sides(
    model: nn.Module,
    inputs: Tensor,
    answers: Tensor,
    loss: Loss,
    site: str,
    spec: InputSpec | None,
    compute: Compute,
) -> Last:
    """Both sides of the last layer's gradient, in double precision."""
    q = Question(model, inputs, loss.target(answers), at=site, spec=spec, compute=compute)
    given = entering(model, inputs, site, spec, compute).double()
    layer = named(model, Site.parse(site).module)
    if isinstance(layer, nn.Linear) and layer.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
        given = torch.cat([given, torch.ones_like(given[:, :1])], 1)
    return Last(given, q.gradient().double())
