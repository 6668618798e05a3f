"""Attention that gates the only path to the answer: a weight of 0 means that a column is not used."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid._core import Dataset, Json
from pellucid.errors import InputError, near_misses
from pellucid.inputs import TabularSpec
from pellucid.networks._architecture import Architecture
from pellucid.networks._readable import Readable, Recipe

Gate = Literal["global", "row"]
GATES: tuple[Gate, ...] = ("global", "row")
FAR = 4.0  # standard deviations beyond which a number says no more
LEAST = 0.5  # of an equal share: columns that get less attention are closed, and the rest is trained again
READ_STEP = 4.0  # scores of the global gate start at 0; their steps are this many times those of weights
ENTROPY = 0.003  # how much spread-out attention costs


class AttentionGate(Readable):
    """``answer = constant + scale · Σ attention_j · value_j(column j)``; logits for classes.

    Each column has a value network of its own that sees nothing else, and its values have mean 0 and standard
    deviation 1 over the training rows: attention times scale is the standard deviation of what a column adds.
    There is no other path, so a weight of 0 means that the column is not used.

    With the global gate attention is the same for all rows. With the row gate a network reads the whole row
    to give it; then attention itself could carry the answer, and training asks for the right answer also with
    the attention of another row (swap loss), which takes that road away.

    Args:
        columns: slots of each column.
        outputs: classes, or 1 for regression.
        gate: ``"global"`` or ``"row"``.
        swap: weight of the swap loss.
        hidden: width of value and gate networks.
        penalty: pull of the scale to 0.
        seed: decides the weights.
        answers: mean and sd of the answers in regression.

    Attributes:
        open: 0 where a column is closed for good ``[columns]``.
    """

    open: Tensor
    slots: Tensor
    recipe = Recipe(epochs=60, batch_size=128, learning_rate=5e-3, weight_decay=1e-3)

    def __init__(
        self,
        columns: Sequence[Sequence[int]],
        outputs: int,
        *,
        gate: Gate = "global",
        swap: float = 1.0,
        hidden: int = 32,
        penalty: float = 0.01,
        seed: int = 0,
        answers: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if gate not in GATES:
            raise InputError(f"No gate is called {gate!r}. {near_misses(gate, GATES)}")
        params: dict[str, Json] = {
            "columns": [list(slots) for slots in columns],
            "outputs": outputs,
            "gate": gate,
            "swap": swap,
            "hidden": hidden,
            "penalty": penalty,
            "seed": seed,
            "answers": None if answers is None else [*answers],
        }
        self.architecture = Architecture("attention", params)
        self.columns = [list(slots) for slots in columns]
        self.gate: Gate = gate
        self.swap, self.penalty, self.outputs = swap, penalty, outputs
        self.answers = None if answers is None else (answers[0], answers[1])
        self.width = 1 if outputs <= 2 else outputs
        count, most = len(columns), max(len(slots) for slots in columns)
        inputs = sum(len(slots) for slots in columns)
        chance = torch.Generator().manual_seed(seed)

        def drawn(*shape: int, sd: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=chance) * sd)

        padded = torch.full((count, most), inputs)  # one slot more, always 0, fills short columns
        for k, slots in enumerate(columns):
            padded[k, : len(slots)] = torch.tensor(list(slots))
        self.register_buffer("slots", padded, persistent=False)
        self.register_buffer("open", torch.ones(count))
        self.weight1, self.bias1 = drawn(count, most, hidden, sd=1.0), drawn(count, 1, hidden, sd=0.5)
        self.weight2 = drawn(count, hidden, self.width, sd=hidden**-0.5)
        self.norm = nn.BatchNorm1d(count * self.width, affine=False)
        self.read = nn.Parameter(torch.zeros(count)) if gate == "global" else None
        if gate == "row":
            self.look, self.look_bias = (
                drawn(inputs, hidden, sd=inputs**-0.5),
                nn.Parameter(torch.zeros(hidden)),
            )
            self.point = drawn(hidden, count, sd=0.1 * hidden**-0.5)
        self.scale = nn.Parameter(torch.ones(()))
        self.constant = nn.Parameter(torch.zeros(self.width))
        self._said: tuple[Tensor, Tensor] | None = None

    def attention(self, x: Tensor) -> Tensor:
        """Weights ``[N, columns]``, adding up to 1 in each row; exactly 0 where a column is closed."""
        if self.read is not None:
            scores = (READ_STEP * self.read).expand(len(x), -1)
        else:
            scores = F.relu(x.clamp(-FAR, FAR) @ self.look + self.look_bias) @ self.point
        return scores.masked_fill(self.open == 0, -torch.inf).softmax(1)

    def values(self, x: Tensor) -> Tensor:
        """What each column says ``[N, columns, width]``, from its own slots alone."""
        wide = F.pad(x.clamp(-FAR, FAR), (0, 1))[:, self.slots].transpose(0, 1)
        hidden = F.relu(torch.baddbmm(self.bias1, wide, self.weight1))
        said = torch.bmm(hidden, self.weight2).transpose(0, 1)
        flat = said.flatten(1)
        if self.training and len(flat) == 1:  # one row has no spread: a last batch of one goes by the others'
            mean, spread = self.norm.running_mean, self.norm.running_var
            return F.batch_norm(flat, mean, spread, eps=self.norm.eps).view_as(said)
        return self.norm(flat).view_as(said)

    def gated(self, attention: Tensor, values: Tensor) -> Tensor:
        """The answer of these weights and values; the only path."""
        return self.answer(self.constant + self.scale * (attention[..., None] * values).sum(1))

    def contributions(self, x: Tensor) -> Tensor:
        """What each column adds ``[N, columns, width]``; with the constant they are the answer."""
        return self.scale * self.attention(x)[..., None] * self.values(x)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, classes]``, or answers ``[N, 1]`` in regression."""
        attention, values = self.attention(x), self.values(x)
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
        spread = -(attention * attention.clamp_min(1e-9).log()).sum(1).mean()
        loss = plain + ENTROPY * spread + self.penalty * self.scale.square() / len(self.open)
        if self.gate == "row" and self.swap and len(inputs) > 1:
            swapped = self.gated(attention.roll(1, 0), values)  # batches come in random order
            loss = loss + self.swap * self._loss(swapped, answers)
        return loss

    def _loss(self, outputs: Tensor, answers: Tensor) -> Tensor:
        if self.answers is None:
            return F.cross_entropy(outputs, answers)
        return ((outputs.reshape(-1) - answers) / self.answers[1]).square().mean()

    def advance(self, dataset: Dataset) -> bool:
        """Columns with hardly any attention are closed once, and the others trained again without them."""
        if not bool(self.open.all()):
            return False
        with torch.no_grad():
            mean = self.attention(dataset.part("train").inputs).mean(0)
            self.open = (mean >= LEAST / len(mean)).to(mean)
        return not bool(self.open.all())


