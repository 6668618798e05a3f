"""A concept bottleneck: the answer is read from yes-or-no concepts, and from nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid._core import Dataset, Json
from pellucid.errors import InputError, near_misses
from pellucid.inputs import TabularSpec
from pellucid.networks._architecture import Architecture
from pellucid.networks._concept_words import Concept, holds, read_concepts, usual_concepts
from pellucid.networks._plain import Plain, cnn, mlp
from pellucid.networks._readable import Readable, Recipe, refuse_numbers, refuse_others

Training = Literal["sequential", "joint"]
Said = Sequence[str] | Mapping[str, str]
TRAININGS: tuple[Training, ...] = ("sequential", "joint")
SURE = 20.0  # logit of a concept that is computed
SPARSITY, RIDGE, STEPS = 0.001, 1e-4, 1000  # of the head's fit
STEP_COUNT = 600  # of training at least, however few the rows
CHUNK = 512  # rows at a time where all are looked at


class ConceptBottleneck(Readable):
    """``answer = bias + Σ_k weight_k · concept_k(x)``; concepts are 0 or 1 where they are hard.

    An encoder tells the learned concepts; concepts that are code over columns are computed. The head sees
    nothing else. Trained in sequence, the encoder learns the concepts alone, and the head is fitted to what
    it says. Trained jointly, both learn together and concepts count ``weight`` times as much as the answer:
    then the encoder may bend concepts to carry the answer, which :func:`pellucid.readable.concept_evidence`
    measures as leakage.

    Args:
        shape: of one input.
        outputs: classes.
        concepts: names.
        tests: for each concept the slots that must hold, as ``[slot, sign, value]``; empty where it is not
            read from a row.
        learned: for each concept 1 where the encoder tells it, 0 where it is computed.
        members: for each concept the classes that have it; empty where it is not known by class.
        seen: for tables the slots that the encoder reads: those of no column of labels.
        training: ``"sequential"`` or ``"joint"``.
        hard: whether the head sees 0 and 1, or shares in between.
        weight: of the concepts in joint training.
        hidden: widths of the encoder's hidden layers, for pictures of its convolutions.
        seed: decides the weights.

    Raises:
        InputError: where no training is called so.

    Attributes:
        names: of the concepts.
    """

    recipe = Recipe(epochs=40, batch_size=64, learning_rate=3e-3, weight_decay=1e-3, patience=None)
    is_learned: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        *,
        concepts: Sequence[str],
        tests: Sequence[Sequence[Sequence[object]]],
        learned: Sequence[int],
        members: Sequence[Sequence[int]],
        seen: Sequence[int] | None = None,
        training: Training = "sequential",
        hard: bool = True,
        weight: float = 3.0,
        hidden: Sequence[int] = (64, 64),
        seed: int = 0,
    ) -> None:
        super().__init__()
        if training not in TRAININGS:
            raise InputError(f"No training is called {training!r}. {near_misses(training, TRAININGS)}")
        params: dict[str, Json] = {
            "shape": [*shape],
            "outputs": outputs,
            "concepts": [*concepts],
            "tests": [[[*test] for test in each] for each in tests],  # pyright: ignore[reportAssignmentType]
            "learned": [int(each) for each in learned],
            "members": [[*each] for each in members],
            "seen": None if seen is None else [*seen],
            "training": training,
            "hard": hard,
            "weight": weight,
            "hidden": [*hidden],
            "seed": seed,
        }
        self.architecture = Architecture("concepts", params)
        self.names, self.outputs = tuple(concepts), outputs
        self.order: Training = training
        self.hard, self.weight = hard, weight
        self.tests = [[(int(a), str(b), float(c)) for a, b, c in each] for each in tests]  # pyright: ignore[reportArgumentType]
        self.members = [tuple(each) for each in members]
        self.taught: Tensor | None = None
        self._rows: Tensor | None = None
        self._said: Tensor | None = None
        self.register_buffer("is_learned", torch.tensor([bool(each) for each in learned]), persistent=False)
        self.seen = None if seen is None else [int(slot) for slot in seen]
        count = sum(bool(each) for each in learned)
        self.encoder = _encoder(shape, self.seen, count, hidden, seed) if count else None
        self.head = nn.Linear(len(concepts), outputs)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def scores(self, x: Tensor) -> Tensor:
        """Log-odds of each concept ``[N, concepts]``; ±20 where it is computed."""
        told = None
        if self.encoder is not None:
            told = self.encoder(x if self.seen is None else x[:, self.seen].clamp(-4, 4))
        columns: list[Tensor] = []
        for k, tests in enumerate(self.tests):
            if told is not None and bool(self.is_learned[k]):
                columns.append(told[:, int(self.is_learned[:k].sum())])
            else:
                columns.append((2 * holds(tests, x) - 1) * SURE)
        return torch.stack(columns, 1)

    @torch.no_grad()
    def scores_of(self, x: Tensor) -> Tensor:
        """:meth:`scores` of many rows, some at a time; nothing is kept to learn from."""
        return torch.cat([self.scores(part) for part in x.split(CHUNK)])

    def concepts(self, x: Tensor) -> Tensor:
        """What the head sees ``[N, concepts]``: 0 or 1, or with soft concepts shares in between."""
        return self.through(self.scores(x))

    def answer(self, concepts: Tensor) -> Tensor:
        """Logits ``[N, classes]`` of concepts ``[N, concepts]``: what intervening on them gives."""
        return self.head(concepts)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, classes]``."""
        scores = self.scores(x)
        self._said = scores if self.training else None
        seen = self.through(scores)
        return self.head(seen.detach() if self.training and self.order == "sequential" else seen)

    def through(self, scores: Tensor) -> Tensor:
        """What the head sees of log-odds ``[N, concepts]``."""
        soft = scores.sigmoid()
        if not self.hard:
            return soft
        hard = (scores > 0).to(scores)
        # forward 0 or 1, backward the slope of the share
        return hard + soft - soft.detach() if self.training else hard

    def truth(self, x: Tensor, answers: Tensor | None = None, taught: Tensor | None = None) -> Tensor:
        """True concepts ``[N, concepts]`` of rows, as far as row, answer or labels beside them tell; NaN
        elsewhere."""
        columns: list[Tensor] = []
        for k, (tests, classes) in enumerate(zip(self.tests, self.members, strict=True)):
            if taught is not None and not tests and not classes:
                columns.append(taught[:, k].to(x))
            elif tests:
                columns.append(holds(tests, x))
            elif classes and answers is not None:
                columns.append(torch.isin(answers, torch.tensor(classes, device=answers.device)).to(x))
            else:
                columns.append(torch.full((len(x),), torch.nan, dtype=x.dtype, device=x.device))
        return torch.stack(columns, 1)

    def at_rows(self, rows: Tensor) -> None:
        """Which training rows the next step is about; :func:`pellucid.training.train` says so."""
        self._rows = rows

    def training_loss(self, plain: Tensor, inputs: Tensor, outputs: Tensor, answers: Tensor) -> Tensor:
        """The plain loss of the head, and how far the learned concepts are from the true ones."""
        said, self._said = self._said, None
        if said is None or self.encoder is None:
            return plain
        taught = None if self.taught is None or self._rows is None else self.taught[self._rows.cpu()]
        true = self.truth(inputs, answers, None if taught is None else taught.to(inputs))[:, self.is_learned]
        known = ~true.isnan()
        if not bool(known.any()):
            return plain
        wrong = F.binary_cross_entropy_with_logits(said[:, self.is_learned][known], true[known])
        return plain + (wrong if self.order == "sequential" else self.weight * wrong)

    def advance(self, dataset: Dataset) -> bool:
        """In sequence the head is fitted to the end on what the trained encoder says; labels are let go."""
        if self.order == "sequential":
            train = dataset.part("train")
            self.eval()
            with torch.no_grad():
                told = self.through(self.scores_of(train.inputs))
                weight, bias = fit_head(told, train.answers, self.outputs)
                self.head.weight.copy_(weight)
                self.head.bias.copy_(bias)
        self.taught = self._rows = None
        return False


