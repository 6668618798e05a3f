"""Where numbers first went to infinity or NaN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid._core._site import ROOT
from pellucid.errors import TrainingError
from pellucid.training._updates import learned_layers


def nonfinite(
    network: nn.Module, inputs: Tensor, *, step: int, epoch: int, rate: float, part: str
) -> TrainingError:
    """The error for a loss that is not finite, found in ``part`` after ``step`` steps (steps count from 1).

    The gradients of the last step must still be there. Weights that are broken already were broken by that
    step: its gradients are searched from the output backwards, as they arose. Otherwise the batch is passed
    again and the layers are searched from the input forwards.
    """
    when = f"in step {step} (epoch {epoch})"
    broken = _broken_weights(network)
    if broken:
        pulled = _broken_gradients(network, _order(network, inputs))
        what = f"its gradient in {pulled[0]!r}" if pulled else f"the step itself in {broken[0]!r}"
        where = pulled[0] if pulled else broken[0]
        cause = f"the weights of {where!r} first went non-finite {when}, by {what}"
    else:
        first = _first_output(network, inputs)
        at = step + 1 if part == "training" else step
        place = f"the output of {first!r}" if first else "the loss itself"
        cause = f"{place} first went non-finite in step {at} (epoch {epoch}), with finite weights"
    return TrainingError(
        f"The {part} loss is no longer a finite number: {cause}. The weights of the best epoch are kept. "
        f"Try a smaller learning_rate (now {rate:g}), or inputs of about unit size (largest here "
        f"{float(inputs.abs().max()):.3g})."
    )


def _finite(values: Tensor) -> bool:
    return bool(torch.isfinite(values).all())


def _broken_weights(network: nn.Module) -> list[str]:
    return [name for name, own in learned_layers(network).items() if not all(_finite(p) for p in own)]


def _broken_gradients(network: nn.Module, order: list[str]) -> list[str]:
    """Layers whose gradients are not finite, nearest to the output first."""
    layers = learned_layers(network)
    broken = [name for name, own in layers.items() if not all(p.grad is None or _finite(p.grad) for p in own)]
    places = {name: place for place, name in enumerate(order)}
    return sorted(broken, key=lambda name: -places.get(name, -1))


def _outputs(network: nn.Module, inputs: Tensor) -> list[tuple[str, bool]]:
    """Name of each innermost module in the order of the pass, and whether it put out finite numbers."""
    seen: list[tuple[str, bool]] = []
    handles = [
        module.register_forward_hook(
            lambda _m, _i, out, name=name or ROOT: seen.append(
                (name, not isinstance(out, Tensor) or not out.is_floating_point() or _finite(out))
            )
        )
        for name, module in network.named_modules()
        if not any(module.children())
    ]
    try:
        with torch.no_grad():
            network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _order(network: nn.Module, inputs: Tensor) -> list[str]:
    return [name for name, _ in _outputs(network, inputs)]


def _first_output(network: nn.Module, inputs: Tensor) -> str | None:
    return next((name for name, fine in _outputs(network, inputs) if not fine), None)
