"""What training made smaller, for each row by itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._core import Dataset, Target, each_class
from pellucid.errors import InputError


@dataclass(frozen=True, slots=True)
class Loss:
    """Cross-entropy in nats, or squared error ÷ ``variance`` of the training answers.

    Args:
        classes: number of classes; 0 in regression.
        variance: of the training answers.
    """

    classes: int
    variance: float

    @property
    def unit(self) -> str:
        """Of the loss."""
        return "nats" if self.classes else "variances of the answer"

    def each(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Loss ``[n]`` of each row."""
        if self.classes:
            if self.classes == 2:
                outputs = each_class(outputs)
            if outputs.ndim != 2 or outputs.shape[1] != self.classes:
                raise InputError(
                    f"Expected outputs [N, {self.classes}], one for each class, got {list(outputs.shape)}."
                )
            return F.cross_entropy(outputs, answers, reduction="none")
        return (outputs.reshape(len(answers), -1)[:, 0] - answers.to(outputs)).square() / self.variance

    def target(self, answers: Tensor) -> Target:
        """The loss of each row as what is explained."""

        def score(output: Tensor, rows: Tensor) -> Tensor:
            return self.each(output, answers.to(output.device)[rows])

        return Target("loss", score)


def loss_of(data: Dataset, rows: Tensor) -> Loss:
    """The loss that a data set is learned by."""
    if data.classes:
        return Loss(len(data.classes), 1.0)
    variance = float(data.answers[rows].double().var(correction=0))
    return Loss(0, variance or 1.0)


def checked_answers(answers: Tensor, inputs: Tensor, data: Dataset) -> Tensor:
    """One answer for each explained row."""
    given = torch.as_tensor(answers).flatten()
    if len(given) != len(inputs):
        raise InputError(f"Expected an answer for each of {len(inputs)} rows, got {len(given)}.")
    if data.classes:
        given = given.to(torch.int64)
        if int(given.min()) < 0 or int(given.max()) >= len(data.classes):
            raise InputError(
                f"Answers are class numbers 0 to {len(data.classes) - 1}, got {int(given.min())} to "
                f"{int(given.max())}."
            )
    return given
