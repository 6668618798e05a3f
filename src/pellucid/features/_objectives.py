"""What a made input climbs towards: small values, all of one layer, that climb together in one run."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pellucid._core import brief
from pellucid._core._site import ELEMENTS
from pellucid.errors import TargetError

POWER = 2.0


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit; of a channel the value at a central position, on a canvas as large as what it sees.

    Example:
        >>> str(Unit(7))
        'unit 7'
    """

    index: int

    def __str__(self) -> str:
        return f"unit {self.index}"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel's mean over all positions, on a canvas of the input's size: textures rather than things.

    Example:
        >>> str(Channel(7))
        'channel 7'
    """

    index: int

    def __str__(self) -> str:
        return f"channel {self.index}"


@dataclass(frozen=True, slots=True)
class Logit:
    """One output of the network: a class before the softmax. Takes no layer.

    Args:
        index: which.
        name: of the class.

    Example:
        >>> str(Logit(3, "three")), str(Logit(3))
        ('three', 'class 3')
    """

    index: int
    name: str = ""

    def __str__(self) -> str:
        return self.name if self.name and not self.name.isdecimal() else f"class {self.name or self.index}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One minus the other: two classes, two units or two channels.

    Raises:
        TargetError: where the two are of different kinds, or the same.

    Example:
        >>> str(Difference(Logit(3), Logit(5)))
        'class 3 − class 5'
    """

    one: Unit | Channel | Logit
    other: Unit | Channel | Logit

    def __post_init__(self) -> None:
        """Refuse what cannot be compared."""
        known = isinstance(self.one, Unit | Channel | Logit)
        if not known or type(self.one) is not type(self.other) or self.one.index == self.other.index:
            raise TargetError(
                "Difference: expected two different units, channels or classes, such as Logit(3) and "
                f"Logit(5); got {self.one!r} and {self.other!r}."
            )

    def __str__(self) -> str:
        return f"{self.one} − {self.other}"


@dataclass(frozen=True, slots=True, eq=False)
class Direction:
    """A direction ``v`` of unit length in a layer's space: ``v·a · max(0.1, cos(v, a)) ^ power``.

    The power keeps the angle: a large activation that points elsewhere counts little. 0 is the plain dot
    product. An untrained network is asked about the same numbers, which mean nothing to it; where the
    direction stands for a concept, :class:`Concept` asks it about its own direction of that concept.

    Args:
        vector: ``[units]``.
        power: of the cosine.
        everywhere: mean over all positions instead of the value at a central one.
        name: of the direction.

    Raises:
        TargetError: where the vector is no direction.

    Example:
        >>> import torch
        >>> str(Direction(torch.tensor([1.0, -1.0]), name="stripes"))
        'stripes'
    """

    vector: Tensor
    power: float = POWER
    everywhere: bool = False
    name: str = "direction"

    __repr__ = brief

    def __post_init__(self) -> None:
        """Refuse vectors without direction."""
        if self.vector.ndim != 1 or not bool(self.vector.isfinite().all()) or not bool(self.vector.any()):
            raise TargetError(
                "Direction: expected a vector [units] of finite numbers that are not all zero, got shape "
                f"{tuple(self.vector.shape)}."
            )
        _power(self.power)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, eq=False)
class Concept:
    """The direction from the mean of ``others`` to the mean of ``inputs`` in a layer's space.

    As :class:`Direction`, but found anew in every network, so that the untrained control climbs along its own
    direction of the same concept. Activations are averaged over positions.

    Args:
        inputs: ``[n, *shape]`` that show the concept.
        others: ``[m, *shape]`` without regard to it.
        power: of the cosine.
        everywhere: mean over all positions instead of the value at a central one.
        name: of the concept.

    Raises:
        TargetError: where a side is empty.

    Source:
        Differences of means as concept vectors: Schmalwasser et al. 2025, FastCAV, arXiv 2505.17883.

    Example:
        >>> import torch
        >>> str(Concept(torch.ones(5, 3), torch.zeros(5, 3), name="bright"))
        'bright'
    """

    inputs: Tensor
    others: Tensor
    power: float = POWER
    everywhere: bool = False
    name: str = "concept"

    __repr__ = brief

    def __post_init__(self) -> None:
        """Refuse empty sides."""
        if not len(self.inputs) or not len(self.others):
            raise TargetError(
                f"Concept {self.name!r}: expected inputs on both sides, got {len(self.inputs)} and "
                f"{len(self.others)}."
            )
        _power(self.power)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """The whole map that one input leaves on a layer, as a direction: what a caricature climbs along."""

    input: Tensor
    power: float = POWER
    name: str = "input"

    def __post_init__(self) -> None:
        """Refuse powers that turn the sign."""
        _power(self.power)

    def __str__(self) -> str:
        return f"like {self.name}"


def _power(power: float) -> None:
    if power < 0:
        raise TargetError(f"power: expected 0 (the plain dot product) or more, got {power}.")


Objective = Unit | Channel | Logit | Difference | Direction | Concept | Likeness


def named_at(objective: Objective, site: str) -> str:
    """What an objective of a layer is called: the units of the layer that a dictionary becomes are elements.

    Example:
        >>> named_at(Unit(7), "conv2"), named_at(Unit(7), ELEMENTS)
        ('unit 7', 'element 7')
    """
    return (
        f"element {objective.index}" if site == ELEMENTS and isinstance(objective, Unit) else str(objective)
    )


def sees_all(objective: Objective) -> bool:
    """Whether it needs a canvas of the input's size."""
    if isinstance(objective, Difference):
        return sees_all(objective.one)
    return isinstance(objective, Channel | Likeness) or bool(getattr(objective, "everywhere", False))


def of_output(objective: Objective) -> bool:
    """Whether it is about the network's output."""
    return isinstance(objective.one if isinstance(objective, Difference) else objective, Logit)


def number_of(objective: Objective) -> int:
    """The unit, channel or class that it is about; -1 where it is about none, or about two."""
    return objective.index if isinstance(objective, Unit | Channel | Logit) else -1


__all__ = [
    "Channel",
    "Concept",
    "Difference",
    "Direction",
    "Likeness",
    "Logit",
    "Objective",
    "Unit",
    "number_of",
    "of_output",
    "sees_all",
]
