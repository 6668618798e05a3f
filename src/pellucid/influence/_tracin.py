"""Which training steps moved the loss of an answer."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core import Compute, Dataset, Snapshot
from pellucid.errors import InputError, near_misses
from pellucid.influence._influence import Influence, training_rows, where
from pellucid.influence._last import last_dense, sides
from pellucid.influence._loss import Loss, checked_answers, loss_of
from pellucid.influence._whole import products, sizes

Layers = Literal["last", "all"]
LAYERS = ("last", "all")


def tracin(
    model: nn.Module,
    data: Dataset,
    inputs: Tensor,
    answers: Tensor,
    *,
    snapshots: Sequence[Snapshot] = (),
    layers: Layers = "last",
    compute: Compute | None = None,
) -> Influence:
    """Fall of an answer's loss by one step on a training row alone, summed over kept weights.

    In units of the loss. Above 0: training on that row made the answer more certain (a proponent); below 0:
    less (an opponent).

    Formula: ``values[m, i] = sum over snapshots of rate · <grad loss(train i), grad loss(asked m)>``, both at
    the snapshot's weights; ``own[i]`` is the same for a training row and itself. For the last dense layer
    ``<grad, grad> = (slope · slope') (given · given' + 1)``, with the layer's input and the slope of the loss
    in its output.

    Args:
        model: the trained network; a copy of it gets the kept weights.
        data: the data set it was trained on; its train part counts.
        inputs: rows to explain ``[M, *shape]``.
        answers: ``[M]``, the answers whose loss is explained: the network's own, or the true ones.
        snapshots: weights during training, as a :class:`~pellucid.training.TrainingRecord` keeps them;
            without any the network's own weights are taken once, at a rate of 1.
        layers: ``"last"``, the last dense layer in closed form; ``"all"``, every trained parameter.
        compute: how to run.

    Returns:
        :class:`Influence`.

    Raises:
        InputError: where answers, rows or snapshots do not fit.
        MethodError: where the network does not end in a dense layer and ``layers="last"``.

    Cost:
        Two passes of all training rows for each snapshot. With ``"all"`` three for each explained row and
        snapshot, and one backward pass for each training row. Memory: one batch.

    Limits:
        Speaks of plain steps of the size of the learning rate: momentum, Adam's scaling and weight decay are
        left out, so numbers compare rows and are not predictions of what retraining would give. ``"last"``
        sees only how alike rows are to the last layer; on small dense networks plain similarity there, among
        rows of the same answer, foretold what leaving rows out does as well. Values add up to nothing.

    Source:
        Pruthi et al. 2020, Estimating Training Data Influence by Tracing Gradient Descent, arXiv 2002.08484.

    Example:
        >>> import torch
        >>> from pellucid._core import Dataset
        >>> from pellucid.inputs import Column, TabularSpec
        >>> _ = torch.manual_seed(0)
        >>> spec = TabularSpec((Column("a"),))
        >>> x, y = torch.tensor([[1.0], [-2.0], [2.0]]), torch.tensor([1, 0, 0])
        >>> data = Dataset("signs", x, y, spec, ("-", "+"), torch.zeros(3, dtype=torch.int8))
        >>> found = tracin(nn.Linear(1, 2), data, x[:1], y[:1])
        >>> found.proponents()[0].tolist(), found.opponents()[0].tolist()
        ([0, 1], [2])
    """
    if layers not in LAYERS:
        raise InputError(f"No choice of layers is called {layers!r}. {near_misses(layers, LAYERS)}")
    how = where(model, compute)
    rows = training_rows(data.parts)
    loss, wanted = loss_of(data, rows), checked_answers(answers, inputs, data)
    train, asked = (data.inputs[rows], data.answers[rows]), (inputs, wanted)
    net = copy.deepcopy(model).eval()
    kept = list(snapshots) or [Snapshot(-1, 1.0, {})]
    values = torch.zeros(len(inputs), len(rows), dtype=torch.float64)
    own = torch.zeros(len(rows), dtype=torch.float64)
    for snapshot in kept:
        _put(net, snapshot)
        found, size = _one(net, train, asked, loss, layers, data, how)
        values += snapshot.learning_rate * found.cpu()
        own += snapshot.learning_rate * size.cpu()
    return Influence(
        values.float(),
        rows,
        inputs,
        wanted,
        own.float(),
        f"fall of the loss in {loss.unit}",
        "tracin",
        {"layers": layers, "epochs": [snapshot.epoch for snapshot in snapshots]},
        note=_note(snapshots, layers),
    )


def _one(
    net: nn.Module,
    train: tuple[Tensor, Tensor],
    asked: tuple[Tensor, Tensor],
    loss: Loss,
    layers: Layers,
    data: Dataset,
    how: Compute,
) -> tuple[Tensor, Tensor]:
    """Products ``[M, N]`` and own squares ``[N]`` at one set of weights."""
    if layers == "all":
        return products(net, train, asked, loss, data.spec, how), sizes(net, train, loss, data.spec, how)
    site = last_dense(net, train[0], data.spec, how)
    ours = sides(net, *asked, loss, site, data.spec, how)
    theirs = sides(net, *train, loss, site, data.spec, how)
    return ours.dot(theirs), theirs.size


def _put(net: nn.Module, snapshot: Snapshot) -> None:
    if not snapshot.weights:
        return
    state = net.state_dict()
    strange = [
        name
        for name, part in snapshot.weights.items()
        if name not in state or state[name].shape != part.shape
    ]
    if strange:
        raise InputError(
            f"The snapshot of epoch {snapshot.epoch} is of another network: it has {strange[0]!r}, which "
            "does not fit this one."
        )
    net.load_state_dict({**state, **snapshot.weights})


def _note(snapshots: Sequence[Snapshot], layers: Layers) -> str:
    which = "the last dense layer" if layers == "last" else "all parameters"
    if not snapshots:
        return f"Gradients of {which} at the final weights only: no weights were kept during training."
    epochs = ", ".join(str(snapshot.epoch + 1) for snapshot in snapshots)
    return f"Gradients of {which} after epoch{'s' if len(snapshots) > 1 else ''} {epochs}."
