"""The verb ``features``: what the units of a layer respond to most."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pellucid._core import Compute, Dataset, Subject, only_subject
from pellucid.errors import InputError
from pellucid.features import Choice, FeaturePictures, Objective, Transforms, activation_maximization
from pellucid.inputs import TextSpec
from pellucid.layers import Exemplars
from pellucid.layers import exemplars as strongest_inputs
from pellucid.tasks._climbs import Asked, climbed
from pellucid.tasks._feature_sites import last_site
from pellucid.tasks._rows import held_out, sample
from pellucid.tasks._texts_made import texts_made


@dataclass(frozen=True, slots=True, eq=False)
class FeaturePage:
    """Synthetic inputs of a layer's units beside the real inputs that excite the same units most.

    Args:
        pictures: what activation maximization found, with its controls.
        exemplars: the most exciting real inputs; their ``rows`` number the rows of ``real``. ``None`` for
            what is not single units: the strongest real inputs are then in ``pictures``.
        real: those inputs, each once; ``None`` alike.
    """

    pictures: FeaturePictures
    exemplars: Exemplars | None = None
    real: Dataset | None = None

    def __repr__(self) -> str:
        return f"FeaturePage({self.pictures.site}, {len(self.pictures.pictures)} objectives)"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(figures.feature_tiles(self.pictures, self.exemplars, self.real))


def features(
    subject: Subject,
    site: str | None = None,
    *,
    units: Sequence[int] | None = None,
    objectives: Sequence[Objective] = (),
    accentuate: Sequence[int] = (),
    caricatures: Sequence[int] = (),
    faces: int | None = None,
    steps: int = 256,
    seeds: int = 2,
    transforms: Transforms = "auto",
    statistics: Choice = "auto",
    exemplars: int = 6,
    rows: int = 2000,
    twin: Subject | None = None,
    keep: str | Path | None = None,
    compute: Compute | None = None,
) -> FeaturePage:
    """What the units of a layer respond to most: made inputs, real inputs, and the untrained control.

    Args:
        subject: a network with data.
        site: layer, as :func:`pellucid.layers` names it; left out, the last hidden layer with weights.
        units: unit or channel numbers; left out, all.
        objectives: what is climbed in place of units, as for
            :func:`pellucid.features.activation_maximization`; for classes no layer is named.
        accentuate: row numbers of the data, where climbs start, each towards the objectives; without any,
            towards the class that the network reads.
        caricatures: row numbers of the data, of which the layer's picture is exaggerated.
        faces: that many pictures of each objective, held apart from each other.
        steps, seeds, transforms, statistics: of :func:`~pellucid.features.activation_maximization`; texts
            are made by :func:`~pellucid.features.token_maximization`, for units or classes.
        exemplars: real inputs per unit.
        rows: most real inputs to look at.
        twin: the same network trained from another start, such as a run with another seed; made inputs are
            shown to it too.
        keep: folder for finished portions; the same call goes on after the last one.
        compute: how to run.

    Returns:
        A :class:`FeaturePage`.

    Raises:
        SiteError: where the layer does not exist or is not reached.
        TargetError: where a unit or class does not exist, or objectives do not go together.
        InputError: where a row does not exist or the subject has no data.
        StoreError: where ``keep`` holds something else.
        MethodError: where no layer is named and none that is hidden has weights.

    Cost:
        ``steps`` forward and backward passes of ``units × seeds`` rows up to the layer, twice (the untrained
        copy), and one forward pass of ``rows`` rows.

    Limits:
        A made picture shows what drives a unit beyond real inputs; the numbers beside it say how far it lies
        from them, whether another start finds the same, and whether an untrained network does as well.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(80, 3), torch.tensor([0, 1] * 40)))
        >>> pellucid.features(subject, "0", steps=4).pictures.units.tolist()
        [0, 1, 2, 3]
    """
    only_subject(subject)
    data = subject.needs_data("features")
    looked = data.rows(sample(len(data), rows, seed=(compute or Compute()).seed))
    second = None if twin is None else twin.model
    asked = Asked(
        units, objectives, accentuate, caricatures, faces, steps, seeds, transforms, statistics, keep, second
    )
    if isinstance(subject.spec, TextSpec):
        texts = texts_made(subject, site, looked.inputs, asked, compute)
        return _beside(texts, subject, looked, exemplars, compute)
    if accentuate or caricatures or objectives or faces is not None:
        return FeaturePage(climbed(subject, site, looked.inputs, asked, compute))
    chosen = site if site is not None else last_site(subject)
    index = None if units is None else torch.as_tensor(list(units), dtype=torch.int64)
    if index is not None and not len(index):
        raise InputError("units is empty; name at least one, or leave it out for all.")
    made = activation_maximization(
        subject.model,
        chosen,
        spec=subject.spec,
        data=looked.inputs,
        units=index,
        steps=steps,
        seeds=seeds,
        transforms=transforms,
        statistics=statistics,
        twin=second,
        keep=keep,
        compute=compute,
    )
    return _beside(made, subject, looked, exemplars, compute)


def first_units(subject: Subject, site: str, most: int) -> list[int] | None:
    """The ``most`` units that real inputs excite most, by number; ``None`` where there are no more."""
    data = held_out(subject.needs_data("features"))
    some = data.inputs[sample(len(data), 500)]
    found = strongest_inputs(subject.model, some, site, k=1, spec=subject.spec)
    if len(found.units) <= most:
        return None
    return sorted(found.units[found.values[:, 0].argsort(descending=True)[:most]].tolist())


def _beside(
    made: FeaturePictures, subject: Subject, looked: Dataset, k: int, compute: Compute | None
) -> FeaturePage:
    """The strongest real inputs of the same units beside what was made."""
    real = strongest_inputs(
        subject.model, looked.inputs, made.site, k=k, units=made.units, spec=subject.spec, compute=compute
    )
    return FeaturePage(made, *_compact(real, looked))


def _compact(real: Exemplars, looked: Dataset) -> tuple[Exemplars, Dataset]:
    """The exemplars with only the rows that they name."""
    kept, number = real.rows.clamp_min(0).unique(return_inverse=True)
    numbered = torch.where(real.rows < 0, real.rows, number)
    return dataclasses.replace(real, rows=numbered), looked.rows(kept)
