"""Activations of any size as a few numbers per row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, activations
from pellucid.errors import InputError
from pellucid.layers._reach import flat


class Sketch:
    """A random projection of a flattened activation to ``width`` numbers; nothing is changed where it has
    no more than that.

    Each number is added to one of the ``width`` with a random sign, which keeps distances on average and
    costs one addition per number (a count sketch, Charikar et al. 2002).

    Example:
        >>> Sketch(2, seed=0)(torch.eye(2))
        tensor([[1., 0.],
                [0., 1.]])
    """

    def __init__(self, width: int, seed: int) -> None:
        self.width, self._seed = width, seed
        self._place = self._sign = torch.empty(0)

    def __call__(self, activation: Tensor) -> Tensor:
        """``[b, …]`` to ``[b, min(width, numbers)]``."""
        flat = activation.detach().flatten(1)
        flat = flat if flat.dtype in (torch.float32, torch.float64) else flat.float()
        if flat.shape[1] <= self.width:
            return flat
        if len(self._place) != flat.shape[1]:
            generator = torch.Generator().manual_seed(self._seed)
            self._place = torch.randint(self.width, (flat.shape[1],), generator=generator).to(flat.device)
            signs = torch.randint(2, (flat.shape[1],), generator=generator) * 2 - 1
            self._sign = signs.to(flat)
        return flat.new_zeros(len(flat), self.width).index_add_(1, self._place, flat * self._sign)


def sketches(
    model: nn.Module,
    inputs: Tensor | Batch,
    sites: Sequence[str],
    width: int,
    how: Compute,
    real: Tensor | None = None,
    *,
    stop: str | None = None,
    finite: bool = True,
) -> dict[str, Tensor]:
    """At most ``width`` numbers per row and layer ``[N, ≤ width]``, in one pass.

    ``real`` bool ``[N, T]`` says where texts have tokens; after ``stop`` the pass ends;
    ``finite`` as in :func:`activations`.
    """
    made = {site: Sketch(width, how.seed) for site in sites}
    parts: dict[str, list[Tensor]] = {site: [] for site in sites}
    stop = sites[0] if len(made) == 1 else stop
    for rows, seen in activations(model, inputs, list(made), stop=stop, finite=finite, compute=how):
        for site, sketch in made.items():
            if len(seen[site]) != rows.stop - rows.start:
                raise InputError(f"The activation at {site!r} does not keep the row axis first.")
            there = None if real is None else real[rows]
            parts[site].append(sketch(flat(model, seen[site], there, site)).cpu())
    return {site: torch.cat(part) for site, part in parts.items()}
