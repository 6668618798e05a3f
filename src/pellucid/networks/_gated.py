"""What all attention networks share: attention times values is the only path to the answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.networks._readable import Readable

Part = Literal["column", "patch", "word"]


class Gated(Readable):
    """``answer = constant + scale · Σ attention_j · value_j``, and nothing else reaches the answer.

    Args:
        outputs: classes, or 1 for regression.
        spread: how much spread-out attention costs in training.
        swap: weight of the right answer asked for with the attention of another row (swap loss).
        penalty: pull of the scale to 0.
        answers: mean and sd of the answers in regression.
    """

    part: Part = "column"

    def __init__(
        self, outputs: int, *, spread: float, swap: float, penalty: float, answers: Sequence[float] | None
    ) -> None:
        super().__init__()
        self.outputs, self.spread, self.swap, self.penalty = outputs, spread, swap, penalty
        self.answers = None if answers is None else (answers[0], answers[1])
        self.width = 1 if outputs <= 2 else outputs
        self.scale = nn.Parameter(torch.ones(()))
        self.constant = nn.Parameter(torch.zeros(self.width))
        self._said: tuple[Tensor, Tensor] | None = None

    @abstractmethod
    def weighed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Attention ``[N, parts]``, exactly 0 where a part is not used, and values ``[N, parts, width]``."""

    def attention(self, x: Tensor) -> Tensor:
        """Weights ``[N, parts]``."""
        return self.weighed(x)[0]

    def values(self, x: Tensor) -> Tensor:
        """What each part says ``[N, parts, width]``, from that part alone."""
        return self.weighed(x)[1]

    def gated(self, attention: Tensor, values: Tensor) -> Tensor:
        """The answer of these weights and values; the only path."""
        return self.answer(self.constant + self.scale * (attention[..., None] * values).sum(1))

    def contributions(self, x: Tensor) -> Tensor:
        """What each part adds ``[N, parts, width]``; with the constant they are the answer."""
        attention, values = self.weighed(x)
        return self.scale * attention[..., None] * values

    @abstractmethod
    def unread(self, x: Tensor, attention: Tensor) -> Tensor:
        """Which numbers of ``x`` no part of weight above 0 reads: bool in the shape of ``x``."""

    def stand_in(self, x: Tensor, others: Tensor, chance: torch.Generator) -> Tensor:
        """What to put in the place of what is not read: the same place of the ``others``' rows."""
        return x[others]

    def laid(self, values: Tensor, x: Tensor, others: Tensor) -> Tensor:
        """Values of the ``others``' parts in the places of one's own."""
        return values[others]

    def shown(self, attention: Tensor, x: Tensor) -> Tensor:
        """Weights as people see them: by column ``[N, D]``, by pixel ``[N, H, W]``, by word ``[N, T]``."""
        return attention

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, classes]``, or answers ``[N, 1]`` in regression."""
        attention, values = self.weighed(x)
        self._said = (attention, values) if self.training else None
        return self.gated(attention, values)

    def answer(self, total: Tensor) -> Tensor:
        """What a sum ``[N, width]`` means: logits, or an answer in its unit."""
        if self.answers is not None:
            return self.answers[0] + self.answers[1] * total
        return torch.cat([-total / 2, total / 2], -1) if self.width == 1 else total

    def training_loss(self, plain: Tensor, inputs: Tensor, outputs: Tensor, answers: Tensor) -> Tensor:
        """The plain loss, the same with other rows' attention, and what spread and scale cost."""
        said, self._said = self._said, None
        if said is None:
            return plain
        attention, values = said
        entropy = -(attention * attention.clamp_min(1e-9).log()).sum(1).mean()
        loss = plain + self.spread * entropy + self.penalty * self.scale.square() / attention.shape[1]
        if self.swap and len(inputs) > 1:
            swapped = self.gated(attention.roll(1, 0), values)  # batches come in random order
            loss = loss + self.swap * self._loss(swapped, answers)
        return loss

    def _loss(self, outputs: Tensor, answers: Tensor) -> Tensor:
        if self.answers is None:
            return F.cross_entropy(outputs, answers)
        return ((outputs.reshape(-1) - answers) / self.answers[1]).square().mean()


class OwnGate(Gated):
    """Attention in which each part is weighed by what it shows itself: ``attention_j = u_j / (rest + Σ u)``.

    ``u_j`` from 0 up to 1 is made of part ``j`` alone, and is exactly 0 where it is not used; ``rest`` is the
    learned weight of saying nothing. A gate that sees one part cannot know the answer, so that it cannot pick
    parts to fit it; all that parts share is the sum below the line.
    """

    def __init__(
        self,
        outputs: int,
        hidden: int,
        *,
        spread: float,
        swap: float,
        penalty: float,
        answers: Sequence[float] | None,
    ) -> None:
        super().__init__(outputs, spread=spread, swap=swap, penalty=penalty, answers=answers)
        self.hidden = hidden
        self.rest = nn.Parameter(torch.zeros(()))
        with torch.no_grad():
            self.scale.fill_(5.0)

    @abstractmethod
    def asks(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How much each part asks to be heard ``[N, parts]``, and what it says ``[N, parts, width]``."""

    def weighed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Attention and values."""
        asked, values = self.asks(x)
        return asked / (F.softplus(self.rest) + asked.sum(1, keepdim=True)), values


def opened(score: Tensor) -> Tensor:
    """From 0, where a gate says no, up to 1; open at first."""
    return F.relu(torch.tanh(score + 0.5))


def standard(norm: nn.BatchNorm1d, flat: Tensor) -> Tensor:
    """Values of mean 0 over the training rows; a batch of one has no spread and goes by the others'."""
    if norm.training and len(flat) == 1:
        return F.batch_norm(flat, norm.running_mean, norm.running_var, eps=norm.eps)
    return norm(flat)