def fit_head(concepts: Tensor, answers: Tensor, outputs: int) -> tuple[Tensor, Tensor]:
    """Weights ``[classes, concepts]`` and biases of a sparse logistic regression, to its end.

    ``mean cross-entropy + SPARSITY · Σ|w| + RIDGE · Σw²``, by accelerated proximal steps: weights that tell
    nothing are exactly 0.
    """
    x, y = concepts.double(), F.one_hot(answers, outputs).double()
    wide = F.pad(x, (0, 1), value=1.0)
    moment = wide.T @ wide / len(wide)
    rate = 1 / (0.5 * float(torch.linalg.eigvalsh(moment)[-1]) + 2 * RIDGE)
    weight = torch.zeros(outputs, wide.shape[1], dtype=torch.double, device=x.device)
    ahead, momentum = weight, 1.0
    for _ in range(STEPS):
        slope = ((wide @ ahead.T).softmax(1) - y).T @ wide / len(wide)
        slope[:, :-1] += 2 * RIDGE * ahead[:, :-1]
        new = ahead - rate * slope
        new[:, :-1] = new[:, :-1].sign() * (new[:, :-1].abs() - rate * SPARSITY).clamp_min(0)
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = new + (momentum - 1) / following * (new - weight)
        done = float((new - weight).abs().max()) < 1e-7
        weight, momentum = new, following
        if done:
            break
    weight[:, :-1][weight[:, :-1].abs() < 1e-4] = 0  # on their way to 0
    return weight[:, :-1].float(), weight[:, -1].float()


