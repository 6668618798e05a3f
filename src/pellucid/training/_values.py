"""What was watched while a network trained, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pellucid._core import Json, Snapshot, brief

Metric = Literal["accuracy", "R²"]


@dataclass(frozen=True, slots=True)
class LayerHealth:
    """How one layer fared in one epoch; ``None`` where a number has no meaning for that layer.

    Args:
        site: address of the layer.
        mean, sd: of everything the layer put out, over rows, units and positions.
        dead: share of units active on less than 1 % of the rows (at any position). A ReLU unit is active
            above 0, a GELU or SiLU unit beyond ±0.01; other layers cannot be dead.
        saturated: share of outputs where the slope is nearly gone: tanh beyond ±0.97, sigmoid outside
            [0.03, 0.97].
        gradient_norm: Euclidean norm of the loss's gradient for the layer's weights (without biases, except
            in a layer that has nothing of more than one axis), median of the sampled steps.
        update_ratio: norm of one step's change of those weights ÷ their norm, median of the sampled steps.
        parameters: how many numbers of this layer are learned.
        rows: how many rows ``mean``, ``sd``, ``dead`` and ``saturated`` rest on.
    """

    site: str
    mean: float | None
    sd: float | None
    dead: float | None
    saturated: float | None
    gradient_norm: float | None
    update_ratio: float | None
    parameters: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training rows.

    Args:
        index: 0 for the first, its place in :attr:`TrainingRecord.epochs`.
        train_loss: mean over the epoch's batches, each before its step: cross-entropy in nats, or squared
            error ÷ variance of the training answers; NaN where a foreign loop did not tell.
        validation_loss: the same over the validation rows, after the epoch.
        train_score, validation_score: accuracy, or R², on the same passes as the losses.
        seconds: wall time with validation and instruments.
        layers: how each layer fared, in the order of the pass.
        best: whether no earlier epoch had a lower validation loss or one as low.
        stopped: why training ended after this epoch; empty where it went on.
        first_loss: loss of the epoch's first batch; in epoch 0 that of the untrained network.
    """

    index: int
    train_loss: float
    validation_loss: float
    train_score: float
    validation_score: float
    seconds: float
    layers: tuple[LayerHealth, ...] = ()
    best: bool = False
    stopped: str = ""
    first_loss: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """All epochs of one training, and how it was set up.

    Args:
        epochs: in their order.
        options: arguments of the training, and facts about its data: ``dataset``, ``train_rows``,
            ``validation_rows``, ``outputs``, ``baseline`` (validation score of always giving the commonest
            class, or the mean), ``network``.
        metric: what the scores are.
        best_epoch: index of the epoch whose weights the network has; -1 before the first.
        seconds: over all epochs.
        parameters: how many numbers are learned.
        snapshots: weights during the training, where they were asked for.
    """

    epochs: tuple[Epoch, ...]
    options: Mapping[str, Json]
    metric: Metric
    best_epoch: int
    seconds: float
    parameters: int
    snapshots: tuple[Snapshot, ...] = field(default=(), compare=False, repr=False)

    __repr__ = brief

    @property
    def best(self) -> Epoch | None:
        """The epoch whose weights the network has; ``None`` before the first."""
        return self.epochs[self.best_epoch] if self.best_epoch >= 0 else None

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)
