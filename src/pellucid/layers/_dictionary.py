"""A layer's activations as sums of a few learned directions, with what that loses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid._core import Batch, Compute, InputSpec, brief, predict, probe
from pellucid._core._units import unit_axis
from pellucid.layers._exemplars import Exemplars, exemplars_by
from pellucid.layers._reach import rows_of

Kind = Literal["topk", "batchtopk", "jumprelu", "nmf"]
SOLVE = 200  # multiplicative steps that find the codes of a non-negative factorisation


@dataclass(frozen=True, slots=True)
class DictionaryQuality:
    """What a dictionary keeps of a layer, on held-out inputs.

    Args:
        error: squared error ÷ that of the mean of each unit: 0 is perfect, 1 is no better than the mean.
        active: elements in use per position.
        dead: share of elements never in use.
        recovered: share of the network's answer that survives when the layer is replaced by what the
            dictionary makes of it: 1 − distance(replaced) ÷ distance(layer held at its mean). The distance
            is the Kullback-Leibler divergence from the network's own answer, squared for a single output.
            Below 0 where it is worse than the mean.
        n: held-out inputs.
    """

    error: float
    active: float
    dead: float
    recovered: float
    n: int


@dataclass(frozen=True, slots=True, eq=False)
class Dictionary:
    """A dictionary of a layer: ``x ≈ mean + scale · codes @ decoder``, few codes above zero.

    Args:
        site: the layer.
        kind: ``"topk"``, ``"batchtopk"``, ``"jumprelu"`` or ``"nmf"``.
        encoder: ``[C, E]``; empty for ``"nmf"``, whose codes are solved for.
        bias: ``[E]``.
        threshold: ``[E]``, a code below it is zero.
        decoder: ``[E, C]``, one direction per element.
        mean: ``[C]``.
        scale: unit of the codes.
        k: elements per position that training aimed at.
        quality: on held-out inputs.
        shuffled: the same for a dictionary of the network with shuffled weights; ``None`` where none was
            made. What both reach is no discovery about this network.
        params: everything else that shaped it.
        n: inputs it was learned from.
        note: what was sampled.
    """

    site: str
    kind: Kind
    encoder: Tensor
    bias: Tensor
    threshold: Tensor
    decoder: Tensor
    mean: Tensor
    scale: float
    k: int
    quality: DictionaryQuality
    shuffled: DictionaryQuality | None
    n: int
    params: Mapping[str, int | float | str] = field(default_factory=dict[str, int | float | str])
    note: str = ""

    __repr__ = brief

    def codes(self, x: Tensor) -> Tensor:
        """Codes ``[…, E]`` of activation vectors ``[…, C]``.

        Example:
            >>> import torch
            >>> from pellucid.layers import sparse_autoencoder
            >>> made = sparse_autoencoder(torch.nn.Identity(), torch.rand(80, 4), ".", k=2, steps=5)
            >>> bool(((made.codes(torch.rand(3, 4)) > 0).sum(1) <= 2).all())
            True
        """
        decoder = self.decoder.to(x)
        centred = (x - self.mean.to(x)) / self.scale
        if self.kind == "nmf":
            return solved(centred.clamp_min(0).reshape(-1, x.shape[-1]), decoder).reshape(*x.shape[:-1], -1)
        codes = (centred @ self.encoder.to(x) + self.bias.to(x)).relu()
        if self.kind == "topk":
            return kept(codes, self.k)
        return codes * (codes > self.threshold.to(x))

    def rebuilt(self, x: Tensor) -> Tensor:
        """What the dictionary makes of activation vectors ``[…, C]``."""
        return self.mean.to(x) + self.scale * (self.codes(x) @ self.decoder.to(x))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def kept(codes: Tensor, k: int) -> Tensor:
    """The ``k`` largest of each row, the rest zero."""
    top = codes.topk(min(k, codes.shape[-1]), dim=-1)
    return torch.zeros_like(codes).scatter(-1, top.indices, top.values)


def solved(x: Tensor, decoder: Tensor) -> Tensor:
    """Non-negative codes ``[n, E]`` that rebuild non-negative rows ``[n, C]`` best (multiplicative steps)."""
    gram, wanted = decoder @ decoder.T, x @ decoder.T
    codes = torch.ones_like(wanted) * x.mean(1, keepdim=True).clamp_min(1e-12)
    for _ in range(SOLVE):
        codes = codes * wanted / (codes @ gram).clamp_min(1e-12)
    return codes


def vectors_of(model: nn.Module, activation: Tensor, site: str) -> Tensor:
    """An activation with its units on the last axis: ``[b, …, C]``."""
    return activation if activation.ndim < 3 else activation.movedim(unit_axis(model, activation, site), -1)


def back(model: nn.Module, vectors: Tensor, like: Tensor, site: str) -> Tensor:
    """Inverse of :func:`vectors_of`."""
    return vectors if like.ndim < 3 else vectors.movedim(-1, unit_axis(model, like, site))


def quality_of(
    model: nn.Module, inputs: Tensor | Batch, made: Dictionary, how: Compute, real: Tensor | None = None
) -> DictionaryQuality:
    """Error, use, and what survives in the network's answer, over some inputs in three passes."""
    seen = _Seen(made, real)

    def hold(activation: Tensor) -> Tensor:
        x = vectors_of(model, activation, made.site)
        return back(model, seen.mean.to(x).expand_as(x).clone(), activation, made.site)

    def splice(activation: Tensor) -> Tensor:
        return back(model, seen.add(vectors_of(model, activation, made.site)), activation, made.site)

    plain = predict(model, inputs, compute=how)
    with probe(model, write={made.site: splice}):
        spliced = predict(model, inputs, compute=how)
    with probe(model, write={made.site: hold}):
        held = predict(model, inputs, compute=how)
    lost = distance(plain, held)
    return DictionaryQuality(
        seen.error,
        seen.active / max(1, seen.positions),
        1 - float(seen.used.double().mean()),
        1 - distance(plain, spliced) / lost if lost > 0 else float("nan"),
        len(plain),
    )


