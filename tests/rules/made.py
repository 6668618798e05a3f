"""Small tables and networks whose rules are known."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid._core import Dataset, InputSpec, split
from pellucid.inputs import Column, TabularSpec

LEVELS = ("free", "own", "rent")


def people(n: int = 600, *, missing: bool = False, seed: int = 0) -> Dataset:
    """Age in years, an income in small units far from zero, and housing; answers are coin tosses."""
    chance = torch.Generator().manual_seed(seed)
    columns = (
        Column("age", "years", mean=40.0, std=10.0, integer=True, missing=missing, median=33.0),
        Column("income", "k€", mean=1e-5, std=2e-6),
        Column("housing", levels=LEVELS),
    )
    spec = TabularSpec(columns)
    rows = [
        {
            "age": None if missing and gone else round(20 + 50 * a),
            "income": (0.5 + b) * 1e-5,
            "housing": LEVELS[int(c * 3)],
        }
        for a, b, c, gone in zip(
            *torch.rand(3, n, generator=chance).tolist(), torch.rand(n, generator=chance) < 0.2, strict=True
        )
    ]
    answers = torch.randint(0, 2, (n,), generator=chance)
    parts = split(answers, classes=True)
    return Dataset("people", spec.encode(rows), answers, spec, ("bad", "good"), parts, "credit")


class Decides(nn.Module):
    """A network that is a rule: class 1 where ``rule(x)`` holds."""

    def __init__(self, rule) -> None:
        super().__init__()
        self.rule = rule

    def forward(self, x: Tensor) -> Tensor:
        yes = self.rule(x).to(x.dtype)
        return torch.stack((1 - yes, yes), 1) * 8 - 4


class Gives(nn.Module):
    """A network whose output is ``rule(x)`` itself."""

    def __init__(self, rule) -> None:
        super().__init__()
        self.rule = rule

    def forward(self, x: Tensor) -> Tensor:
        return self.rule(x)


def age(x: Tensor) -> Tensor:
    return x[:, 0] * 10 + 40


def dataset(x: Tensor, answers: Tensor, spec: InputSpec, classes: tuple[str, ...]) -> Dataset:
    return Dataset("made", x, answers, spec, classes, split(answers, classes=bool(classes)))
