"""Training, in one call."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from pellucid._core import Dataset, Progress, silent
from pellucid.errors import InputError
from pellucid.training._options import checked_options
from pellucid.training._training import Training
from pellucid.training._values import TrainingRecord


def train(
    network: nn.Module,
    dataset: Dataset,
    *,
    epochs: int = 30,
    batch_size: int = 64,
    optimizer: str = "adamw",
    learning_rate: float | None = None,
    momentum: float = 0.9,
    weight_decay: float | None = None,
    patience: int | None = 5,
    seed: int = 0,
    schedule: str = "constant",
    checkpoint: str | Path | None = None,
    resume: bool = True,
    instruments: bool = True,
    snapshots: int = 0,
    progress: Progress = silent,
) -> Training:
    """Train a network in place; iterate what is returned to make it go, one :class:`Epoch` at a time.

    Losses are in nats (cross-entropy), or in variances of the training answers (squared error), so that 1 is
    as bad as always answering the mean; scores are accuracy or R².

    Between epochs the network has the weights of the epoch just done and is in evaluation mode. When the
    iteration ends, is closed, or fails, it has those of the best epoch (lowest validation loss) and every
    module its earlier mode.

    Regression: the loss does not depend on the unit of the answers, but the speed of learning does. Build
    the network with ``answers=(mean, sd)`` (as :func:`~pellucid.networks.default_network` does); it then
    answers in the user's unit at every moment.

    A network with a method ``training_loss(plain, inputs, outputs, answers)`` says itself what each step
    makes small: ``plain`` is the loss of the batch as above, what it returns is what gradients are taken
    of (penalties, losses of members). The losses of an :class:`Epoch` stay the plain ones.

    Args:
        network: any module from ``[N, *shape]`` to ``[N, classes]``, or ``[N, 1]`` for regression.
        dataset: trains on its train part, stops by its validation part, never looks at its test part.
        epochs: most passes over the training rows.
        batch_size: rows per step.
        optimizer: ``"adamw"`` or ``"sgd"``.
        learning_rate: ``None`` is 0.001 for AdamW and 0.02 for SGD.
        momentum: of SGD.
        weight_decay: ``None`` is 0.01 for AdamW and 0.0005 for SGD.
        patience: epochs without a new lowest validation loss after which training stops; ``None`` never.
        seed: the only source of chance; torch's own random state stays as it was. Equal to the bit on one
            machine with the same number of threads.
        schedule: ``"constant"``, or ``"cosine"``: the learning rate falls to 0 over ``epochs``.
        checkpoint: file written after every epoch, whole or not at all; holds all that resuming needs.
        resume: go on from ``checkpoint`` where it exists. Finished epochs are given again first, at once;
            the result is equal to the bit to that of an uninterrupted run. ``epochs`` may be larger than it
            was, everything else must be the same.
        instruments: whether :attr:`Epoch.layers` is measured; costs at most a tenth of the time.
        snapshots: most epochs whose weights the record keeps, evenly spaced, for :mod:`pellucid.influence`.
        progress: called after each step with (steps done, most steps); raising
            :class:`~pellucid.errors.CancelledError` in it ends training at the last whole epoch.

    Returns:
        An iterator of epochs, with ``close()`` and the :class:`TrainingRecord` so far in ``record``.

    Raises:
        InputError: if arguments, data and network do not fit together.
        TrainingError: when the loss is no longer finite (with the layer and step where that began), no
            parameter is trainable, or ``checkpoint`` holds another training.
        StoreError: if ``checkpoint`` cannot be written or read.

    Cost:
        Per epoch one forward and one backward pass over the training rows, one forward pass over the
        validation rows.

    Limits:
        The best epoch is chosen on the validation rows, so their score is optimistic; only the test part
        can judge. Scores of the training rows are taken while the weights move.

    Source:
        AdamW: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019. Momentum as in
        Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.

    Example:
        >>> import torch
        >>> from pellucid._core import Dataset, split
        >>> from pellucid.inputs import Column, TabularSpec
        >>> from pellucid.networks import default_network
        >>> x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
        >>> y = (x[:, 0] > 0).long()
        >>> spec = TabularSpec((Column("a"), Column("b")))
        >>> data = Dataset("halves", x, y, spec, ("left", "right"), split(y, classes=True))
        >>> for epoch in train(default_network(data), data, epochs=5):
        ...     last = epoch.validation_score
        >>> last > 0.9
        True
    """
    options = checked_options(
        epochs, batch_size, optimizer, learning_rate, momentum, weight_decay, patience, seed, schedule
    )
    if snapshots < 0:
        raise InputError(f"snapshots must be 0 or above, got {snapshots}.")
    path = None if checkpoint is None else Path(checkpoint)
    return Training(
        network,
        dataset,
        options,
        path,
        resume=resume,
        instruments=instruments,
        progress=progress,
        snapshots=snapshots,
    )


def collect(training: Training) -> TrainingRecord:
    """Run a training to its end and give its record.

    Example:
        >>> import torch
        >>> from pellucid._core import Dataset, split
        >>> from pellucid.inputs import Column, TabularSpec
        >>> from pellucid.networks import mlp
        >>> x = torch.randn(60, 1, generator=torch.Generator().manual_seed(0))
        >>> spec = TabularSpec((Column("a"),))
        >>> y = (x[:, 0] > 0).long()
        >>> data = Dataset("sign", x, y, spec, ("-", "+"), split(y, classes=True))
        >>> len(collect(train(mlp(1, 2, hidden=(4,)), data, epochs=3)).epochs)
        3
    """
    with training:
        for _ in training:
            pass
    return training.record
