"""How well a network answers on rows it has not learned from, beside a trivial baseline."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Compute, Dataset, Json, Subject, brief, percent, predict, wilson
from pellucid.tasks._rows import held_out


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """Accuracy, or R², on held-out rows.

    Args:
        metric: ``"accuracy"`` or ``"R²"``.
        value, low, high: the score with its 95 % interval (Wilson; bootstrap over rows for R²).
        baseline: the same score for always giving the commonest training class, or the training mean.
        baseline_name: what the baseline always answers.
        n: held-out rows.
        confusion: ``[K, K]`` counts, true class by answer; ``None`` in regression.
        error: root of the mean squared error in the answer's unit; ``None`` in classification.
    """

    metric: str
    value: float
    low: float
    high: float
    baseline: float
    baseline_name: str
    n: int
    confusion: Tensor | None = None
    error: float | None = None

    __repr__ = brief

    def to_json(self) -> dict[str, Json]:
        """The figures by name."""
        return {
            "metric": self.metric,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "baseline": self.baseline,
            "baseline_name": self.baseline_name,
            "n": self.n,
        }

    def __str__(self) -> str:
        if self.metric == "accuracy":
            return (
                f"accuracy {percent(self.value)} [{percent(self.low)}, {percent(self.high)}] on "
                f"{self.n:,} held-out rows; {self.baseline_name}: {percent(self.baseline)}"
            )
        return (
            f"R² {self.value:.2f} [{self.low:.2f}, {self.high:.2f}] on {self.n:,} held-out rows; "
            f"{self.baseline_name}: {self.baseline:.2f}"
        )


def performance(subject: Subject, *, compute: Compute | None = None) -> Performance:
    """The network's score on held-out rows, with interval and trivial baseline.

    Cost:
        One forward pass over the held-out rows.
    """
    data = subject.needs_data("performance")
    held = held_out(data)
    outputs = predict(subject.model, held.inputs, spec=subject.spec, compute=compute)
    if subject.task == "classification":
        return _accuracy(subject, data, held, outputs)
    return _r_squared(data, held, outputs)


def answers_of(outputs: Tensor) -> Tensor:
    """Class numbers that outputs stand for: the largest; the sign where there is one output."""
    single = outputs.ndim == 1 or outputs.shape[1] == 1
    return (outputs.flatten() > 0).long() if single else outputs.argmax(1)


def _accuracy(subject: Subject, data: Dataset, held: Dataset, outputs: Tensor) -> Performance:
    given, true = answers_of(outputs).cpu(), held.answers
    hits, n, count = int((given == true).sum()), len(held), len(subject.classes)
    learned = data.answers[data.parts == 0] if bool((data.parts == 0).any()) else data.answers
    commonest = int(learned.bincount().argmax())
    confusion = torch.zeros(count, count, dtype=torch.int64)
    confusion.index_put_((true, given), torch.ones_like(true), accumulate=True)
    baseline = float((true == commonest).float().mean())
    name = f"always {subject.classes[commonest]!r}"
    return Performance("accuracy", hits / n, *wilson(hits, n), baseline, name, n, confusion)


def _r_squared(data: Dataset, held: Dataset, outputs: Tensor) -> Performance:
    given, true = outputs.flatten().double().cpu(), held.answers.double()
    mean = data.answers[data.parts == 0].double().mean() if bool((data.parts == 0).any()) else true.mean()
    n = len(held)
    draws = torch.randint(n, (1000, n), generator=torch.Generator().manual_seed(0))
    scores = torch.stack([_r2(given[rows], true[rows]) for rows in draws])
    low, high = torch.quantile(scores, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    baseline = float(_r2(mean.expand(n), true))
    error = float((given - true).pow(2).mean().sqrt())
    return Performance(
        "R²", float(_r2(given, true)), low, high, baseline, "always the training mean", n, error=error
    )


def _r2(given: Tensor, true: Tensor) -> Tensor:
    return 1 - (given - true).pow(2).sum() / (true - true.mean()).pow(2).sum().clamp_min(1e-12)