def attention(
    columns: Sequence[Sequence[int]],
    outputs: int,
    *,
    gate: Gate = "global",
    swap: float = 1.0,
    hidden: int = 32,
    penalty: float = 0.01,
    seed: int = 0,
    answers: Sequence[float] | None = None,
) -> AttentionGate:
    """An untrained attention network; see :class:`AttentionGate` for the arguments.

    Example:
        >>> network = attention([[0], [1, 2]], 2)
        >>> network.eval().attention(torch.zeros(1, 3)).tolist()
        [[0.5, 0.5]]
    """
    return AttentionGate(
        columns, outputs, gate=gate, swap=swap, hidden=hidden, penalty=penalty, seed=seed, answers=answers
    )


def attention_for(
    dataset: Dataset,
    *,
    seed: int = 0,
    gate: Gate = "global",
    swap: float = 1.0,
    penalty: float = 0.01,
    epochs: int | None = None,
) -> AttentionGate:
    """An untrained attention network for a table.

    Raises:
        InputError: if the data are no table.
    """
    if not isinstance(dataset.spec, TabularSpec):
        raise InputError(f"{dataset.name} is no table: attention gates read columns so far.")
    owner = dataset.spec.column_of_slot
    columns = [[s for s, k in enumerate(owner) if k == j] for j in range(len(dataset.spec.columns))]
    train = dataset.part("train").answers
    scale = None
    if dataset.task == "regression":
        scale = (float(train.double().mean()), float(train.double().std(correction=0)) or 1.0)
    made = attention(
        columns, dataset.outputs, gate=gate, swap=swap, penalty=penalty, seed=seed, answers=scale
    )
    rows = len(train)
    batch = 128 if rows < 5000 else 512
    passes = epochs or max(12, min(60, -(-600 * batch // max(rows, 1))))
    made.recipe = dataclasses.replace(made.recipe, epochs=passes, batch_size=batch)
    return made
