"""The same instruments on a training loop that is not ours."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn

from pellucid.errors import InputError
from pellucid.training._activations import Activations
from pellucid.training._health import layer_health
from pellucid.training._updates import Updates
from pellucid.training._values import Epoch, Metric, TrainingRecord


class Watch:
    """What is seen of a foreign training loop, made by :func:`~pellucid.training.watch`."""

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, every: int, metric: Metric
    ) -> None:
        self._model, self._optimizer, self._every = model, optimizer, every
        self._metric: Metric = metric
        self._activations, self._updates = Activations(model, training_only=True), Updates(model)
        self._activations.on = True
        self._epochs: list[Epoch] = []
        self._step, self._epoch_start, self._started = 0, 0, time.perf_counter()

    @property
    def record(self) -> TrainingRecord:
        """All epochs so far; losses and scores are NaN where the loop did not tell."""
        losses = [epoch.validation_loss for epoch in self._epochs]
        known = [loss for loss in losses if not math.isnan(loss)]
        best = losses.index(min(known)) if known else len(losses) - 1
        rate = self._optimizer.param_groups[0].get("lr")
        return TrainingRecord(
            tuple(self._epochs),
            {
                "optimizer": type(self._optimizer).__name__,
                "learning_rate": float(rate) if rate is not None else None,
                "every": self._every,
            },
            self._metric,
            best,
            sum(epoch.seconds for epoch in self._epochs),
            sum(p.numel() for p in self._model.parameters() if p.requires_grad),
        )

    def epoch(
        self,
        *,
        train_loss: float = math.nan,
        validation_loss: float = math.nan,
        train_score: float = math.nan,
        validation_score: float = math.nan,
    ) -> Epoch:
        """Close an epoch here, with whatever the loop knows about it."""
        now = time.perf_counter()
        earlier = [e.validation_loss for e in self._epochs if not math.isnan(e.validation_loss)]
        best = not math.isnan(validation_loss) and all(validation_loss < loss for loss in earlier)
        layers = layer_health(self._activations.read(), self._updates.read())
        numbers = (train_loss, validation_loss, train_score, validation_score, now - self._started)
        self._epochs.append(Epoch(len(self._epochs), *numbers, layers, best))
        self._started, self._epoch_start = now, self._step
        return self._epochs[-1]

    @contextmanager
    def _attached(self) -> Generator[Watch]:
        with self._activations.attached():
            handles = [
                self._optimizer.register_step_pre_hook(self._before_step),
                self._optimizer.register_step_post_hook(self._after_step),
            ]
            try:
                yield self
            finally:
                for handle in handles:
                    handle.remove()
                if self._step > self._epoch_start:
                    self.epoch()

    def _before_step(self, *_: object) -> None:
        if self._step % self._every == 0:
            self._updates.before()

    def _after_step(self, *_: object) -> None:
        if self._step % self._every == 0:
            self._updates.after()
        self._step += 1
        self._activations.on = self._step % self._every == 0


@contextmanager
def watch(
    model: nn.Module, optimizer: torch.optim.Optimizer, *, every: int = 10, metric: Metric = "accuracy"
) -> Generator[Watch]:
    """Watch any training loop: activations, gradients and updates of each layer, in every tenth step.

    The loop may call ``watched.epoch(train_loss=…, validation_loss=…)`` where its epochs end; steps after
    the last such call, or all of them without one, become one epoch when the block is left.

    Args:
        model: the network that is trained; only passes in training mode are watched.
        optimizer: what steps its parameters; gradients are measured as it gets them, after any clipping.
        every: one step in so many is watched.
        metric: what the scores are that the loop tells.

    Returns:
        A context manager that gives a :class:`Watch`; its ``record`` holds the epochs. Hooks live inside
        the block only, and leave when it raises, too.

    Raises:
        InputError: if the optimizer holds no parameter of the model, or ``every`` is below 1.

    Cost:
        No passes. A watched step costs about as much again as a step of a small network; with one in ten
        that stays below a tenth.

    Limits:
        Activations of functions that are no modules (``torch.relu``) are not seen. A fused loop that steps
        outside ``optimizer.step`` is not seen.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with watch(model, optimizer, every=1) as watched:
        ...     model(torch.ones(8, 2)).square().mean().backward()
        ...     optimizer.step()
        >>> [layer.site for layer in watched.record.epochs[0].layers]
        ['0', '1', '2']
    """
    if every < 1:
        raise InputError(f"every must be at least 1, got {every}.")
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in held for p in model.parameters()):
        raise InputError("This optimizer steps no parameter of this model. Give the one that trains it.")
    with Watch(model, optimizer, every, metric)._attached() as watched:
        yield watched
