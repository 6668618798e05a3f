"""What a training makes small, and the score that people read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid._core import Dataset, Part, Task, finite
from pellucid.errors import InputError
from pellucid.training._values import Metric


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of one part as the network takes them."""

    inputs: Tensor
    answers: Tensor
    device: torch.device

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and answers of some rows, where the network lies."""
        return self.inputs[index].to(self.device), self.answers[index].to(self.device)

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All rows in their order."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield self.inputs[part].to(self.device), self.answers[part].to(self.device)


@dataclass(frozen=True, slots=True)
class Objective:
    """Cross-entropy and accuracy, or squared error ÷ ``variance`` of the training answers and R²."""

    task: Task
    variance: float

    @property
    def metric(self) -> Metric:
        """What :meth:`score` gives."""
        return "accuracy" if self.task == "classification" else "R²"

    def loss(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Mean over rows."""
        if self.task == "classification":
            return F.cross_entropy(outputs, answers)
        return F.mse_loss(outputs.reshape(-1), answers) / self.variance

    def tally(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """What adds up over batches: right answers, or squared errors."""
        if self.task == "classification":
            return (outputs.argmax(1) == answers).sum()
        return (outputs.reshape(-1) - answers).double().square().sum()

    def score(self, tally: float, answers: Tensor) -> float:
        """Accuracy, or R² against the mean of these answers."""
        if self.task == "classification":
            return tally / len(answers)
        spread = float((answers.double() - answers.double().mean()).square().sum())
        return 1 - tally / spread if spread else float("nan")

    def baseline(self, train: Tensor, validation: Tensor) -> float:
        """Validation score of always giving the commonest training class, or the mean training answer."""
        if self.task == "classification":
            return float((validation == train.mode().values).double().mean())
        return self.score(float((validation.double() - train.double().mean()).square().sum()), validation)


def part_rows(dataset: Dataset, part: Part, network: nn.Module) -> Rows:
    """The rows of a part; :class:`InputError` where there are none or they are not numbers."""
    like = next(network.parameters())
    rows = dataset.part(part)
    if not len(rows):
        raise InputError(
            f"{dataset.name} has no {part} rows among its {len(dataset)}, and training needs train and "
            "validation rows. Give more rows, or mark some in its parts (0 train, 1 validation, 2 test)."
        )
    finite(rows.inputs, f"{dataset.name}, {part} inputs")
    if rows.inputs.is_floating_point() and rows.inputs.dtype != like.dtype:
        raise InputError(
            f"{dataset.name} holds {rows.inputs.dtype} and the network computes in {like.dtype}. "
            f"Bring the network to the data's type first, such as network.float()."
        )
    answers = rows.answers
    if dataset.task == "regression":
        answers = answers.to(like.dtype)
        finite(answers[:, None], f"{dataset.name}, {part} answers")
    return Rows(rows.inputs, answers, like.device)


def objective_for(dataset: Dataset, train: Rows) -> Objective:
    """The objective of a data set; :class:`InputError` where its answers leave nothing to learn."""
    if bool((train.answers == train.answers[0]).all()):
        raise InputError(
            f"{dataset.name}: all training rows have the same answer, there is nothing to learn."
        )
    if dataset.task == "classification":
        return Objective("classification", 1.0)
    return Objective("regression", float(train.answers.double().var(correction=0)))


def _steps(inputs: Tensor) -> str:
    """What may have been meant by inputs that were taken as pictures of one channel."""
    if inputs.ndim != 4 or inputs.shape[1] != 1:
        return ""
    return (
        " Steps [N, T, D] are no pictures: they go in as rows, x.flatten(1), to a network that calls "
        f"x.unflatten(1, ({inputs.shape[2]}, {inputs.shape[3]})) first."
    )


def check_outputs(network: Callable[[Tensor], Tensor], rows: Rows, wanted: int, task: Task) -> None:
    """:class:`InputError` unless the network takes the inputs and gives as many outputs as are needed."""
    # two rows, because normalisation layers may refuse one
    inputs, _ = next(rows.batches(2))
    with torch.no_grad():
        try:
            outputs = network(inputs)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"The network cannot take inputs of shape {tuple(inputs.shape)}: {first.rstrip('.')}."
                f"{_steps(inputs)}"
            ) from error
    got = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
    fine = {(len(inputs), wanted)} | ({(len(inputs),)} if task == "regression" else set())
    if got not in fine:
        raise InputError(
            f"{task.capitalize()} with {wanted} output{'s' if wanted > 1 else ''} needs a network that gives "
            f"[N, {wanted}], got {got} for {len(inputs)} rows."
        )
