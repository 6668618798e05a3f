"""Climbs that are not of single units: other objectives, faces, accentuation, caricatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from pellucid._core import Compute, Subject, predict
from pellucid.errors import InputError
from pellucid.features import (
    Choice,
    Difference,
    FeaturePictures,
    Logit,
    Objective,
    Transforms,
    Unit,
    accentuation,
    activation_maximization,
    caricature,
)
from pellucid.tasks._feature_sites import faces_at, last_site
from pellucid.tasks._rows import rows_named

APART = 3.0  # halves the agreement of seeds or more, and costs a tenth of the value: measured on two networks


@dataclass(frozen=True, slots=True)
class Asked:
    """What is climbed, in place of single units."""

    units: Sequence[int] | None
    objectives: Sequence[Objective]
    accentuate: Sequence[int]
    caricatures: Sequence[int]
    faces: int | None
    steps: int
    seeds: int
    transforms: Transforms
    statistics: Choice
    keep: str | Path | None
    twin: nn.Module | None


def climbed(
    subject: Subject, site: str | None, data: Tensor, asked: Asked, compute: Compute | None
) -> FeaturePictures:
    """One of the climbs that are not of single units."""
    if asked.faces is not None and asked.faces < 1:
        raise InputError(
            f"faces is how many pictures are made of each, such as 4; got {asked.faces}. Leave it out."
        )
    if len([1 for each in (asked.accentuate, asked.caricatures, asked.faces) if each]) > 1:
        raise InputError("Faces, accentuation and caricatures are made apart; ask for one of them.")
    if asked.twin is not None and (asked.accentuate or asked.caricatures):
        raise InputError(
            "A second network is shown inputs that are made from nothing; accentuations and caricatures "
            "start at real ones. Leave twin out."
        )
    if asked.units is not None and asked.objectives:
        raise InputError("Name units or other objectives, not both; Unit(3) is unit 3.")
    goals = list(asked.objectives) or [Unit(i) for i in asked.units or ()]
    model, spec = subject.model, subject.spec
    of_classes = any(isinstance(each, Logit | Difference) for each in goals) or (
        bool(asked.accentuate) and not goals
    )
    place = site if site is not None or of_classes else last_site(subject)
    if asked.caricatures:
        if goals or place is None:
            raise InputError(
                "A caricature is of all that a layer makes of an input; name no units or classes."
            )
        return caricature(
            model,
            place,
            _rows(subject, asked.caricatures),
            names=[f"row {row}" for row in asked.caricatures],
            spec=spec,
            data=data,
            steps=asked.steps,
            seeds=asked.seeds,
            transforms=asked.transforms,
            statistics=asked.statistics,
            keep=asked.keep,
            compute=compute,
        )
    if asked.accentuate:
        if of_classes and not goals and site not in (None, "."):
            raise InputError(
                f"Without units, rows are pushed towards what the network answers, not within {site!r}: name "
                "units of it, leave the layer away, or ask for a caricature, which exaggerates a whole layer."
            )
        start = _rows(subject, asked.accentuate)
        return accentuation(
            model,
            place,
            start.repeat_interleave(max(1, len(goals)), 0),
            names=[f"row {row}" for row in asked.accentuate for _ in goals or (None,)],
            spec=spec,
            data=data,
            objectives=goals * len(start) or _read(subject, start),
            steps=asked.steps,
            seeds=asked.seeds,
            transforms=asked.transforms,
            statistics=asked.statistics,
            keep=asked.keep,
            compute=compute,
        )
    return activation_maximization(
        model,
        place,
        spec=spec,
        data=data,
        objectives=goals or None,
        steps=asked.steps,
        seeds=asked.faces or asked.seeds,
        transforms=asked.transforms,
        statistics=asked.statistics,
        diversity=APART if asked.faces else 0.0,
        diversity_at=faces_at(subject) if asked.faces and of_classes else None,
        twin=asked.twin,
        keep=asked.keep,
        compute=compute,
    )


def _rows(subject: Subject, numbers: Sequence[int]) -> Tensor:
    data = subject.needs_data("features")
    return data.inputs[rows_named(data, list(numbers))]


def _read(subject: Subject, inputs: Tensor) -> list[Objective]:
    """The class that the network reads in each input; the one output where there is one."""
    scores = predict(subject.model, inputs, spec=subject.spec)
    read = scores.argmax(1).tolist() if scores.ndim > 1 else [0] * len(scores)
    return [Logit(k, subject.classes[k] if k < len(subject.classes) else "") for k in read]
