"""How strongly each layer is pulled, and how far it moves, in sampled steps."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core._site import ROOT


@dataclass(frozen=True, slots=True)
class Update:
    """Medians over the sampled steps; see :class:`~pellucid.training.LayerHealth` for the numbers."""

    gradient_norm: float | None
    update_ratio: float | None


def learned_layers(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The trainable parameters that each layer itself holds, by the layer's name."""
    found: dict[str, list[nn.Parameter]] = {}
    for name, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if p.requires_grad]
        if own:
            found[name or ROOT] = own
    return found


def _norm(tensors: list[Tensor]) -> Tensor:
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(t.detach()) for t in tensors]))


class Updates:
    """Gradients before a step and the way gone after it: :meth:`before` and :meth:`after` go around it."""

    def __init__(self, model: nn.Module) -> None:
        self._layers = learned_layers(model)
        self._before: list[list[Tensor]] = []
        self._gradients: list[Tensor | None] = []
        self._samples: list[list[Tensor | None]] = []

    @torch.no_grad()
    def before(self) -> None:
        """Keep the weights and measure the gradients of the coming step."""
        self._before = [[p.detach().clone() for p in own] for own in self._layers.values()]
        self._gradients = []
        for own in self._layers.values():
            gradients = [p.grad for p in own if p.grad is not None]
            self._gradients.append(_norm(gradients) if gradients else None)

    @torch.no_grad()
    def after(self) -> None:
        """Measure how far the weights went."""
        sample: list[Tensor | None] = []
        for own, old, gradient in zip(self._layers.values(), self._before, self._gradients, strict=True):
            moved = _norm([new - kept for new, kept in zip(own, old, strict=True)])
            sample.append(None if gradient is None else torch.stack([gradient, moved, _norm(old)]))
        self._samples.append(sample)
        self._before, self._gradients = [], []

    def read(self) -> dict[str, Update]:
        """Updates by layer; starts anew."""
        columns = list(zip(*self._samples, strict=True)) if self._samples else []
        self._samples = []
        return {name: _median(list(column)) for name, column in zip(self._layers, columns, strict=False)}


def _median(samples: list[Tensor | None]) -> Update:
    rows: list[list[float]] = [sample.double().tolist() for sample in samples if sample is not None]
    if not rows:
        return Update(None, None)
    ratios = [moved / weight for _, moved, weight in rows if weight > 0]
    return Update(
        statistics.median(gradient for gradient, _, _ in rows), statistics.median(ratios) if ratios else None
    )
