"""What patching found, layer by layer and unit by unit."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pellucid._core import brief


@dataclass(frozen=True, slots=True, eq=False)
class ActivationPatching:
    """What carrying a layer's activation from one input to the other does to the target.

    Args:
        sites: layers in the order of the pass.
        target: what is measured, in words.
        restored: ``[S]``, denoising: share of the difference that comes back when the layer of the corrupt
            input gets the clean activation. 1 is all: it suffices.
        restored_low, restored_high: its 95 % interval over pairs.
        broken: ``[S]``, noising: share that is lost when the layer of the clean input gets the corrupt
            activation. 1 is all: it is needed.
        broken_low, broken_high: its 95 % interval.
        clean, corrupt: mean target on both inputs.
        n: pairs.
        random: ``[S]``, share that comes back with the activation of other real inputs in place of the clean
            one's, mean over draws: what any change of the layer does. ``NaN`` where none were given.
        random_low, random_high: between which 95 % of the draws lie.
    """

    sites: tuple[str, ...]
    target: str
    restored: Tensor
    restored_low: Tensor
    restored_high: Tensor
    broken: Tensor
    broken_low: Tensor
    broken_high: Tensor
    clean: float
    corrupt: float
    n: int
    random: Tensor
    random_low: Tensor
    random_high: Tensor

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


@dataclass(frozen=True, slots=True, eq=False)
class AttributionPatching:
    """Estimates of what patching each unit would do, and what it really does.

    Args:
        site: the layer.
        target: what is measured, in words.
        units: int64 ``[U]``.
        estimate: ``[U]``, share of the difference that a unit's patch would restore, to first order.
        measured: ``[U]``, what it really restores; ``NaN`` for units that were not patched.
        agreement: rank correlation of both over the units that were.
        kept: int64 ``[P]``, how many units, best estimates first, are carried over together.
        restored: ``[P]``, share of the difference that they restore (the faithfulness curve).
        random: ``[P]``, the same for units in random order, on average.
        random_low, random_high: ``[P]``, between which 95 % of the random orders lie.
        clean, corrupt: mean target on both inputs.
        n: pairs.
    """

    site: str
    target: str
    units: Tensor
    estimate: Tensor
    measured: Tensor
    agreement: float
    kept: Tensor
    restored: Tensor
    random: Tensor
    random_low: Tensor
    random_high: Tensor
    clean: float
    corrupt: float
    n: int

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)
