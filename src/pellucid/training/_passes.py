"""The passes of one epoch: learning from the training rows, then looking at the validation rows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from pellucid._core import Dataset, Progress, called
from pellucid.errors import TrainingError
from pellucid.training._activations import Activations
from pellucid.training._chance import private_chance, sampled_steps, shuffled_batches
from pellucid.training._health import layer_health
from pellucid.training._nonfinite import nonfinite
from pellucid.training._objective import check_outputs, objective_for, part_rows
from pellucid.training._options import Options
from pellucid.training._updates import Updates
from pellucid.training._values import Epoch, LayerHealth

OwnLoss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
_VALIDATION_BATCH = 256
_TABLE_BATCH = 4096  # rows of columns are small
_WATCHED_ROWS = 512  # enough to tell a dead unit from a rarely active one


class Passes:
    """Network, data, objective and optimizer, ready to run epochs in any order that makes sense."""

    def __init__(
        self, network: nn.Module, dataset: Dataset, options: Options, *, instruments: bool, progress: Progress
    ) -> None:
        trainable = [p for p in network.parameters() if p.requires_grad]
        if not trainable:
            raise TrainingError(
                "No parameter of this network is trainable. Unfreeze some with requires_grad_()."
            )
        self.network, self.options, self._progress = network, options, progress
        self._spec = dataset.spec
        self.train = part_rows(dataset, "train", network)
        self.validation = part_rows(dataset, "validation", network)
        self.objective = objective_for(dataset, self.train)
        self.optimizer = options.make_optimizer(trainable)
        self._instruments = (Activations(network), Updates(network)) if instruments else None
        # the general hook: a network may say what its steps make small
        own: object = getattr(network, "training_loss", None)
        self._own_loss = cast("OwnLoss", own) if callable(own) else None
        told: object = getattr(network, "at_rows", None)
        self._at_rows = cast("Callable[[Tensor], None]", told) if callable(told) else None
        self._modes = [(module, module.training) for module in network.modules()]
        self._check(dataset)

    def _check(self, dataset: Dataset) -> None:
        """One small pass in evaluation mode, before anything is changed."""
        try:
            self.network.eval()
            with private_chance(self.options.seed, 0, self.train.device):
                check_outputs(self._outputs, self.train, dataset.outputs, dataset.task)
        finally:
            self.put_modes()

    def put_modes(self) -> None:
        """Give every module the mode that it came with."""
        for module, mode in self._modes:
            module.training = mode

    def epoch(self, index: int) -> Epoch:
        """Run one epoch; who compares epochs fills in ``best`` and ``stopped``."""
        started = time.perf_counter()
        with private_chance(self.options.seed, index, self.train.device):
            train_loss, train_score, first_loss = self._learn(index)
            validation_loss, validation_score = self._validate(index)
        layers = self._layers()
        return Epoch(
            index,
            train_loss,
            validation_loss,
            train_score,
            validation_score,
            time.perf_counter() - started,
            layers,
            first_loss=first_loss,
        )

    def _learn(self, index: int) -> tuple[float, float, float]:
        """One pass over the training rows; gives loss, score and the first batch's loss."""
        self.network.train()
        batches = shuffled_batches(len(self.train), self.options.batch_size, self.options.seed, index)
        sampled = sampled_steps(len(batches)) if self._instruments else frozenset[int]()
        losses: list[float] = []
        tally = torch.zeros((), dtype=torch.float64, device=self.train.device)
        before = index * len(batches)
        for number, rows in enumerate(batches):
            inputs, answers = self.train.take(rows)
            if self._at_rows is not None:
                self._at_rows(rows)
            outputs = self._outputs(inputs)
            plain = self.objective.loss(outputs, answers)
            loss = plain if self._own_loss is None else self._own_loss(plain, inputs, outputs, answers)
            losses.append(plain.item() if math.isfinite(loss.item()) else math.nan)
            if not math.isfinite(losses[-1]):
                raise self._broken(inputs, index, before + number, "training")
            self._set_rate((before + number) / (self.options.epochs * len(batches)))
            self._step(loss, number in sampled)
            tally += self.objective.tally(outputs.detach(), answers)
            self._progress(before + number + 1, self.options.epochs * len(batches))
        mean = sum(loss * len(rows) for loss, rows in zip(losses, batches, strict=True)) / len(self.train)
        return mean, self.objective.score(float(tally), self.train.answers), losses[0]

    def _set_rate(self, done: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate_at(done)

    def _step(self, loss: Tensor, sampled: bool) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if sampled and self._instruments:
            _, updates = self._instruments
            updates.before()
            self.optimizer.step()
            updates.after()
        else:
            self.optimizer.step()

    def _validate(self, index: int) -> tuple[float, float]:
        """Loss and score on the validation rows; the first of them pass under the instruments."""
        self.network.eval()
        total, tally = 0.0, 0.0
        rows = self.validation.inputs
        table = rows.dim() == 2 and rows.is_floating_point()
        for inputs, answers in self.validation.batches(_TABLE_BATCH if table else _VALIDATION_BATCH):
            with torch.no_grad():
                outputs = self._watched(inputs)
            total += float(self.objective.loss(outputs, answers)) * len(inputs)
            tally += float(self.objective.tally(outputs, answers))
            if not math.isfinite(total):
                steps = len(shuffled_batches(len(self.train), self.options.batch_size, 0, 0))
                raise self._broken(inputs, index, (index + 1) * steps, "validation")
        return total / len(self.validation), self.objective.score(tally, self.validation.answers)

    def _watched(self, inputs: Tensor) -> Tensor:
        if self._instruments is None or self._instruments[0].rows >= _WATCHED_ROWS:
            return self._outputs(inputs)
        activations, _ = self._instruments
        activations.on = True
        with activations.attached():
            return self._outputs(inputs)

    def _outputs(self, inputs: Tensor) -> Tensor:
        return called(self.network, inputs, self._spec)

    def _layers(self) -> tuple[LayerHealth, ...]:
        if self._instruments is None:
            return ()
        activations, updates = self._instruments
        return layer_health(activations.read(), updates.read())

    def _broken(self, inputs: Tensor, epoch: int, steps: int, part: str) -> TrainingError:
        rate = self.options.learning_rate
        return nonfinite(self.network, inputs, step=steps, epoch=epoch, rate=rate, part=part)
