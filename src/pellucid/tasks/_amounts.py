"""How much work something is: rows through the network, seconds and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pellucid._core import brief


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the work.

    Args:
        name: what is done.
        forward, backward: rows of the network in each direction.
        seconds: of this part.
        exact: whether the rows are those that will be; else they depend on what is found on the way.
    """

    name: str
    forward: int
    backward: int
    seconds: float
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a piece of work will take.

    Args:
        steps: its parts.
        memory: bytes at the peak, beside what the network itself holds.
        spent: seconds that the estimate took.
    """

    steps: tuple[Step, ...]
    memory: int
    spent: float = field(default=0.0, compare=False)
    __repr__ = brief

    @property
    def forward(self) -> int:
        """Rows through the network."""
        return sum(step.forward for step in self.steps)

    @property
    def backward(self) -> int:
        """Rows back through the network."""
        return sum(step.backward for step in self.steps)

    @property
    def seconds(self) -> float:
        """Time on this machine, busy as it is now."""
        return sum(step.seconds for step in self.steps)

    @property
    def exact(self) -> bool:
        """Whether the passes are those that will be."""
        return all(step.exact for step in self.steps)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def gathered(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps of one name as one."""
    found: dict[str, Step] = {}
    for step in steps:
        before = found.get(step.name)
        if before is not None:
            forward, backward = before.forward + step.forward, before.backward + step.backward
            took, exact = before.seconds + step.seconds, before.exact and step.exact
            found[step.name] = Step(step.name, forward, backward, took, exact)
        else:
            found[step.name] = step
    return tuple(found.values())
