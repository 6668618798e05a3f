"""The way of one input through a network, as values."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pellucid._core import brief


@dataclass(frozen=True, slots=True, eq=False)
class TracedUnit:
    """A unit on the way.

    Args:
        site, unit: which one.
        value: its activation in the example, at ``position``.
        usual: its mean over real inputs and positions.
        position: where in the layer it is strongest, within what its strongest successor sees.
        box: int64 ``[2 · axes]``, the part of the example that it sees there: all starts, then one past all
            ends; empty where inputs have no positions.
        rows: int64 ``[k]``, the real inputs that move it most.
        boxes: int64 ``[k, 2 · axes]``, the part of each that it saw; empty as ``box``.
        places: int64 ``[k, axes]``, where in the layer it was strongest; empty in layers without positions.
    """

    site: str
    unit: int
    value: float
    usual: float
    position: tuple[int, ...]
    box: Tensor
    rows: Tensor
    boxes: Tensor
    places: Tensor

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class Arrow:
    """A measured effect.

    Args:
        source: number of the unit that is taken away; -1 for a part of the input.
        sink: number of the unit whose value falls; -1 for the answer.
        part: which part of the input.
        drop: fall of the sink's value, in its own units; below 0 where it rises.
        share: the fall as a share of what the sink stands out by: 1 takes it back to its usual value.
        random: ``[draws]``, shares of other sources drawn at random, the control.
    """

    source: int
    sink: int
    part: str
    drop: float
    share: float
    random: Tensor

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class TracedExample:
    """One input's way to the answer.

    Args:
        target: what is asked, in words.
        score: the target for the example; ``usual`` is its mean over real inputs.
        sites: layers in the order of the pass.
        units: units on the way, the last layer's first.
        arrows: effects, those on the answer first.
        untrained: ``[S + 1]``, the largest share at each step from the answer down to the input, in the same
            trace of an untrained copy; ``NaN`` where none was made.
        example: ``[1, *shape]``.
        instead: ``"mean"`` or ``"swap"``.
        n: real inputs that means and exemplars rest on.
        note: what was left out.
    """

    target: str
    score: float
    usual: float
    sites: tuple[str, ...]
    units: tuple[TracedUnit, ...]
    arrows: tuple[Arrow, ...]
    untrained: Tensor
    example: Tensor
    instead: str
    n: int
    note: str = ""

    __repr__ = brief

    def steps(self) -> list[list[Arrow]]:
        """Arrows by step: into the answer, into the last layer's units, and so on down to the input."""
        place = {site: k for k, site in enumerate(reversed(self.sites))}
        found: list[list[Arrow]] = [[] for _ in range(len(self.sites) + 1)]
        for arrow in self.arrows:
            found[0 if arrow.sink < 0 else 1 + place[self.units[arrow.sink].site]].append(arrow)
        return found

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)
