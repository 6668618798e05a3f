"""Tasks whose true reasons are known, and the proof by intervention that a network uses them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid._core import PARTS, Dataset, Part, brief, percent
from pellucid.errors import InputError

Kind = Literal["rule", "column", "corner", "watermark", "colour", "border", "high frequency", "word", "tone"]


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """A data set with a planted reason, and the same rows after intervening on it.

    Args:
        dataset: ``relevant`` marks what truly decides each row; its first note says in words what does.
        removed: the rows with the plant made meaningless: given back, shuffled, or that of a random row.
        exchanged: the rows with the plant of another class.
        alone: the rows with everything but the plant taken from another row.
        kind: ``"rule"`` where the plant is what is to be learned; else the kind of shortcut it is.
    """

    dataset: Dataset
    removed: Tensor
    exchanged: Tensor
    alone: Tensor
    kind: Kind = "rule"

    __repr__ = brief

    @property
    def twin(self) -> Dataset:
        """The clean twin: the same rows, answers and parts, with a plant that says nothing."""
        made = self.dataset
        notes = (f"Clean twin of {made.name}: nothing is planted.",)
        return dataclasses.replace(
            made, name=f"{made.name} (clean twin)", inputs=self.removed, notes=notes, relevant=None
        )


@dataclass(frozen=True, slots=True)
class PlantReport:
    """Whether a network's answers follow the plant.

    Args:
        with_plant: share of right answers on the rows as they are.
        without_plant: share of right answers after the plant was taken away.
        flips: share of the rightly answered rows that turn to the other class with its plant.
        alone: share of right answers where only the plant still belongs to the row.
        chance: share of the commonest class.
        n: rows tested.
    """

    with_plant: float
    without_plant: float
    flips: float
    alone: float
    chance: float
    n: int

    @property
    def used(self) -> bool:
        """The network lives by the plant: right with it, no better than guessing without, and led by it."""
        gain = self.with_plant - self.chance
        lost = self.with_plant - self.without_plant
        return gain > 0.1 and lost >= 0.8 * gain and min(self.flips, self.alone) >= 0.8

    def __str__(self) -> str:
        """One sentence with the figures."""
        verb = "uses" if self.used else "does not live by"
        return (
            f"The network {verb} the plant: right in {percent(self.with_plant)} of {self.n} rows, "
            f"{percent(self.without_plant)} without it, {percent(self.alone)} with nothing else; exchanging "
            f"it turns {percent(self.flips)} of the answers (guessing: {percent(self.chance)})."
        )


def verify_plant(
    planted: Planted, predict: Callable[[Tensor], Tensor], *, part: Part | None = "test"
) -> PlantReport:
    """Whether a trained network really uses the plant, by intervening on it.

    Args:
        planted: the task with its interventions.
        predict: from inputs ``[N, *shape]`` to outputs ``[N, K]``.
        part: rows to test; ``None`` takes all.

    Returns:
        Shares of right answers with, without and with only the plant, and how many answers it turns.

    Raises:
        InputError: if ``predict`` does not give one output per class and row.

    Cost:
        4 forward passes of each row.

    Limits:
        It says that the answer follows the plant, not that nothing else matters; look at ``alone``.

    Example:
        >>> from pellucid.data import planted_patch
        >>> task = planted_patch(200)
        >>> def bright_corner(x):
        ...     corners = torch.stack([x[..., i, j] for i in (0, -1) for j in (0, -1)]).amax((0, 2))
        ...     return torch.stack([0.9 - corners, corners - 0.9], 1)
        >>> report = verify_plant(task, bright_corner)
        >>> report.with_plant, report.flips, report.used
        (1.0, 1.0, True)
    """
    data = planted.dataset
    chosen = torch.ones(len(data), dtype=torch.bool) if part is None else data.parts == PARTS.index(part)
    index = chosen.nonzero().flatten()
    truth = data.answers[index]

    def answered(inputs: Tensor) -> Tensor:
        with torch.no_grad():
            outputs = predict(inputs[index])
        if outputs.shape != (len(index), len(data.classes)):
            raise InputError(
                f"predict should give {[len(index), len(data.classes)]}, got {list(outputs.shape)}."
            )
        return outputs.argmax(1).to(truth.device)

    right = answered(data.inputs) == truth
    turned = answered(planted.exchanged) == 1 - truth
    return PlantReport(
        float(right.double().mean()),
        float((answered(planted.removed) == truth).double().mean()),
        float(turned[right].double().mean()) if bool(right.any()) else 0.0,
        float((answered(planted.alone) == truth).double().mean()),
        float(truth.bincount().max()) / len(truth),
        len(truth),
    )


def interventions(
    compose: Callable[[Tensor, Tensor], Tensor],
    background: Tensor,
    plant: Tensor,
    answers: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows with the plant of a random row, of another class, and on the background of another row.

    ``compose`` makes inputs from backgrounds and plants, both with a row for each answer.
    """
    n = len(answers)
    removed = compose(background, plant[torch.randperm(n, generator=generator)])
    exchanged = compose(background, plant[of_another_class(answers, generator)])
    return removed, exchanged, compose(background[torch.randperm(n, generator=generator)], plant)


def of_another_class(answers: Tensor, generator: torch.Generator) -> Tensor:
    """For each row the number of a random row of the other class."""
    picked = torch.empty_like(answers)
    for label in (0, 1):
        others = (answers != label).nonzero().flatten()
        mine = (answers == label).nonzero().flatten()
        picked[mine] = others[torch.randint(len(others), (len(mine),), generator=generator)]
    return picked


def enough(n: int, most: int | None = None) -> None:
    """Refuse fewer rows than can be split and verified, and more than there are."""
    if n < 50 or (most is not None and n > most):
        limit = "" if most is None else f" and at most {most}"
        raise InputError(f"n must be at least 50{limit}, got {n}.")
