"""The neural additive model: one shape function per column, a few pairs, and nothing else."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.networks._architecture import Architecture
from pellucid.networks._last_fit import last_fit
from pellucid.networks._members import Members
from pellucid.networks._pairs import MOST_LEVELS, TABLE_STEP, Cells, screened, states_of, without_main_effects
from pellucid.networks._readable import Readable
from pellucid.networks._shape_nets import ShapeNets, placed

UNREAD = (-1, ())  # the part of a column that is not read


@dataclass(frozen=True, slots=True)
class Plan:
    """What an additive model is made of; its architecture in types.

    Args:
        inputs: width of an encoded row.
        outputs: classes, or 1 for regression.
        parts: for each column the slot of its number (-1 for a category) and the slots with a value of their
            own: the levels of a category, or "is missing"; neither for a column that is not read.
        monotone: for each column 1 or -1 where more can only raise or lower the answer.
        knots: most knots of a number.
        cells: most knots of a number in a pair.
        penalties: strengths that compete in training; the one that was chosen after.
        members: copies that each learn from 85 % of the rows, for each penalty.
        most_pairs: pairs that may be added.
        hidden: widths of the small networks behind shape functions.
        seed: decides their first weights and who learns from which row.
        answers: mean and sd of the answers in regression.
        pairs: columns that are joined.
        settled: whether the tables are the model already.
        edits: changes by hand, each ``[column, low, high, value, who, why]``.
        crowded: share of the training rows from which a knot has an offset of its own; 0 for none.
        bend: pull to straight lines in a last fit of the tables (:mod:`pellucid.networks._last_fit`); 0 for
            no last fit.
    """

    inputs: int
    outputs: int
    parts: tuple[tuple[int, tuple[int, ...]], ...]
    monotone: tuple[int, ...]
    knots: int = 32
    cells: int = 8
    penalties: tuple[float, ...] = (0.1, 0.03, 0.01)
    members: int = 8
    most_pairs: int = 10
    hidden: tuple[int, int] = (32, 16)
    seed: int = 0
    answers: tuple[float, float] | None = None
    pairs: tuple[tuple[int, int], ...] = ()
    settled: bool = False
    edits: tuple[tuple[str | float, ...], ...] = ()
    crowded: float = 0.0
    bend: float = 0.0

    @property
    def numbers(self) -> list[int]:
        """Columns that hold numbers."""
        return [k for k, (slot, _) in enumerate(self.parts) if slot >= 0]

    @property
    def width(self) -> int:
        """Numbers that a function gives: 1 for two classes and in regression, else one per class."""
        return 1 if self.outputs <= 2 else self.outputs

    def architecture(self) -> Architecture:
        """As data."""
        return Architecture("additive", {f.name: getattr(self, f.name) for f in dataclasses.fields(self)})


class Additive(Readable):
    """``answer = constant + Σ f_j(column j) + Σ f_jk(columns j and k)``; logits for classes.

    While it trains, the shape functions of numbers are what small networks say at the knots, for several
    members that each learn from other rows. When training is over, the mean of the members becomes a table,
    which *is* the model from then on: between knots it runs straight, beyond the outermost ones it is flat.
    Levels of categories, "is missing" and cells of pairs are rows of tables from the start.

    With two classes, contributions are log-odds of the second one; the logits are half of their sum with
    either sign. A missing number contributes its own row in the place of its shape function; a state that no
    training row was in contributes 0, the column's mean.

    Attributes:
        plan: what it is made of.
        knots: of numbers, in encoded units ``[numbers, M]``; infinite where a column has fewer.
        density: share of the training rows at each knot ``[numbers, M]``.
        shape: values at the knots ``[numbers, M, width]`` once training is over.
        flat: values of levels and missing states ``[flat slots, width]``; in training their part of ``gain``.
        constant: ``[width]``.
        member_shape, member_flat: the same for each member ``[…, members, width]``.
    """

    knots: Tensor
    coarse: Tensor
    density: Tensor
    flat_density: Tensor
    member_shape: Tensor
    member_flat: Tensor
    shape: nn.Parameter | None

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan, self.architecture = plan, plan.architecture()
        self._slots = [plan.parts[k][0] for k in plan.numbers]
        self._gone = [next(iter(plan.parts[k][1]), -1) for k in plan.numbers]
        self._flat = [slot for _, slots in plan.parts for slot in slots]
        numbers, flat, width = len(self._slots), len(self._flat), plan.width
        for name, shape in (("knots", (numbers, plan.knots)), ("coarse", (numbers, plan.cells))):
            self.register_buffer(name, torch.full(shape, math.inf))
        self.register_buffer("density", torch.zeros(numbers, plan.knots))
        self.register_buffer("flat_density", torch.zeros(flat))
        self.crowd = None if plan.settled else Members(plan)
        self.nets = None if plan.settled or not numbers else ShapeNets(plan, self.crowd_size)
        crowd = self.crowd_size
        self.shape = nn.Parameter(torch.zeros(numbers, plan.knots, width)) if plan.settled else None
        self.flat = nn.Parameter(torch.zeros(flat, crowd * width))
        self.constant = nn.Parameter(torch.zeros(crowd * width))
        self.gain = 1.0 if plan.settled else TABLE_STEP
        self.cells = Cells(plan.parts, plan.pairs, plan.cells, crowd * width, self.gain)
        kept = plan.members if plan.settled else 0
        self.register_buffer("member_shape", torch.zeros(numbers, plan.knots, kept, width))
        self.register_buffer("member_flat", torch.zeros(flat, kept, width))
        self._said: tuple[Tensor, Tensor] | None = None
        self._looked: tuple[list[tuple[int, int]], Tensor] | None = None

    @property
    def crowd_size(self) -> int:
        """Members in training; 1 when the tables are the model."""
        return 1 if self.crowd is None else self.crowd.count

    def shapes(self) -> Tensor:
        """Values at the knots ``[numbers, M, R]``: R is members · width in training, width after."""
        if self.nets is not None:
            return self.nets(self.knots, self.density)
        return (
            self.constant.new_zeros(0, self.plan.knots, len(self.constant))
            if self.shape is None
            else self.shape
        )

    def levels(self) -> Tensor:
        """Values of levels and missing states ``[flat slots, R]``."""
        return self.flat * self.gain

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, classes]``, or answers ``[N, 1]`` in regression."""
        if self.crowd is None:
            return self.answer(self.every(x)[:, 0])
        if not self.training:
            return self.answer(self._of_mean(x))
        shapes = self.shapes()
        every = self._every(x, shapes, self.cells.summed(x, self.coarse))
        self._said = every, shapes
        return self.answer(every.mean(1))

    def every(self, x: Tensor) -> Tensor:
        """The sum of each member ``[N, members, width]``; one member when the tables are the model."""
        return self._every(x, self.shapes(), self.cells(x, self.coarse).sum(1))

    def _every(self, x: Tensor, shapes: Tensor, joint: Tensor) -> Tensor:
        total = self.constant + self._of_numbers(x, shapes).sum(1) + x[:, self._flat] @ self.levels()
        return (total + joint).view(len(x), self.crowd_size, self.plan.width)

    def _of_mean(self, x: Tensor) -> Tensor:
        """The mean of the members' sums ``[N, width]`` in training: a sum over the mean of their tables."""
        shapes = self._mean(self._at_rest())
        total = self._mean(self.constant) + self._of_numbers(x, shapes).sum(1)
        joint = self.cells(x, self.coarse, self._mean(self.cells.values())).sum(1)
        return total + x[:, self._flat] @ self._mean(self.levels()) + joint

    def _mean(self, table: Tensor) -> Tensor:
        return table.unflatten(-1, (-1, self.plan.width)).mean(-2)

    def _at_rest(self) -> Tensor:
        """The shapes; drawn once for many batches where weights stay as they are and no gradient is asked."""
        if self.nets is None or torch.is_grad_enabled():
            return self.shapes()
        now = [(p.data_ptr(), p._version) for p in self.nets.parameters()]
        if self._looked is None or self._looked[0] != now:
            self._looked = now, self.shapes()
        return self._looked[1]

    def answer(self, total: Tensor) -> Tensor:
        """What a sum ``[…, width]`` means: logits, or an answer in its unit."""
        if self.plan.answers is not None:
            return self.plan.answers[0] + self.plan.answers[1] * total
        return torch.cat([-total / 2, total / 2], -1) if self.plan.width == 1 else total

    def contributions(self, x: Tensor) -> Tensor:
        """What each column, then each pair, adds ``[N, columns + pairs, width]``.

        Their sum with the constant is the answer: log-odds of the second of two classes, logits of more,
        standard deviations in regression.
        """
        shape = self._tables()
        out = x.new_zeros(len(x), len(self.plan.parts), self.plan.width)
        out[:, self.plan.numbers] = self._of_numbers(x, shape)
        owners = torch.tensor(self.owners, dtype=torch.long, device=x.device)
        out = out.index_add(1, owners, x[:, self._flat][..., None] * self.flat)
        return torch.cat([out, self.cells(x, self.coarse)], 1) if self.plan.pairs else out

    @property
    def owners(self) -> list[int]:
        """The column of each flat slot."""
        return [k for k, (_, slots) in enumerate(self.plan.parts) for _ in slots]

    def _tables(self) -> nn.Parameter:
        if self.shape is None:
            raise InputError("The shape functions are ready when training is over: train the network.")
        return self.shape

    def _of_numbers(self, x: Tensor, table: Tensor) -> Tensor:
        """Contributions of numbers ``[N, numbers, R]``; nothing where the number is missing."""
        if not self._slots:
            return x.new_zeros(len(x), 0, table.shape[-1])
        left, way = placed(x[:, self._slots], self.knots)
        rows = left + torch.arange(len(self._slots), device=x.device) * self.knots.shape[1]
        values, way = table.flatten(0, 1), way[..., None]
        found = (1 - way) * F.embedding(rows, values) + way * F.embedding(rows + 1, values)
        return found * self.there(x)[..., None]

    def there(self, x: Tensor) -> Tensor:
        """0 where a number is missing ``[N, numbers]``."""
        there = torch.ones_like(x[:, self._slots])
        with_slot = [k for k, slot in enumerate(self._gone) if slot >= 0]
        there[:, with_slot] = 1 - x[:, [self._gone[k] for k in with_slot]]
        return there

    def training_loss(self, plain: Tensor, inputs: Tensor, outputs: Tensor, answers: Tensor) -> Tensor:
        """The loss of each member on its own rows, and the penalty on the size of its functions."""
        told, self._said = self._said, None
        if told is None or self.crowd is None:
            return plain
        said, shapes = told
        return self.crowd.loss(self.losses(said, answers), inputs, self._sizes(shapes))

    def losses(self, said: Tensor, answers: Tensor) -> Tensor:
        """Of each member ``[N, members]``: cross-entropy in nats, or squared error in variances."""
        if self.plan.answers is not None:
            mean, sd = self.plan.answers
            return (said[..., 0] - (answers.reshape(-1, 1) - mean) / sd).square()
        if self.plan.width == 1:  # the same as below for two classes, in one step
            wanted = answers.to(said)[:, None].expand(said.shape[:2])
            return F.binary_cross_entropy_with_logits(said[..., 0], wanted, reduction="none")
        logits = self.answer(said)
        wanted = answers[:, None].expand(logits.shape[:2])
        return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none").view(wanted.shape)

    def _sizes(self, shapes: Tensor) -> Tensor:
        """Mean square of all functions over the training rows ``[members]``."""
        squares = (self.density[..., None] * shapes.square()).sum((0, 1))
        squares = squares + (self.flat_density[:, None] * self.levels().square()).sum(0)
        if self.plan.pairs:
            squares = squares + self.cells.size()
        return squares.view(self.crowd_size, self.plan.width).sum(1)

    def advance(self, dataset: Dataset) -> bool:
        """After the first training the penalty is chosen by rows left out, and pairs are screened;
        where some pay, another training follows. In the end the tables become the model."""
        if self.crowd is None:
            return False
        train = dataset.part("train")
        with torch.no_grad():
            self._choose(train)
            found = self._screened(train) if self.plan.most_pairs and not self.plan.pairs else []
            if found:
                self._become(dataclasses.replace(self.plan, pairs=tuple(found)))
                width = self.crowd_size * self.plan.width
                self.cells = Cells(self.plan.parts, found, self.plan.cells, width, TABLE_STEP)
                self.cells.measure(train.inputs, self.coarse)
                return True
            self._settle()
            if self.plan.bend and last_fit(self, train.inputs, train.answers):
                self._centre(self._tables(), self.flat, self.constant)
                alike = self.member_shape.flatten(-2), self.member_flat.flatten(-2)
                self._centre(*alike, self.constant.new_zeros(alike[0].shape[-1]))
        return False

    def _become(self, plan: Plan) -> None:
        self.plan, self.architecture = plan, plan.architecture()

    def _choose(self, train: Dataset) -> None:
        crowd = cast("Members", self.crowd)
        chosen, penalty = crowd.best(self.losses(self.every(train.inputs), train.answers), train.inputs)
        if len(self.plan.penalties) > 1:
            if self.nets is not None:
                self.nets.keep(chosen)
            self.flat, self.constant = self._only(self.flat, chosen), self._only(self.constant, chosen)
            self.cells.table = self._only(self.cells.table, chosen)
            crowd.keep(chosen, penalty)
            self._become(dataclasses.replace(self.plan, penalties=(penalty,)))

    def _only(self, table: Tensor, chosen: list[int]) -> nn.Parameter:
        by_member = table.detach().unflatten(-1, (-1, self.plan.width))
        return nn.Parameter(by_member[..., chosen, :].flatten(-2).clone())

    def _screened(self, train: Dataset) -> list[tuple[int, int]]:
        """Pairs that explain what single columns leave, among the columns with the largest effects."""
        if self.plan.width > 1:
            return []
        total = self.every(train.inputs).mean(1)[:, 0]
        if self.plan.answers is None:
            expected = total.sigmoid()
            rest, information = train.answers - expected, expected * (1 - expected)
        else:
            rest = (train.answers - self.plan.answers[0]) / self.plan.answers[1] - total
            information = torch.ones_like(rest)
            rest = rest / rest.std().clamp_min(1e-12)
        sizes = self._column_sizes()
        fit = [
            k
            for k, (slot, slots) in enumerate(self.plan.parts)
            if not self.plan.monotone[k] and (slot >= 0 or len(slots) <= MOST_LEVELS) and sizes[k] > 0
        ]
        fit.sort(key=lambda k: -sizes[k])
        return screened(
            train.inputs, rest, information, self.plan.parts, self.coarse, fit, self.plan.most_pairs
        )

    def _column_sizes(self) -> list[float]:
        width = self.plan.width
        shape = self.shapes().unflatten(-1, (-1, width)).mean(-2)
        flat = self.levels().unflatten(-1, (-1, width)).mean(-2)
        sizes = torch.zeros(len(self.plan.parts))
        sizes[self.plan.numbers] += (self.density[..., None] * shape.square()).sum((1, 2))
        sizes.index_add_(
            0, torch.tensor(self.owners, dtype=torch.long), self.flat_density * flat.square().sum(1)
        )
        return sizes.tolist()

    def _settle(self) -> None:
        """The mean of the members becomes the tables; functions are centred, pairs hold no main effect,
        for the mean and for each member."""
        width = self.plan.width
        shape, flat, constant = (
            self.shapes().detach().clone(),
            self.levels().detach().clone(),
            self.constant.detach(),
        )
        constant = constant.clone()
        grids = self.cells.values().detach().clone()
        for q, pair in enumerate(self.plan.pairs):
            grids[q], *mains = without_main_effects(grids[q], self.cells.density[q])
            for column, main in zip(pair, mains, strict=True):
                self._move(column, main, shape, flat)
        self._centre(shape, flat, constant)
        self.member_shape = shape.unflatten(-1, (-1, width))
        self.member_flat = flat.unflatten(-1, (-1, width))
        self.shape = nn.Parameter(self.member_shape.mean(-2))
        self.flat = nn.Parameter(self.member_flat.mean(-2))
        self.constant = nn.Parameter(constant.view(-1, width).mean(0))
        self.cells.settle(grids.unflatten(-1, (-1, width)).mean(-2))
        self.gain = 1.0
        self._become(dataclasses.replace(self.plan, settled=True, members=self.crowd_size))
        self.nets = self.crowd = self._looked = None

    def _move(self, column: int, main: Tensor, shape: Tensor, flat: Tensor) -> None:
        """Add a column's main effect ``[states, R]`` to its own table."""
        slot, slots = self.plan.parts[column]
        place = self.owners.index(column) if slots else 0
        if slot < 0:
            flat[place : place + len(slots)] += main[: len(slots)]
            return
        k = self.plan.numbers.index(column)
        rows = torch.zeros(self.plan.knots, self.plan.inputs)
        rows[:, slot] = self.knots[k].nan_to_num(posinf=float(self.knots[k][self.knots[k].isfinite()].max()))
        shape[k] += states_of(rows, self.plan.parts, column, self.coarse, len(main)) @ main
        if slots:
            flat[place] += main[-1]

    def _centre(self, shape: Tensor, flat: Tensor, constant: Tensor) -> None:
        """Mean 0 of every column over the training rows; states that no row was in contribute 0."""
        for k, (slot, slots) in enumerate(self.plan.parts):
            places = [i for i, owner in enumerate(self.owners) if owner == k]
            shares = self.flat_density[places, None]
            mean = (shares * flat[places]).sum(0)
            if slot >= 0:
                j = self.plan.numbers.index(k)
                there = 1 - shares.sum() if slots else 1.0
                mean = mean + there * (self.density[j, :, None] * shape[j]).sum(0)
                shape[j] -= mean
            flat[places] = torch.where(shares > 0, flat[places] - mean, torch.zeros_like(flat[places]))
            constant += mean
