"""Tables with a planted reason that single columns do not show, and one where a single column does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid._core import Dataset, split
from pellucid.data._planted._planted import Kind, Planted, enough, interventions
from pellucid.data._planted._rule import COLUMNS, columns_of

HONEST = 6  # columns of the leak task that tell something of the answer


def suppressor(n: int = 4000, seed: int = 0) -> Planted:
    """``x0 - 1.5 x1 > 0``, where x0 is a signal plus 1.5 x1: the suppressor x1 alone says nothing.

    Both columns are marked, because a network has to read both. Whoever asks which columns *go along with*
    the answer gets x0 alone; so the task tells what is true to the network from what is true to the data.

    Source:
        Wilming et al. 2022, "Scrutinizing XAI using linear ground-truth data with suppressor variables",
        arXiv 2111.07473.
    """
    x, generator = _normal(n, seed)
    answers = (x[:, 0] > 0).long()
    x[:, 0] += 1.5 * x[:, 1]
    rule = "yes where x0 - 1.5 · x1 > 0; x1 is a suppressor: alone it says nothing of the answer."
    return _task("planted suppressor", x, answers, (0, 1), rule, generator, seed)


def xor(n: int = 4000, seed: int = 0) -> Planted:
    """``x0 · x1 > 0``: neither column alone says anything of the answer."""
    x, generator = _normal(n, seed)
    rule = "yes where x0 and x1 have the same sign; neither alone says anything of the answer."
    return _task("planted xor", x, (x[:, 0] * x[:, 1] > 0).long(), (0, 1), rule, generator, seed)


def interaction(n: int = 4000, seed: int = 0) -> Planted:
    """``x0 + 2 x1 · x2 > 0``: one column counts alone, two only together."""
    x, generator = _normal(n, seed)
    answers = (x[:, 0] + 2 * x[:, 1] * x[:, 2] > 0).long()
    rule = "yes where x0 + 2 · x1 · x2 > 0: x0 counts alone, x1 and x2 only together."
    return _task("planted interaction", x, answers, (0, 1, 2), rule, generator, seed)


def leak(n: int = 4000, seed: int = 0) -> Planted:
    """Six columns from which three of four answers can be told, and a file number that gives all away."""
    x, generator = _normal(n, seed)
    honest = x[:, :HONEST].sum(1) / HONEST**0.5
    answers = (honest + torch.randn(n, generator=generator) > 0).long()
    x[:, -1] = 2.0 * answers - 1 + 0.25 * x[:, -1]
    rule = (
        "the file number lies near 1 for yes and near -1 for no; x0 to x5 together tell about 3 of 4 answers."
    )
    last = COLUMNS - 1
    return _task("planted leak", x, answers, (last,), rule, generator, seed, "column", "file number")


def _normal(n: int, seed: int) -> tuple[Tensor, torch.Generator]:
    enough(n)
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, COLUMNS, generator=generator), generator


def _task(
    name: str,
    x: Tensor,
    answers: Tensor,
    planted: Sequence[int],
    rule: str,
    generator: torch.Generator,
    seed: int,
    kind: Kind = "rule",
    last: str = "",
) -> Planted:
    relevant = torch.zeros(x.shape, dtype=torch.bool)
    relevant[:, list(planted)] = True
    parts = split(answers, classes=True, seed=seed)
    dataset = Dataset(
        name,
        x,
        answers,
        columns_of(x, parts, last),
        ("no", "yes"),
        parts,
        answer="answer",
        notes=(f"{rule[:1].upper()}{rule[1:]}",),
        source="generated",
        relevant=relevant,
    )

    def compose(background: Tensor, plant: Tensor) -> Tensor:
        return torch.where(relevant, plant, background)

    return Planted(dataset, *interventions(compose, x, x, answers, generator), kind)
