"""A readable network trained to its end: rounds of training, with what it does between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pellucid import training
from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.networks import Readable, Recipe
from pellucid.training import Epoch, TrainingRecord

MOST_ROUNDS = 20
Watcher = Callable[[Epoch], None]


def train_readable(
    network: Readable,
    dataset: Dataset,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    instruments: bool = True,
    watch: Watcher | None = None,
) -> TrainingRecord:
    """Train a readable network in place, round after round, until it says that nothing is left to do.

    Each round is one :func:`pellucid.training.train` of the network as it is then, after which
    :meth:`~pellucid.networks.Readable.advance` changes it (adds pairs, projects prototypes, refits a head).

    Args:
        network: what is trained; its own ``recipe`` is used where none is given.
        dataset: trains on its train part, looks at its validation part.
        recipe: how each round is trained.
        seed: the only source of chance.
        instruments: whether layers are watched.
        watch: called with each finished epoch; epochs are counted through all rounds.

    Returns:
        The record of all rounds; ``best_epoch`` is that of the last one.

    Raises:
        InputError: where the network never says that nothing is left to do.

    Cost:
        A training per round.
    """
    parts: list[TrainingRecord] = []
    for _ in range(MOST_ROUNDS):
        parts.append(_one(network, dataset, recipe or network.recipe, seed, instruments, watch, parts))
        if not network.advance(dataset):
            network.eval()
            return _joined(parts)
    raise InputError(f"{type(network).__name__} asked for more than {MOST_ROUNDS} rounds of training.")


def _one(
    network: Readable,
    dataset: Dataset,
    recipe: Recipe,
    seed: int,
    instruments: bool,
    watch: Watcher | None,
    earlier: list[TrainingRecord],
) -> TrainingRecord:
    offset = sum(len(record.epochs) for record in earlier)
    running = training.train(
        network,
        dataset,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        patience=recipe.patience,
        schedule=recipe.schedule,
        seed=seed,
        instruments=instruments,
    )
    try:
        for epoch in running:
            if watch is not None:
                watch(replace(epoch, index=epoch.index + offset))
    finally:
        running.close()
    return running.record


def _joined(parts: list[TrainingRecord]) -> TrainingRecord:
    epochs: list[Epoch] = []
    for part in parts:
        last = part is parts[-1]
        epochs += [
            replace(epoch, index=len(epochs) + k, best=epoch.best and last)
            for k, epoch in enumerate(part.epochs)
        ]
    offset = len(epochs) - len(parts[-1].epochs)
    return replace(
        parts[-1],
        epochs=tuple(epochs),
        best_epoch=offset + parts[-1].best_epoch,
        seconds=sum(part.seconds for part in parts),
    )
