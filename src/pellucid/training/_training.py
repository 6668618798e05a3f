"""A training under way: its epochs, its best weights, its checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from pathlib import Path

from torch import nn

from pellucid._core import Dataset, Json, Progress, Snapshot, inputs_hash, spaced
from pellucid.training._checkpoint import (
    Checkpoint,
    optimizer_state,
    put_optimizer_state,
    put_state,
    read_checkpoint,
    state_of,
    write_checkpoint,
)
from pellucid.training._options import Options
from pellucid.training._passes import Passes
from pellucid.training._values import Epoch, TrainingRecord


class Training(Iterator[Epoch]):
    """A training under way, made by :func:`~pellucid.training.train`: iterate it.

    ``record`` is what was watched so far; ``close()``, or leaving a ``with`` block, ends it early.
    """

    def __init__(
        self,
        network: nn.Module,
        dataset: Dataset,
        options: Options,
        path: Path | None,
        *,
        resume: bool,
        instruments: bool,
        progress: Progress,
        snapshots: int,
    ) -> None:
        self._most, self._snapshots = snapshots, list[Snapshot]()
        self._network, self._options, self._path = network, options, path
        self._passes = Passes(network, dataset, options, instruments=instruments, progress=progress)
        self._facts = _facts(network, dataset, self._passes)
        self._data = str(inputs_hash([dataset.inputs, dataset.answers, dataset.parts])) if path else ""
        self._done: list[Epoch] = []
        self._best = state_of(network)
        self._kept = self._read(resume=resume)
        self._epochs: Generator[Epoch] = self._run()

    def __next__(self) -> Epoch:
        return next(self._epochs)

    def __enter__(self) -> Training:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End training here: the network gets the weights of the best epoch."""
        self._epochs.close()

    @property
    def record(self) -> TrainingRecord:
        """All epochs so far, and how the training was set up."""
        return TrainingRecord(
            tuple(self._done),
            {**self._options.to_json(), **self._facts},
            self._passes.objective.metric,
            max((epoch.index for epoch in self._done if epoch.best), default=-1),
            sum(epoch.seconds for epoch in self._done),
            sum(p.numel() for p in self._network.parameters() if p.requires_grad),
            tuple(self._snapshots),
        )

    def _read(self, *, resume: bool) -> Checkpoint | None:
        """The training to go on with; where there is none, an empty one is written, which tests the place."""
        if self._path is None:
            return None
        if resume and self._path.exists():
            return read_checkpoint(self._path, self._options.to_json(), self._data, self._network)
        self._write()
        return None

    def _write(self) -> None:
        if self._path is not None:
            states = (state_of(self._network), self._best, optimizer_state(self._passes.optimizer))
            kept = tuple(self._snapshots)
            made = Checkpoint(self._options.to_json(), self._data, tuple(self._done), *states, kept)
            write_checkpoint(made, self._path)

    def _run(self) -> Generator[Epoch]:
        try:
            if self._kept is not None:
                yield from self._replay(self._kept)
            while not (self._done and self._done[-1].stopped):
                yield self._next_epoch()
        finally:
            put_state(self._network, self._best)
            self._passes.put_modes()
            self._passes.optimizer.zero_grad(set_to_none=True)

    def _replay(self, kept: Checkpoint) -> Iterator[Epoch]:
        """Take up the states of a checkpoint and give its epochs again."""
        self._kept, self._best, self._snapshots = None, dict(kept.best), list(kept.snapshots)
        put_state(self._network, kept.weights)
        put_optimizer_state(self._passes.optimizer, kept.optimizer)
        self._network.eval()
        for epoch in kept.epochs:
            self._done.append(dataclasses.replace(epoch, stopped=self._why_stop([*self._done, epoch])))
            yield self._done[-1]

    def _next_epoch(self) -> Epoch:
        epoch = self._passes.epoch(len(self._done))
        best = all(epoch.validation_loss < earlier.validation_loss for earlier in self._done)
        epoch = dataclasses.replace(epoch, best=best)
        epoch = dataclasses.replace(epoch, stopped=self._why_stop([*self._done, epoch]))
        if best:
            self._best = state_of(self._network)
        self._done.append(epoch)
        self._take()
        self._write()
        return epoch

    def _take(self) -> None:
        """Keep the weights of a few epochs, evenly spaced."""
        wanted, last = spaced(len(self._done), self._most), len(self._done) - 1
        self._snapshots = [kept for kept in self._snapshots if kept.epoch in wanted]
        if last in wanted:
            self._snapshots.append(Snapshot(last, self._options.learning_rate, state_of(self._network)))

    def _why_stop(self, epochs: list[Epoch]) -> str:
        """Why no epoch follows these; empty where one does."""
        waited = len(epochs) - 1 - max(epoch.index for epoch in epochs if epoch.best)
        patience = self._options.patience
        if patience is not None and waited >= patience:
            return f"no lower validation loss in {waited} epoch{'s' if waited > 1 else ''}"
        return f"all {len(epochs)} epochs done" if len(epochs) >= self._options.epochs else ""


def _facts(network: nn.Module, dataset: Dataset, passes: Passes) -> dict[str, Json]:
    train, validation = passes.train, passes.validation
    return {
        "dataset": dataset.name,
        "task": dataset.task,
        "train_rows": len(train),
        "validation_rows": len(validation),
        "outputs": dataset.outputs,
        "baseline": passes.objective.baseline(train.answers, validation.answers),
        "network": type(network).__name__,
    }
