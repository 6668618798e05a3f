"""The same network trained again: what of an account would outlive a new training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from pellucid import training
from pellucid._core import PARTS, Compute, Dataset, Progress, Subject, silent, untrained
from pellucid.errors import InputError
from pellucid.networks import Readable
from pellucid.networks._anew import made_anew
from pellucid.training import TrainingRecord

REFITS = 5  # where nobody says how many
EPOCHS = 20  # of a network whose training is not known
MOST = 10_000  # rows that a refit learns from


def refits(
    subject: Subject, count: int | None = None, *, seed: int = 0, progress: Progress = silent
) -> tuple[nn.Module, ...]:
    """The same architecture trained again from fresh weights, each time on other training rows (bootstrap).

    Args:
        subject: a network with the data it learned from; one that pellucid trained brings its settings, else
            20 epochs of AdamW are taken. One that is readable by design is made anew for the drawn rows and
            learns in all its rounds.
        count: how many; ``None`` is 5 where pellucid trained the network, else none.
        seed: the only source of chance.
        progress: called after each step with (steps done, most steps) of all trainings; raising
            :class:`~pellucid.errors.CancelledError` in it ends them.

    Returns:
        Networks in evaluation mode.

    Raises:
        InputError: where there are no training rows.

    Cost:
        ``count`` trainings, of as many epochs as the network took, on at most 10,000 rows each.

    Limits:
        A bootstrap says what chance in the training rows and weights does, not what new data would.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=1)
        >>> len(refits(subject, 2))
        2
    """
    record = subject.record if isinstance(subject.record, TrainingRecord) else None
    wanted = (0 if record is None else REFITS) if count is None else count
    if wanted < 0:
        raise InputError(f"refits must be 0 or above, got {wanted}.")
    if not wanted:
        return ()
    data = subject.needs_data("refits")

    def each(k: int) -> nn.Module:
        return _refit(
            subject.model,
            data,
            record,
            seed + 1 + k,
            lambda done, total: progress(k * total + done, wanted * total),
        )

    return tuple(each(k) for k in range(wanted))


def judges_of(
    subject: Subject, asked: int | Sequence[nn.Module] | None, how: Compute
) -> tuple[nn.Module, ...]:
    """The networks that are asked beside the subject's: those given, or so many :func:`refits`."""
    if asked is None or isinstance(asked, int):
        return refits(subject, asked, seed=how.seed, progress=how.progress)
    return tuple(asked)


def _refit(
    model: nn.Module, data: Dataset, record: TrainingRecord | None, seed: int, progress: Progress
) -> nn.Module:
    chance = torch.Generator().manual_seed(seed)
    train = (data.parts == PARTS.index("train")).nonzero()[:, 0]
    if len(train) < 2:
        raise InputError(f"Refits learn from the train rows; {data.name} has {len(train)} of them.")
    drawn = train[torch.randint(0, len(train), (min(len(train), MOST),), generator=chance)]
    others = (data.parts == PARTS.index("validation")).nonzero()[:, 0]
    rows = data.rows(torch.cat([drawn, others]))
    options = {} if record is None else record.options
    if isinstance(model, Readable):
        return trained_anew(model, rows, options, seed, progress)
    again = untrained(model, seed=seed)
    running = training.train(
        again,
        rows,
        epochs=EPOCHS if record is None else max(1, record.best_epoch + 1),
        batch_size=_number(options.get("batch_size"), 64),
        optimizer="sgd" if options.get("optimizer") == "sgd" else "adamw",
        learning_rate=_rate(options.get("learning_rate")),
        patience=None,
        seed=seed,
        instruments=False,
        progress=progress,
    )
    training.collect(running)
    return again.eval()


def trained_anew(
    model: Readable,
    rows: Dataset,
    options: Mapping[str, object],
    seed: int,
    progress: Progress = silent,
) -> Readable:
    """A readable network of the same make learned from these rows, by ``options`` of an earlier training."""
    from pellucid.readable import train_readable  # scikit-learn takes a second to import

    again = made_anew(model, rows, seed=seed)
    own = again.recipe
    recipe = dataclasses.replace(
        own,
        epochs=_number(options.get("epochs"), own.epochs),
        batch_size=_number(options.get("batch_size"), own.batch_size),
        learning_rate=_rate(options.get("learning_rate")) or own.learning_rate,
    )

    def watch(epoch: training.Epoch) -> None:
        # later rounds, of which nobody knows how many come, count as the end of the first
        progress(min(epoch.index + 1, recipe.epochs), recipe.epochs)

    train_readable(again, rows, recipe=recipe, seed=seed, instruments=False, watch=watch)
    again.eval()
    return again


def _number(given: object, usual: int) -> int:
    return given if isinstance(given, int) else usual


def _rate(given: object) -> float | None:
    return float(given) if isinstance(given, int | float) else None
