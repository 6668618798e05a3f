"""How strongly each layer is pulled, and how far it moves, in sampled steps."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core._site import ROOT


@dataclass(frozen=True, slots=True)
class Update:
    """Medians over the sampled steps; see :class:`~pellucid.training.LayerHealth` for the numbers."""

    gradient_norm: float | None
    update_ratio: float | None
    parameters: int


def learned_layers(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The trainable parameters that each layer itself holds, by the layer's name."""
    found: dict[str, list[nn.Parameter]] = {}
    for name, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if p.requires_grad]
        if own:
            found[name or ROOT] = own
    return found


def _weights(own: list[nn.Parameter]) -> list[nn.Parameter]:
    """The matrices and kernels of a layer; all it has where there are none. Biases start at zero."""
    return [p for p in own if p.ndim > 1] or own


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    """A copy of several tensors as one."""
    if len(tensors) == 1:
        return tensors[0].detach().clone()
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    return torch.linalg.vector_norm(tensors[0] if len(tensors) == 1 else _flat(tensors))


def _gone(new: Sequence[Tensor], old: Tensor) -> Tensor:
    """Norm of the way from what :func:`_flat` kept."""
    now = new[0].detach() if len(new) == 1 else _flat(new)
    return torch.linalg.vector_norm(now - old)


class Updates:
    """Gradients before a step and the way gone after it: :meth:`before` and :meth:`after` go around it."""

    def __init__(self, model: nn.Module) -> None:
        self._layers = {name: _weights(own) for name, own in learned_layers(model).items()}
        self._sizes = {name: sum(p.numel() for p in own) for name, own in learned_layers(model).items()}
        self._before: dict[str, tuple[Tensor, Tensor]] = {}
        # gradient norm, way gone, weight norm; left on the device until they are read
        self._samples: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {}

    @torch.no_grad()
    def before(self) -> None:
        """Keep the weights and measure the gradients of the coming step."""
        for name, own in self._layers.items():
            gradients = [p.grad for p in own if p.grad is not None]
            if gradients:
                self._before[name] = (_flat(own), _norm(gradients))

    @torch.no_grad()
    def after(self) -> None:
        """Measure how far the weights went."""
        for name, (old, gradient) in self._before.items():
            moved = _gone(self._layers[name], old)
            self._samples.setdefault(name, []).append((gradient, moved, torch.linalg.vector_norm(old)))
        self._before = {}

    def read(self) -> dict[str, Update]:
        """Updates of every learned layer; starts anew."""
        samples, self._samples = self._samples, {}
        return {name: _median(samples.get(name, []), self._sizes[name]) for name in self._layers}


def _median(samples: list[tuple[Tensor, Tensor, Tensor]], size: int) -> Update:
    if not samples:
        return Update(None, None, size)
    rows = [(gradient.item(), moved.item(), weight.item()) for gradient, moved, weight in samples]
    ratios = [moved / weight for _, moved, weight in rows if weight > 0]
    pulled = statistics.median(gradient for gradient, _, _ in rows)
    return Update(pulled, statistics.median(ratios) if ratios else None, size)
