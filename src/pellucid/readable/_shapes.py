"""Shape functions in the user's units: the tables that are the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch

from pellucid._core import Json, brief
from pellucid.errors import InputError, near_misses
from pellucid.inputs import Column, TabularSpec
from pellucid.networks import Additive
from pellucid.networks._additive import UNREAD
from pellucid.networks._edit import flattened
from pellucid.networks._members import BAG

BAND = "pointwise 95 % band by the delete-15 % jackknife; it does not hold what the pull to 0 hides"


@dataclass(frozen=True, slots=True)
class Shape:
    """What one column adds to the answer, at its knots or levels.

    Args:
        name, unit: of the column.
        levels: names of a category's levels; empty for a number.
        at: knots of a number in its unit, ascending; between them the function runs straight, beyond the
            outermost ones it is flat.
        values: contribution at each knot or level.
        error: standard error of each.
        density: share of the training rows at each.
        missing: contribution where the number is missing; ``None`` for a category, whose level that is.
        direction: 1 or -1 where it only rises or falls.
        size: standard deviation of the contribution over the training rows.
    """

    name: str
    unit: str
    levels: tuple[str, ...]
    at: tuple[float, ...]
    values: tuple[float, ...]
    error: tuple[float, ...]
    density: tuple[float, ...]
    missing: float | None
    direction: int
    size: float


@dataclass(frozen=True, slots=True)
class PairShape:
    """What two columns add together, beyond what each adds: ``values[i][j]`` at state i and j.

    States of a number are its coarse knots (between them values run straight) and, last, "missing"; of a
    category are its levels.
    """

    names: tuple[str, str]
    states: tuple[tuple[float | str, ...], tuple[float | str, ...]]
    values: tuple[tuple[float, ...], ...]
    size: float


@dataclass(frozen=True, slots=True)
class Shapes:
    """A whole additive model: ``constant + Σ shapes + Σ pairs`` is its answer.

    Args:
        answer: what the sum is, in words and unit.
        constant: the answer of the average row.
        shapes: a function a column, the largest first.
        pairs: functions of two columns, the largest first.
        edits: changes by hand: what, who, why.
        band: what the errors are.
    """

    answer: str
    constant: float
    shapes: tuple[Shape, ...]
    pairs: tuple[PairShape, ...]
    edits: tuple[str, ...] = ()
    band: str = BAND

    __repr__ = brief

    def shape(self, name: str) -> Shape:
        """The function of a column."""
        return next(shape for shape in self.shapes if shape.name == name)

    def to_json(self) -> dict[str, Json]:
        """All tables as plain data, enough to compute every answer."""
        told: dict[str, object] = {
            "answer": self.answer,
            "constant": self.constant,
            "columns": {
                s.name: {
                    "unit": s.unit,
                    "values": dict(zip(s.levels, s.values, strict=True)) if s.levels else list(s.values),
                    "knots": list(s.at),
                    "standard_errors": list(s.error),
                    "missing": s.missing,
                }
                for s in self.shapes
            },
            "pairs": [
                {
                    "columns": list(p.names),
                    "states": [list(s) for s in p.states],
                    "values": [*map(list, p.values)],
                }
                for p in self.pairs
            ],
            "edits": list(self.edits),
            "band": self.band,
        }
        return cast("dict[str, Json]", told)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def shapes_of(
    network: object, spec: object, classes: Sequence[str] = (), unit: str = "", of: str | None = None
) -> Shapes:
    """The tables of a trained additive model, in the units of its columns.

    Args:
        network: an :class:`~pellucid.networks.Additive`, trained.
        spec: what its inputs mean.
        classes: class names; empty in regression.
        unit: of the answer in regression.
        of: with more than two classes, the one whose logit the functions add up to, above the mean of all.

    Raises:
        InputError: if it is another network, was not trained, or has more than two classes and none is named.

    Limits:
        Columns that move together share their effect between them in a way that the data do not decide.

    Source:
        Agarwal et al. 2021, Neural Additive Models; standard errors: Shao and Wu 1989, A General Theory for
        Jackknife Variance Estimation.
    """
    if not isinstance(network, Additive) or not isinstance(spec, TabularSpec):
        raise InputError(
            "Shape functions belong to an additive model of a table, and this network is none. Train one: "
            "pellucid train DATA --network additive, in Python pellucid.train(data, network='additive')."
        )
    if network.shape is None:
        raise InputError("This additive model is not trained yet.")
    plan = network.plan
    kind = _class(plan.outputs, classes, of) if plan.width > 1 or of is not None else 0
    scale = 1.0 if plan.answers is None else plan.answers[1]
    shift = 0.0 if plan.answers is None else plan.answers[0]
    found = [
        _shape(network, k, column, kind, scale)
        for k, (column, part) in enumerate(zip(spec.columns, plan.parts, strict=True))
        if part != UNREAD
    ]
    pairs = [_pair(network, q, spec, kind, scale) for q in range(len(plan.pairs))]
    answer = f"log-odds of {classes[1]}" if len(classes) > 1 else f"answer{f' in {unit}' if unit else ''}"
    if plan.width > 1:
        answer = f"logit of {classes[kind]} above the mean of all classes"
    return Shapes(
        answer,
        float(_of(network.constant.detach(), kind)) * scale + shift,
        tuple(sorted(found, key=lambda s: -s.size)),
        tuple(sorted(pairs, key=lambda p: -p.size)),
        tuple(" · ".join(map(str, edit)) for edit in plan.edits),
    )


def flatten(
    network: Additive,
    spec: TabularSpec,
    column: str,
    low: float,
    high: float,
    *,
    who: str,
    why: str,
    value: float | None = None,
) -> Additive:
    """A copy of an additive model whose function of ``column`` is flat from ``low`` to ``high``.

    Who did it and why is kept with the network and shown wherever its functions are.

    Args:
        network: trained; it stays as it is.
        spec: what its inputs mean.
        column: name of a number.
        low, high: the stretch, in the column's unit.
        who, why: for the record; both must say something.
        value: log-odds (or answer, from its mean) on the stretch; ``None`` takes the mean there.

    Raises:
        InputError: if nothing is said for the record, the stretch is empty, or a direction would be broken.
    """
    if not (who.strip() and why.strip()):
        raise InputError("A change by hand needs who=… and why=…, which are kept with the model.")
    if not low < high:
        raise InputError(f"{column}: the stretch runs from low to high, got {low:g} to {high:g}.")
    meaning = spec.column(column)
    if meaning.levels:
        raise InputError(f"{column} holds names; only functions of numbers are flattened over a stretch.")
    if network.plan.width > 1:
        raise InputError("Functions are flattened in models of two classes or a number; this one has more.")
    if network.plan.parts[spec.columns.index(meaning)] == UNREAD:
        raise InputError(
            f"{column} is one of the columns that this network does not read: it adds 0 anywhere."
        )
    ends = [(v - meaning.mean) / meaning.std for v in (low, high)]
    k = spec.columns.index(meaning)
    scale = 1.0 if network.plan.answers is None else network.plan.answers[1]
    asked = None if value is None else value / scale
    first, said, change = flattened(network, k, ends[0], ends[1], value=asked, note=())
    unit = f" {meaning.unit}" if meaning.unit else ""
    what = (
        f"{column}: flat from {low:g} to {high:g}{unit} at {said * scale:+.3f} "
        f"(changed by at most {change * scale:.3f})"
    )
    note = (what, f"by {who.strip()}", why.strip())
    return flattened(network, k, ends[0], ends[1], value=asked, note=note)[0] if first else network


def _class(outputs: int, classes: Sequence[str], of: str | None) -> int:
    names = [str(name) for name in classes] or [str(k) for k in range(outputs)]
    if outputs <= 2:
        raise InputError(f"of= names one of many classes; this model has {max(1, outputs)} and one sum.")
    if of is None:
        raise InputError(
            f"This model has a sum for each of {outputs} classes; say whose functions: of={names[0]!r} "
            f"(--class {names[0]})."
        )
    if of not in names:
        raise InputError(f"No class is called {of!r}. {near_misses(of, names)}")
    return names.index(of)


def _of(table: torch.Tensor, kind: int) -> torch.Tensor:
    """What tables ``[…, width]`` say of one class: above the mean of all where there are more than two."""
    return table[..., kind] - table.mean(-1) if table.shape[-1] > 1 else table[..., 0]


def _shape(network: Additive, k: int, column: Column, kind: int, scale: float) -> Shape:
    plan = network.plan
    places = [i for i, owner in enumerate(network.owners) if owner == k]
    shares = network.flat_density[places]
    flat = _of(network.flat.detach()[places], kind) * scale
    flat_error = _error(_of(network.member_flat[places], kind)) * scale
    if column.levels:
        size = float((shares * flat.square()).sum().sqrt())
        return Shape(
            column.name, "", column.levels, (), _list(flat), _list(flat_error), _list(shares), None, 0, size
        )
    j = plan.numbers.index(k)
    held = network.knots[j].isfinite()
    values = _of(cast("torch.Tensor", network.shape).detach()[j, held], kind) * scale
    density = network.density[j, held]
    error = _error(_of(network.member_shape[j, held], kind)) * scale
    at = [round(float(z) * column.std + column.mean, 9) for z in network.knots[j, held].double()]
    missing = float(flat[0]) if places else None
    gone = float(shares.sum())
    size = ((1 - gone) * (density * values.square()).sum() + (shares * flat.square()).sum()).sqrt()
    direction = plan.monotone[k]
    rows = (_list(values), _list(error), _list(density))
    return Shape(column.name, column.unit, (), tuple(at), *rows, missing, direction, float(size))


def _error(members: torch.Tensor) -> torch.Tensor:
    """Standard error from members that each left 15 % of the rows out."""
    if not len(members):  # a number that was never missing has no state of its own
        return members.sum(-1)
    return (members.var(-1, correction=0) * BAG / (1 - BAG)).sqrt()


def _pair(network: Additive, q: int, spec: TabularSpec, kind: int, scale: float) -> PairShape:
    a, b = network.plan.pairs[q]
    table = _of(network.cells.table.detach()[q], kind) * scale
    size = float((network.cells.density[q] * table.square()).sum().sqrt())
    (rows, first), (columns, second) = _states(network, a, spec), _states(network, b, spec)
    values = table[rows][:, columns].tolist()
    names = (spec.columns[a].name, spec.columns[b].name)
    return PairShape(names, (first, second), tuple(map(tuple, values)), size)


def _states(network: Additive, k: int, spec: TabularSpec) -> tuple[list[int], tuple[float | str, ...]]:
    column = spec.columns[k]
    if column.levels:
        return list(range(len(column.levels))), column.levels
    knots = network.coarse[network.plan.numbers.index(k)].double()
    held = [i for i, z in enumerate(knots.tolist()) if z != float("inf")]
    at = [round(float(knots[i]) * column.std + column.mean, 9) for i in held]
    return ([*held, network.cells.states - 1], (*at, "missing")) if column.missing else (held, tuple(at))


def _list(values: torch.Tensor) -> tuple[float, ...]:
    return tuple(values.double().tolist())
