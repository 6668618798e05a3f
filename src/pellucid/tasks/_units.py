"""What is measured about the units of one place, be they a layer's or a dictionary's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from pellucid._core import Compute, Dataset, Subject, untrained
from pellucid._core._field import Field
from pellucid.errors import InputError, MethodError
from pellucid.features import FeaturePictures, activation_maximization, token_maximization
from pellucid.inputs import TextSpec
from pellucid.layers import (
    CoActivation,
    Exemplars,
    Selectivity,
    UnitEffects,
    UnitValues,
    co_activation,
    exemplar_maps,
    exemplars,
    quantile_exemplars,
    selectivity,
    unit_effects,
    unit_values,
)
from pellucid.layers._exemplars import field_of
from pellucid.tasks._rows import sample
from pellucid.tasks._stages import Stages

Part = TypeVar("Part")
MOST = 64  # units looked at where nobody names any
DRAWN = 12  # units with pictures
FITTED = 2000  # rows whose statistics made inputs keep to
CALIBRATE = 500


@dataclass(frozen=True, slots=True, eq=False)
class UnitsSeen:
    """The units of one place, each beside its control.

    Args:
        strongest, middle: real inputs of each unit, the strongest and those of the middle of its range.
        values: what each gives for every row.
        selectivity, untrained_selectivity: the class that each tells best; ``None`` in regression.
        effects: what breaks without each; ``None`` in regression.
        together: which go together; ``None`` for a single one.
        pictures: inputs made for the units with the largest effect; ``None`` where none were made.
    """

    strongest: Exemplars
    middle: Exemplars
    values: UnitValues
    selectivity: Selectivity | None
    untrained_selectivity: Selectivity | None
    effects: UnitEffects | None
    together: CoActivation | None
    pictures: FeaturePictures | None


class Notes:
    """What could not be computed, and why."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tried(self, what: str, work: Callable[[], Part]) -> Part | None:
        """The part, or nothing with a note where the method does not fit this network."""
        try:
            return work()
        except (InputError, MethodError) as error:
            self.lines.append(f"{what}: {error}")
            return None


def units_seen(
    subject: Subject,
    model: nn.Module,
    at: str,
    looked: Dataset,
    units: Sequence[int] | None,
    steps: int,
    notes: Notes,
    how: Compute,
    *,
    field: Field | None = None,
) -> UnitsSeen:
    """Measure the units of a place in a network, which may be the subject's with a dictionary in it.

    ``field`` is what each position of the place sees of an input, where it is known already.
    """
    x, spec = looked.inputs, subject.spec
    stages = Stages(how, {"real": 3, "told": 1, "untrained": 1, "effects": 8, "together": 2, "made": 12})
    within = stages.of("real")
    field = field or field_of(model, x, at, spec=spec, compute=within)
    strongest = exemplars(model, x, at, k=6, units=units, spec=spec, field=field, compute=within)
    strongest = strongest if units is not None else _most_moved(strongest)
    chosen = strongest.units
    middle = quantile_exemplars(model, x, at, units=chosen, spec=spec, field=field, compute=within)
    strongest, middle = (
        exemplar_maps(model, x, found, spec=spec, compute=within) for found in (strongest, middle)
    )
    values = unit_values(model, x, at, units=chosen, spec=spec, compute=within)
    told = before = effects = None
    if subject.classes:
        answers = looked.answers
        told = notes.tried(
            "Selectivity",
            lambda: selectivity(model, x, answers, at, units=chosen, spec=spec, compute=stages.of("told")),
        )
        before = notes.tried(
            "Selectivity untrained", lambda: _untrained(model, at, looked, chosen, stages.of("untrained"))
        )
        effects = notes.tried(
            "Unit effects",
            lambda: unit_effects(
                model, x, answers, at, units=chosen, spec=spec, compute=stages.of("effects")
            ),
        )
    together = notes.tried(
        "Companions", lambda: co_activation(model, x, at, spec=spec, compute=stages.of("together"))
    )
    pictures = None
    if steps:
        first = chosen if effects is None else chosen[effects.margin.argsort(descending=True, stable=True)]
        pictures = notes.tried(
            "Made inputs",
            lambda: made_inputs(
                subject, model, at, first[:DRAWN].tolist(), steps, stages.of("made"), field=field
            ),
        )
    stages.end()
    return UnitsSeen(strongest, middle, values, told, before, effects, together, pictures)


def made_inputs(
    subject: Subject,
    model: nn.Module,
    at: str,
    units: Sequence[int],
    steps: int,
    how: Compute,
    *,
    field: Field | None = None,
) -> FeaturePictures:
    """What is made to move some units most, within the statistics of the subject's data."""
    data = subject.needs_data("made inputs")
    some = data.inputs[sample(len(data), FITTED, seed=how.seed)]
    if isinstance(subject.spec, TextSpec):
        return token_maximization(
            model, at, spec=subject.spec, data=some, units=units, steps=steps, compute=how
        )
    return activation_maximization(
        model, at, spec=subject.spec, data=some, units=units, steps=steps, field=field, compute=how
    )


def calibrating(data: Dataset) -> torch.Tensor | None:
    """Inputs for the statistics of an untrained copy; none of texts, which need something along with them."""
    return None if isinstance(data.spec, TextSpec) else data.inputs[:CALIBRATE]


def _untrained(model: nn.Module, at: str, looked: Dataset, units: torch.Tensor, how: Compute) -> Selectivity:
    twin = untrained(model, seed=how.seed, calibrate=calibrating(looked))
    x, answers = looked.inputs, looked.answers
    return selectivity(twin, x, answers, at, units=units, spec=looked.spec, compute=how)


def _most_moved(found: Exemplars) -> Exemplars:
    """The 64 units with the largest values, in their own order."""
    if len(found.units) <= MOST:
        return found
    kept = found.values[:, 0].argsort(descending=True, stable=True)[:MOST].sort().values
    boxes, positions = (None if part is None else part[kept] for part in (found.boxes, found.positions))
    return dataclasses.replace(
        found,
        units=found.units[kept],
        values=found.values[kept],
        rows=found.rows[kept],
        boxes=boxes,
        positions=positions,
    )
