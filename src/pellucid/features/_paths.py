"""Whether a made input goes the same way through the network as the real ones that excite its unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, activations, sites

MOST_LAYERS = 6
OTHERS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """How alike activations are in each layer up to the unit: mean cosines, the mean activation taken off.

    Args:
        sites: layers, in the order of the pass.
        made: ``[U, L]``, between made inputs and the real ones that excite the goal most.
        real: ``[U, L]``, between these real ones.
        other: ``[U, L]``, between these and any real ones.
    """

    sites: tuple[str, ...]
    made: Tensor
    real: Tensor
    other: Tensor


def paths(
    model: nn.Module,
    site: str,
    shown: Tensor,
    real: Tensor,
    sample: Tensor,
    how: Compute,
    spec: InputSpec | None = None,
) -> Paths:
    """Follow made inputs ``[U, S, …]`` and real ones ``[U, k, …]`` through the layers up to ``site``."""
    names = before(model, site, sample[:1], how, spec)
    quiet = Compute(how.batch_size, how.seed)
    others = sample[:: max(1, len(sample) // OTHERS)][:OTHERS]
    centre = {name: torch.zeros(()) for name in names}
    for name, part in _flat(model, others, names, site, quiet, spec):
        centre[name] = centre[name] + part.sum(0).cpu() / len(others)
    usual = {name: torch.zeros(()) for name in names}
    for name, part in _flat(model, others, names, site, quiet, spec):
        usual[name] = usual[name] + _unit(part.cpu() - centre[name]).sum(0) / len(others)
    found = torch.zeros(3, len(shown), len(names), dtype=torch.float64)
    for number in range(len(shown)):
        together = torch.cat([shown[number].to(sample), real[number].to(sample)])
        seen: dict[str, list[Tensor]] = {name: [] for name in names}
        for name, part in _flat(model, together, names, site, quiet, spec):
            seen[name].append(part.cpu())
        for layer, name in enumerate(names):
            flat = _unit(torch.cat(seen[name]) - centre[name])
            made, true = flat[: shown.shape[1]], flat[shown.shape[1] :]
            k = len(true)
            own = (true.sum(0).square().sum() - true.square().sum()) / max(1, k * (k - 1))
            found[:, number, layer] = torch.stack(
                [made.mean(0) @ true.mean(0), own, true.mean(0) @ usual[name]]
            )
    return Paths(names, *found)


def before(
    model: nn.Module, site: str, example: Tensor, how: Compute, spec: InputSpec | None = None
) -> tuple[str, ...]:
    """Up to 6 layers that give a tensor by row, spread evenly up to the layer, which is the last."""
    quiet = Compute(1, how.seed)
    reached = sites(
        model, lambda: list(activations(model, example, [site], stop=site, spec=spec, compute=quiet))
    )
    names: list[str] = []
    for each in reached:
        if each.site == site:
            break
        if each.shape is not None and len(each.shape) > 1 and each.shape[0] == len(example):
            names.append(each.site)
    kept = (
        [names[round(i)] for i in torch.linspace(0, len(names) - 1, MOST_LAYERS - 1).tolist()]
        if names
        else []
    )
    return (*dict.fromkeys(kept), site)


def _flat(
    model: nn.Module, inputs: Tensor, names: tuple[str, ...], site: str, how: Compute, spec: InputSpec | None
) -> Iterator[tuple[str, Tensor]]:
    # a layer aside may give NaN
    for _, seen in activations(model, inputs, names, stop=site, spec=spec, compute=how, finite=False):
        for name in names:
            yield name, seen[name].reshape(len(seen[name]), -1).double()


def _unit(flat: Tensor) -> Tensor:
    return torch.nn.functional.normalize(flat, dim=1)


__all__ = ["Paths", "paths"]
