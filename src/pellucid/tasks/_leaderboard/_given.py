"""What other libraries are handed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.evidence._fill import absent
from pellucid.tasks._leaderboard._case import Case

BACKGROUND = 20  # training rows


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Inputs with their classes, what the spec calls absent, training rows, and the part of each element."""

    x: Tensor
    classes: Tensor
    reference: Tensor
    background: Tensor
    groups: Tensor

    @property
    def leaf(self) -> Tensor:
        """The inputs, ready for slopes."""
        return self.x.clone().requires_grad_()


def given_of(case: Case) -> Given:
    """What a case is to another library."""
    spread = torch.linspace(0, len(case.known) - 1, BACKGROUND).round().long()
    groups = case.spec.groups(case.x)
    groups = groups.expand(case.x.shape).contiguous()  # captum views it
    return Given(case.x, case.classes, absent(case.x, case.spec)[0], case.known[spread], groups)
