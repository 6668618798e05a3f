"""Additive models from their architecture, and for a data set."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.networks._additive import Additive, Plan
from pellucid.networks._readable import Recipe
from pellucid.networks._shape_nets import knots_of, padded, shares_at
from pellucid.networks._wide import columns_read, slots_read, told_of

PENALTIES = (0.1, 0.03, 0.01)
MIDDLE = (0.03, 0.01)  # from SOME rows on: on HELOC a stronger pull was never chosen
BEND = 1e-4  # of the last fit there
LARGE = (0.001,)  # from MANY rows on, hardly any pull is needed
SOME = 5000  # rows from which steps take more of them, and fewer penalties compete
MANY = 20000  # rows from which knots that many rows share have offsets of their own
CROWD = 4  # rows that many are: levels of a capital gain that few people had are spikes too
STEPS = 400  # of training at least, however few the rows


def additive(
    inputs: int,
    outputs: int,
    *,
    parts: Sequence[Sequence[int | Sequence[int]]],
    monotone: Sequence[int],
    knots: int = 32,
    cells: int = 8,
    penalties: Sequence[float] = PENALTIES,
    members: int = 8,
    most_pairs: int = 10,
    hidden: Sequence[int] = (32, 16),
    seed: int = 0,
    answers: Sequence[float] | None = None,
    pairs: Sequence[Sequence[int]] = (),
    settled: bool = False,
    edits: Sequence[Sequence[str | float]] = (),
    crowded: float = 0.0,
    bend: float = 0.0,
) -> Additive:
    """An additive model of the given make, its knots and tables still empty; arguments as in ``Plan``.

    Example:
        >>> network = additive(2, 2, parts=[[0, [1]]], monotone=[0], settled=True)
        >>> network(torch.zeros(3, 2)).shape
        torch.Size([3, 2])
    """
    plan = Plan(
        inputs,
        outputs,
        tuple((int(slot), tuple(slots)) for slot, slots in parts),  # pyright: ignore[reportArgumentType]
        tuple(monotone),
        knots,
        cells,
        tuple(penalties),
        members,
        most_pairs,
        (hidden[0], hidden[1]),
        seed,
        None if answers is None else (answers[0], answers[1]),
        tuple((a, b) for a, b in pairs),
        settled,
        tuple(tuple(edit) for edit in edits),
        crowded,
        bend,
    )
    return Additive(plan)


def additive_for(
    dataset: Dataset,
    *,
    seed: int = 0,
    knots: int | None = None,
    penalties: Sequence[float] | None = None,
    members: int | None = None,
    most_pairs: int = 10,
    epochs: int | None = None,
    bend: float | None = None,
) -> Additive:
    """An untrained additive model for a table, with knots at its training rows.

    Args:
        dataset: with a :class:`~pellucid.inputs.TabularSpec`; columns with a direction in it get shape
            functions that only rise or only fall.
        seed: the only source of chance.
        knots: most knots of a number; ``None`` takes 32 below 20,000 training rows, else 128.
        penalties: strengths of the pull to 0 that compete in training; ``None`` takes 0.1, 0.03 and 0.01, or
            0.03 and 0.01 from 5,000 rows on, 0.001 from 20,000 on.
        members: for bands, under each penalty; ``None`` takes 8.
        most_pairs: pairs that may be added where they pay; 0 for none.
        bend: pull to straight lines in a last fit of all tables together, 0 for none; ``None`` makes one from
            5,000 to 20,000 rows, where no penalties are given.
        epochs: passes over the training rows; ``None`` takes as many as make 400 steps, at
            least 12 and at most 60.

    Raises:
        InputError: if the data are no table, or a direction is asked for among more than two classes.

    Limits:
        Of more than 200 columns at most 100 are read, chosen in the training rows; the others contribute
        nothing. The sentence is in ``told``.
    """
    spec = dataset.spec
    if not isinstance(spec, TabularSpec):
        raise InputError(f"{dataset.name} is no table, and an additive model reads the columns of one.")
    directed = [column.name for column in spec.columns if column.monotone]
    if directed and dataset.outputs > 2:
        raise InputError(
            f"monotone: {directed[0]!r} should only raise or lower the answer, but there are "
            f"{dataset.outputs} classes without an order. Directions need two classes or a number."
        )
    train = dataset.part("train")
    rows = len(train)
    most = knots or (32 if rows < 20000 else 128)
    kept = columns_read(dataset)
    parts = list[tuple[int, tuple[int, ...]]]()
    for column, slots in zip(spec.columns, slots_read(spec, kept), strict=True):
        plain = not slots or bool(column.levels)  # without a slot: nothing of this column is read
        parts.append((-1, tuple(slots)) if plain else (slots[0], tuple(slots[1:])))
    if bend is None:
        bend = BEND if penalties is None and SOME <= rows < MANY else 0.0
    plan = Plan(
        spec.width,
        dataset.outputs,
        tuple(parts),
        tuple(column.monotone for column in spec.columns),
        max(2, most),
        penalties=tuple(penalties or _penalties(rows)),
        members=members or 8,
        most_pairs=most_pairs,
        seed=seed,
        answers=_scale(train.answers) if dataset.task == "regression" else None,
        crowded=CROWD / rows if rows >= MANY else 0.0,
        bend=bend,
    )
    network = Additive(plan)
    _measure(network, train.inputs)
    _begin(network, train)
    batch = 128 if rows < SOME else 512
    passes = epochs or max(12, min(60, math.ceil(STEPS * batch / rows)))
    network.recipe = dataclasses.replace(Recipe(), epochs=passes, batch_size=batch)
    network.told = told_of(spec, kept)
    return network


def _penalties(rows: int) -> tuple[float, ...]:
    return PENALTIES if rows < SOME else MIDDLE if rows < MANY else LARGE


def _measure(network: Additive, x: Tensor) -> None:
    """Knots and shares from the training rows."""
    plan, there = network.plan, network.there(x)
    slots = [plan.parts[k][0] for k in plan.numbers]
    seen = [x[there[:, j] > 0.5, slot] for j, slot in enumerate(slots)]
    seen = [values if len(values) else x.new_zeros(1) for values in seen]
    fine = [knots_of(values, plan.knots) for values in seen]
    coarse = [_thinned(knots, values, plan.cells) for knots, values in zip(fine, seen, strict=True)]
    network.knots, network.coarse = padded(fine, plan.knots), padded(coarse, plan.cells)
    if slots:
        network.density = shares_at(x[:, slots], there, network.knots)
    network.flat_density = x[:, [slot for _, flat in plan.parts for slot in flat]].mean(0)


def _thinned(knots: Tensor, values: Tensor, most: int) -> Tensor:
    """Some of the knots, near quantiles of the values, with both ends."""
    if len(knots) <= most:
        return knots
    wanted = torch.quantile(values.double(), torch.linspace(0, 1, most, dtype=torch.double)).to(knots)
    nearest = (knots[None] - wanted[:, None]).abs().argmin(1)
    return knots[nearest.unique()]


def _begin(network: Additive, train: Dataset) -> None:
    """The constant starts at what is right without any column."""
    if network.plan.answers is not None:
        return
    counts = torch.bincount(train.answers, minlength=network.plan.outputs).float() + 0.5
    logs = counts.log()
    start = (logs[1:] - logs[0]) if network.plan.width == 1 else logs - logs.mean()
    network.constant.data = start.repeat(network.crowd_size)


def _scale(answers: Tensor) -> tuple[float, float]:
    spread = float(answers.double().std()) if len(answers) > 1 else 0.0
    return float(answers.double().mean()), spread or 1.0
