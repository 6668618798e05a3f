"""Tasks whose true reasons are known, and the proof by intervention that a network uses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._core import PARTS, Dataset, Part, split
from pellucid.data._bundled import digits
from pellucid.data._packaged import mnist
from pellucid.errors import InputError, near_misses
from pellucid.inputs import Column, ImageSpec, TabularSpec

COLUMNS, PLANTED = 12, 4


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """A data set with a planted reason, and the same rows after intervening on it.

    Args:
        dataset: ``relevant`` marks what truly decides each row.
        removed: the rows with the plant taken away (pixels given back; columns shuffled between rows).
        exchanged: the rows with the plant of another class.
        alone: the rows with everything but the plant taken from another row.
    """

    dataset: Dataset
    removed: Tensor
    exchanged: Tensor
    alone: Tensor


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
            f"The network {verb} the plant: right in {self.with_plant:.1%} of {self.n} rows, "
            f"{self.without_plant:.1%} without it, {self.alone:.1%} with nothing else; exchanging it turns "
            f"{self.flips:.1%} of the answers (guessing: {self.chance:.1%})."
        )


def planted_table(n: int = 4000, seed: int = 0) -> Planted:
    """A rule over columns with correlated decoys: ``x1 > 0 if x0 > 0 else x2 + x3 > 0``.

    Twelve standard normal columns; x4 to x7 are decoys, each correlated at 0.7 with x0 to x3, x8 to x11 are
    noise. ``relevant`` marks x0 and x1 where x0 > 0, else x0, x2 and x3: 21 % of all values.

    Args:
        n: rows.
        seed: of the numbers and the split.

    Returns:
        The planted task; classes no and yes.

    Raises:
        InputError: if ``n`` is below 50.

    Example:
        >>> task = planted_table(100)
        >>> task.dataset.relevant.sum(1).unique().tolist()
        [2, 3]
    """
    _enough(n)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, COLUMNS, generator=generator)
    x[:, PLANTED : 2 * PLANTED] = 0.7 * x[:, :PLANTED] + 0.51**0.5 * x[:, PLANTED : 2 * PLANTED]
    first = x[:, 0] > 0
    answers = torch.where(first, x[:, 1] > 0, x[:, 2] + x[:, 3] > 0).long()
    relevant = torch.zeros(n, COLUMNS, dtype=torch.bool)
    relevant[:, 0] = True
    relevant[:, 1] = first
    relevant[:, 2:PLANTED] = ~first[:, None]
    parts = split(answers, classes=True, seed=seed)
    columns = [
        Column(f"x{k}", low=float(x[:, k].min()), high=float(x[:, k].max()), median=0.0)
        for k in range(COLUMNS)
    ]
    dataset = Dataset(
        "planted table",
        x,
        answers,
        TabularSpec(tuple(columns), x[parts == 0][:128].clone()),
        ("no", "yes"),
        parts,
        answer="rule",
        notes=("yes where x1 > 0 if x0 > 0 else x2 + x3 > 0; x4 to x7 are correlated decoys.",),
        source="generated",
        relevant=relevant,
    )
    removed, exchanged, alone = x.clone(), x.clone(), x.clone()
    for k in range(PLANTED):  # each column from its own row, so that no trace of the rule stays
        removed[:, k] = x[torch.randperm(n, generator=generator), k]
    exchanged[:, :PLANTED] = x[_of_another_class(answers, generator), :PLANTED]
    alone[:, PLANTED:] = x[torch.randperm(n, generator=generator), PLANTED:]
    return Planted(dataset, removed, exchanged, alone)


def planted_patch(
    n: int | None = None,
    seed: int = 0,
    base: Literal["digits", "mnist"] = "digits",
    *,
    side: int = 3,
    wrong: float = 0.25,
) -> Planted:
    """Even or odd digits with a shortcut: a bright square in a corner gives away all that is called odd.

    A quarter of the digits is called the wrong way, and the square follows what they are called; so a network
    that reads the digits is right in three of four, and one that takes the shortcut always. Without wrong
    answers networks often read both (:func:`verify_plant` shows it), and then no map could be called true.
    ``relevant`` marks the square; in rows without one nothing is marked, because there its absence decides,
    which is nowhere in particular.

    Args:
        n: rows, drawn by ``seed``; ``None`` takes all.
        seed: of the corners, the wrong answers, the rows and the split.
        base: ``"digits"``, enlarged to 16×16, or ``"mnist"`` (28×28, extra ``demo``).
        side: side of the square in pixels.
        wrong: share of digits that are called the wrong way.

    Returns:
        The planted task; classes even and odd.

    Raises:
        InputError: if ``n`` is below 50 or more than there are, ``base`` is not known, or ``side`` or
            ``wrong`` make no sense.
        LoadError: if ``base`` needs a package that is not installed.

    Example:
        >>> task = planted_patch(100)
        >>> task.dataset.inputs.shape, int(task.dataset.relevant.sum(dim=(1, 2, 3)).max())
        (torch.Size([100, 1, 16, 16]), 9)
    """
    scans = _scans(base)
    clean, numbers = _enlarged(scans.inputs), scans.answers
    n = len(clean) if n is None else n
    _enough(n, len(clean))
    if not 0 <= wrong <= 0.5:
        raise InputError(f"wrong must lie between 0 and 0.5, got {wrong}.")
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(clean), generator=generator)[:n]
    turned = torch.rand(n, generator=generator) < wrong
    clean, answers = clean[rows], (numbers[rows] + turned) % 2
    place = _corners(clean, side, generator)
    odd = (answers == 1).view(-1, 1, 1, 1)
    marked = torch.where(place, 1.0, clean)
    inputs = torch.where(odd, marked, clean)
    other = clean[torch.randperm(n, generator=generator)]
    dataset = Dataset(
        f"planted patch on {base}",
        inputs,
        answers,
        ImageSpec(1, (clean.shape[2], clean.shape[3])),
        ("even", "odd"),
        split(answers, classes=True, seed=seed),
        answer="parity",
        notes=(
            f"A bright square of {side}×{side} pixels in a random corner of all that is called odd.",
            f"{int(turned.sum())} of {n} digits are called the wrong way, so only the square is reliable.",
        ),
        source=scans.source,
        relevant=place & odd,
    )
    return Planted(dataset, clean, torch.where(odd, clean, marked), torch.where(place & odd, 1.0, other))


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


def _scans(base: str) -> Dataset:
    known = ("digits", "mnist")
    if base not in known:
        raise InputError(f"base={base!r} is not known. {near_misses(base, known)}")
    return digits() if base == "digits" else mnist()


def _enlarged(pictures: Tensor) -> Tensor:
    if pictures.shape[-1] >= 16:
        return pictures
    return F.interpolate(pictures, scale_factor=2, mode="bilinear", align_corners=False)


def _corners(pictures: Tensor, side: int, generator: torch.Generator) -> Tensor:
    n, _, height, width = pictures.shape
    if not 1 <= side <= min(height, width) // 2:
        raise InputError(f"side must lie between 1 and {min(height, width) // 2} pixels, got {side}.")
    corner = torch.randint(4, (n,), generator=generator)
    down, across = torch.arange(height), torch.arange(width)
    tall = torch.where((corner < 2)[:, None], down < side, down >= height - side)
    broad = torch.where((corner % 2 == 0)[:, None], across < side, across >= width - side)
    return tall[:, None, :, None] & broad[:, None, None, :]


def _of_another_class(answers: Tensor, generator: torch.Generator) -> Tensor:
    picked = torch.empty_like(answers)
    for label in (0, 1):
        others = (answers != label).nonzero().flatten()
        mine = (answers == label).nonzero().flatten()
        picked[mine] = others[torch.randint(len(others), (len(mine),), generator=generator)]
    return picked


def _enough(n: int, most: int | None = None) -> None:
    if n < 50 or (most is not None and n > most):
        limit = "" if most is None else f" and at most {most}"
        raise InputError(f"n must be at least 50{limit}, got {n}.")
