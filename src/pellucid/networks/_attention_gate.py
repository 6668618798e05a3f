"""Attention that gates the only path to the answer: a weight of 0 means that a column is not used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid._core import Dataset, Json
from pellucid.errors import InputError, near_misses
from pellucid.networks._architecture import Architecture
from pellucid.networks._gated import Gated, standard
from pellucid.networks._readable import Recipe
from pellucid.networks._shape_nets import STEP, placed

Gate = Literal["global", "row"]
GATES: tuple[Gate, ...] = ("global", "row")
FAR = 4.0  # standard deviations beyond which a number says no more
LEAST = 0.25  # of an equal share: columns that get less attention are closed, and the rest is trained on
READ_STEP = 4.0  # scores of the global gate start at 0; their steps are this many times those of weights
ENTROPY = 0.003  # how much spread-out attention costs


class AttentionGate(Gated):
    """``answer = constant + scale · Σ attention_j · value_j(column j)``; logits for classes.

    Each column has a value network of its own that sees nothing else, and its values have mean 0 and standard
    deviation 1 over the training rows: attention times scale is the standard deviation of what a column adds.
    There is no other path, so a weight of 0 means that the column is not used. Numbers that many rows share
    may have an offset of their own beside the value network, which draws no spikes.

    With the global gate attention is the same for all rows. With the row gate a network reads the whole row
    to give it; then attention itself could carry the answer, and training asks for the right answer also with
    the attention of another row (swap loss), which takes that road away.

    Args:
        columns: slots of each column; one without slots is not read and closed from the start.
        outputs: classes, or 1 for regression.
        gate: ``"global"`` or ``"row"``.
        swap: weight of the swap loss.
        hidden: width of value and gate networks.
        penalty: pull of the scale to 0.
        seed: decides the weights.
        answers: mean and sd of the answers in regression.
        numbers: columns whose numbers have offsets at knots.
        knots: most knots of each.

    Raises:
        InputError: where no gate is called so.

    Attributes:
        open: 0 where a column is closed for good ``[columns]``.
        knots: places of offsets, in encoded units ``[numbers, M]``; infinite where a column has fewer.
        crowded: 1 where a knot has an offset ``[numbers, M]``.
    """

    open: Tensor
    knots: Tensor
    crowded: Tensor
    slots: Tensor
    owner: Tensor
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
        numbers: Sequence[int] = (),
        knots: int = 2,
    ) -> None:
        if gate not in GATES:
            raise InputError(f"No gate is called {gate!r}. {near_misses(gate, GATES)}")
        kept = swap if gate == "row" else 0.0  # one attention for all rows has nothing to swap
        super().__init__(outputs, spread=ENTROPY, swap=kept, penalty=penalty, answers=answers)
        params: dict[str, Json] = {
            "columns": [list(slots) for slots in columns],
            "outputs": outputs,
            "gate": gate,
            "swap": swap,
            "hidden": hidden,
            "penalty": penalty,
            "seed": seed,
            "answers": None if answers is None else [*answers],
            "numbers": [*numbers],
            "knots": knots,
        }
        self.architecture = Architecture("attention", params)
        self.columns = [list(slots) for slots in columns]
        self.gate: Gate = gate
        self.taken = [k for k, slots in enumerate(columns) if slots]  # columns that are read at all
        self.seen = sorted(slot for slots in columns for slot in slots)
        count, most = len(self.taken), max(len(slots) for slots in columns)
        inputs = len(self.seen)
        chance = torch.Generator().manual_seed(seed)

        def drawn(*shape: int, sd: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=chance) * sd)

        padded = torch.full((count, most), -1)  # one slot more, always 0, fills short columns
        for row, k in enumerate(self.taken):
            padded[row, : len(columns[k])] = torch.tensor(list(columns[k]))
        self.register_buffer("slots", padded, persistent=False)
        column = {slot: k for k, slots in enumerate(columns) for slot in slots}
        self.register_buffer("owner", torch.tensor([column[slot] for slot in self.seen]), persistent=False)
        self.register_buffer("open", torch.tensor([float(bool(slots)) for slots in columns]))
        self.weight1, self.bias1 = drawn(count, most, hidden, sd=1.0), drawn(count, 1, hidden, sd=0.5)
        self.weight2 = drawn(count, hidden, self.width, sd=hidden**-0.5)
        self.norm = nn.BatchNorm1d(count * self.width, affine=False)
        self.numbers = [*numbers]
        places = (len(numbers), knots)
        self.register_buffer("knots", torch.full(places, torch.inf) if numbers else None)
        self.register_buffer("crowded", torch.zeros(places) if numbers else None)
        self.offsets = nn.Parameter(torch.zeros(*places, self.width)) if numbers else None
        self.read = nn.Parameter(torch.zeros(count)) if gate == "global" else None
        if gate == "row":
            self.look, self.look_bias = (
                drawn(inputs, hidden, sd=inputs**-0.5),
                nn.Parameter(torch.zeros(hidden)),
            )
            self.point = drawn(hidden, count, sd=0.1 * hidden**-0.5)

    def attention(self, x: Tensor) -> Tensor:
        """Weights ``[N, columns]``, adding up to 1 in each row; exactly 0 where a column is closed."""
        if self.read is not None:
            scores = (READ_STEP * self.read).expand(len(x), -1)
        else:
            row = x if len(self.seen) == x.shape[1] else x[:, self.seen]
            row = row.clamp(-FAR, FAR) * self.open[self.owner]  # the gate reads nothing that is closed either
            scores = F.relu(row @ self.look + self.look_bias) @ self.point
        scores = self._among_all(scores)
        return scores.masked_fill(self.open == 0, -torch.inf).softmax(1)

    def values(self, x: Tensor) -> Tensor:
        """What each column says ``[N, columns, width]``, from its own slots alone."""
        wide = F.pad(x.clamp(-FAR, FAR), (0, 1))[:, self.slots].transpose(0, 1)
        hidden = F.relu(torch.baddbmm(self.bias1, wide, self.weight1))
        said = torch.bmm(hidden, self.weight2).transpose(0, 1)
        if self.offsets is not None:
            at = torch.tensor([self.taken.index(k) for k in self.numbers], device=x.device)
            said = said.index_add(1, at, self._offset(x, self.offsets))
        return self._among_all(standard(self.norm, said.flatten(1)).view_as(said))

    def _among_all(self, of_taken: Tensor) -> Tensor:
        """``[N, columns that are read, …]`` with a 0 for each of the others."""
        if len(self.taken) == len(self.columns):
            return of_taken
        every = of_taken.new_zeros(len(of_taken), len(self.columns), *of_taken.shape[2:])
        return every.index_copy(1, torch.tensor(self.taken, device=every.device), of_taken)

    def _offset(self, x: Tensor, offsets: Tensor) -> Tensor:
        """What numbers say beside their network ``[N, numbers, width]``; straight between knots."""
        slots = [self.columns[k][0] for k in self.numbers]
        left, way = placed(x[:, slots], self.knots)
        at = left + torch.arange(len(slots), device=x.device) * self.knots.shape[1]
        table, way = (STEP * self.crowded[..., None] * offsets).flatten(0, 1), way[..., None]
        found = (1 - way) * F.embedding(at, table) + way * F.embedding(at + 1, table)
        return found * self.there(x)[..., None]

    def there(self, x: Tensor) -> Tensor:
        """0 where a number with offsets is missing ``[N, numbers]``."""
        gone = [(j, self.columns[k][1]) for j, k in enumerate(self.numbers) if len(self.columns[k]) > 1]
        there = torch.ones(len(x), len(self.numbers), dtype=x.dtype, device=x.device)
        there[:, [j for j, _ in gone]] = 1 - x[:, [slot for _, slot in gone]]
        return there

    def weighed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Attention and values."""
        return self.attention(x), self.values(x)

    def unread(self, x: Tensor, attention: Tensor) -> Tensor:
        """The slots of columns of weight 0, and those that are never read."""
        gone = torch.ones(len(x), x.shape[1], dtype=torch.bool, device=x.device)
        gone[:, self.seen] = (attention == 0)[:, self.owner]
        return gone

    def advance(self, dataset: Dataset) -> bool:
        """Columns with hardly any attention are closed once, and the others trained on without them."""
        if self.closed_some:
            return False
        with torch.no_grad():
            mean = self.attention(dataset.part("train").inputs).mean(0)
            self.open = (mean >= LEAST / len(self.taken)).to(mean)
        return self.closed_some

    @property
    def closed_some(self) -> bool:
        """Whether training closed columns for good, beside those that are never read."""
        return int(self.open.sum()) < len(self.taken)


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
    numbers: Sequence[int] = (),
    knots: int = 2,
) -> AttentionGate:
    """An untrained attention network; see :class:`AttentionGate` for the arguments.

    Example:
        >>> network = attention([[0], [1, 2]], 2)
        >>> network.eval().attention(torch.zeros(1, 3)).tolist()
        [[0.5, 0.5]]
    """
    return AttentionGate(
        columns, outputs, gate=gate, swap=swap, hidden=hidden, penalty=penalty, seed=seed, answers=answers,
        numbers=numbers, knots=knots,
    )  # fmt: skip