class _Seen:
    """Sums over the vectors that a dictionary rebuilt."""

    def __init__(self, made: Dictionary, real: Tensor | None) -> None:
        self.made, self.real, self.rows = made, real, 0
        self.wrong = self.squares = 0.0
        self.active = self.positions = 0
        self.total = torch.zeros(len(made.mean), dtype=torch.float64)
        self.used = torch.zeros(len(made.decoder), dtype=torch.bool)

    def add(self, x: Tensor) -> Tensor:
        """Take in vectors ``[…, C]`` and give them back rebuilt."""
        made = self.made
        codes = made.codes(x)
        again = made.mean.to(x) + made.scale * (codes @ made.decoder.to(x))
        self._count(*self._real(x, again, codes))
        return again

    def _real(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """What stands at tokens, where these are texts."""
        rows, self.rows = slice(self.rows, self.rows + len(parts[0])), self.rows + len(parts[0])
        if self.real is None or parts[0].ndim != 3 or parts[0].shape[1] != self.real.shape[1]:
            return parts
        here = self.real[rows].to(parts[0].device)
        return tuple(part[here] for part in parts)

    def _count(self, x: Tensor, again: Tensor, codes: Tensor) -> None:
        self.wrong += float((x - again).double().square().sum())
        self.squares += float(x.double().square().sum())
        self.total += x.double().flatten(0, -2).sum(0).cpu()
        self.active += int((codes > 0).sum())
        self.positions += codes[..., 0].numel()
        self.used |= (codes > 0).flatten(0, -2).any(0).cpu()

    @property
    def mean(self) -> Tensor:
        """Mean vector ``[C]``."""
        return self.total / max(1, self.positions)

    @property
    def error(self) -> float:
        """Squared error ÷ that of the mean vector."""
        around = self.squares - float(self.total @ self.mean)
        return self.wrong / around if around > 1e-9 * self.squares else float("nan")


def distance(plain: Tensor, other: Tensor) -> float:
    """How far answers lie from the network's own, on average over inputs."""
    if plain.ndim == 2 and plain.shape[1] > 1:
        logs = other.double().log_softmax(1), plain.double().log_softmax(1)
        return float(F.kl_div(*logs, reduction="batchmean", log_target=True))
    return float((plain - other).double().square().mean())


def element_exemplars(
    model: nn.Module,
    inputs: Tensor | Batch,
    made: Dictionary,
    *,
    k: int = 9,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Exemplars:
    """The real inputs in which each element of a dictionary is strongest, as for units.

    Args:
        model: the network that the dictionary is of.
        inputs: ``[N, *shape]``.
        made: the dictionary.
        k: how many.
        spec: as for :func:`exemplars`.
        compute: how to run.

    Returns:
        :class:`Exemplars`, its units the elements, its values their codes.

    Cost:
        As :func:`exemplars`.

    Example:
        >>> from pellucid.layers import sparse_autoencoder
        >>> x = torch.rand(80, 4)
        >>> made = sparse_autoencoder(nn.Identity(), x, ".", width=6, k=2, steps=5)
        >>> element_exemplars(nn.Identity(), x, made, k=3).rows.shape
        torch.Size([6, 3])
    """

    def coded(activation: Tensor) -> Tensor:
        return back(model, made.codes(vectors_of(model, activation, made.site)), activation, made.site)

    found = exemplars_by(model, inputs, made.site, coded, k=k, spec=spec, compute=compute or Compute())
    return replace(found, site=f"{made.kind} dictionary of {made.site}")


def halves(
    inputs: Tensor | Batch, n: int, share: float, most: int, seed: int
) -> tuple[Tensor | Batch, Tensor | Batch]:
    """Inputs to learn from and at most ``most`` others to measure on."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    cut = max(1, round(share * n))
    held = order[:cut][:most].sort().values
    return rows_of(inputs, order[cut:].sort().values), rows_of(inputs, held)