def concept_bottleneck(
    shape: Sequence[int],
    outputs: int,
    *,
    concepts: Sequence[str],
    tests: Sequence[Sequence[Sequence[object]]],
    learned: Sequence[int],
    members: Sequence[Sequence[int]],
    seen: Sequence[int] | None = None,
    training: Training = "sequential",
    hard: bool = True,
    weight: float = 3.0,
    hidden: Sequence[int] = (64, 64),
    seed: int = 0,
) -> ConceptBottleneck:
    """An untrained concept bottleneck; see :class:`ConceptBottleneck` for the arguments.

    Example:
        >>> network = concept_bottleneck(
        ...     [2], 2, concepts=["tall"], tests=[[[0, ">", 1.0]]], learned=[0], members=[[]]
        ... )
        >>> network.concepts(torch.tensor([[2.0, 0.0], [0.5, 0.0]])).tolist()
        [[1.0], [0.0]]
    """
    return ConceptBottleneck(
        shape, outputs, concepts=concepts, tests=tests, learned=learned, members=members, seen=seen,
        training=training,
        hard=hard, weight=weight, hidden=hidden, seed=seed,
    )  # fmt: skip


def concepts_for(
    dataset: Dataset,
    *,
    seed: int = 0,
    concepts: Sequence[Concept] | Said | None = None,
    training: Training = "sequential",
    hard: bool = True,
    weight: float = 3.0,
    epochs: int | None = None,
) -> ConceptBottleneck:
    """An untrained concept bottleneck for classes of rows or pictures.

    Args:
        dataset: what it is for.
        seed: decides the weights.
        concepts: as people write them (:func:`read_concepts`), or read; for a table without any: numbers
            above their quartiles, and levels.
        training, hard, weight: see :class:`ConceptBottleneck`.
        epochs: most passes over the training rows.

    Raises:
        InputError: if the answers are numbers, or a concept cannot be read.
    """
    refuse_numbers(dataset, "a concept bottleneck tells")
    shape = [*dataset.inputs.shape[1:]]
    refuse_others(dataset, "a concept bottleneck reads")
    found = _read(concepts, dataset)
    hidden = (64, 64) if len(shape) == 1 else _widths(min(shape[1:]))
    made = concept_bottleneck(
        shape,
        dataset.outputs,
        concepts=[each.name for each in found],
        tests=[each.tests for each in found],
        learned=[each.learned for each in found],
        members=[each.classes for each in found],
        seen=_seen(found, dataset.spec) if isinstance(dataset.spec, TabularSpec) else None,
        training=training,
        hard=hard,
        weight=weight,
        hidden=hidden,
        seed=seed,
    )
    rows = int((dataset.parts == 0).sum())
    passes = 1 if made.encoder is None and training == "sequential" else max(
        12, min(60, -(-STEP_COUNT * 64 // max(rows, 1)))
    )  # fmt: skip
    made.recipe = dataclasses.replace(made.recipe, epochs=epochs or passes)
    return made


def _read(concepts: Sequence[Concept] | Said | None, dataset: Dataset) -> list[Concept]:
    if concepts is None:
        return usual_concepts(dataset)
    if not isinstance(concepts, Mapping):
        read = [each for each in concepts if isinstance(each, Concept)]
        if read:
            return read
    return read_concepts(cast("Said", concepts), dataset)


def _seen(found: Sequence[Concept], spec: TabularSpec) -> list[int]:
    owner = spec.column_of_slot
    labels = {owner[test[0]] for each in found if each.learned for test in each.tests}
    return [slot for slot, k in enumerate(owner) if k not in labels]


def _encoder(
    shape: Sequence[int], seen: Sequence[int] | None, outputs: int, hidden: Sequence[int], seed: int
) -> Plain:
    if seen is None:
        return cnn(shape[0], (shape[1], shape[2]), outputs, widths=hidden, seed=seed, dropout=0.25)
    if not seen:
        raise InputError("Every column is a concept label, so nothing is left to tell the concepts from.")
    return mlp(len(seen), outputs, hidden=hidden, seed=seed, dropout=0.1)


def _widths(side: int) -> tuple[int, ...]:
    return (16, 32) if side < 16 else (32, 64, 128)
