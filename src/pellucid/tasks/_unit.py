"""The verb ``unit_of``: everything about one unit of a layer, or one element of its dictionary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pellucid._core import Check, Compute, Dataset, Subject, only_subject, untrained
from pellucid._core._site import ELEMENTS
from pellucid.errors import InputError
from pellucid.evidence import unit_matters
from pellucid.features import FeaturePictures
from pellucid.layers import (
    ClassAreas,
    CoActivation,
    Dictionary,
    Exemplars,
    UnitEffects,
    UnitValues,
    areas_by_class,
    co_activation,
    exemplar_maps,
    exemplars,
    quantile_exemplars,
    unit_effects,
    unit_values,
    with_elements,
)
from pellucid.layers._exemplars import field_of
from pellucid.tasks._dictionary import checked_element
from pellucid.tasks._rows import held_out, sample
from pellucid.tasks._units import CALIBRATE, Notes, calibrating, made_inputs

if TYPE_CHECKING:
    from pellucid.figures import Figure

OTHERS = 12  # other units that its effect stands beside
THIRDS = ("lowest third", "middle third", "highest third")


@dataclass(frozen=True, slots=True, eq=False)
class UnitPage:
    """One unit: what it sees, what moves it, what it tells, what breaks without it, each beside its control.

    Args:
        site: the layer.
        unit: its number.
        name: for people, such as ``"unit 7 of conv2"``.
        total: units of the layer.
        real: the data that all row numbers name rows of.
        strongest, middle: real inputs that move it most, and those of the middle of its range.
        values: what it gives for every row.
        groups, group_names: the class of every row; in regression the third of the answer.
        areas, untrained_areas: how well it tells each class, here and in an untrained copy.
        effects: what breaks without it, and without some other units; ``None`` in regression.
        matters: whether the answers need it.
        together: the units that go with it; ``None`` where there are none.
        companions: the real inputs that move those most.
        pictures: what was made to move it most; ``None`` where none was made.
        dictionary: of which it is an element; ``None`` for a unit.
        seed: of every chance.
        notes: what could not be computed, and why.
    """

    site: str
    unit: int
    name: str
    total: int
    real: Dataset
    strongest: Exemplars
    middle: Exemplars
    values: UnitValues
    groups: Tensor
    group_names: tuple[str, ...]
    areas: ClassAreas | None
    untrained_areas: ClassAreas | None
    effects: UnitEffects | None
    matters: Check | None
    together: CoActivation | None
    companions: Exemplars | None
    pictures: FeaturePictures | None
    dictionary: Dictionary | None = None
    seed: int = 0
    notes: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether the unit gives more for some of the real inputs than for others."""
        return bool(self.values.values.amax() > self.values.values.amin())

    def figures(self) -> list[Figure]:
        """The page, from top to bottom."""
        from pellucid import figures

        drawn = [figures.unit_inputs(self.strongest, self.middle, self.real, name=self.name)]
        field = figures.field_on_input(self.strongest, self.real) if self.moved else None
        drawn += [] if field is None else [field]
        if self.pictures is not None:
            drawn.append(figures.feature_tiles(self.pictures, self.strongest, self.real))
            drawn += [] if self.pictures.trust is None else [figures.picture_trust(self.pictures)]
        if self.areas is not None and self.moved:
            drawn.append(
                figures.unit_classes(
                    self.values.values[:, 0],
                    self.groups,
                    self.group_names,
                    self.areas,
                    self.untrained_areas,
                    name=self.name,
                )
            )
        if self.effects is not None:
            drawn.append(figures.unit_effect(self.effects, self.real.classes, name=self.name))
        if self.together is not None and self.moved:
            drawn.append(figures.co_activation(self.together, self.companions, self.real, unit=self.unit))
        if self.dictionary is not None:
            drawn.append(figures.dictionary(self.dictionary))
        return drawn

    def __repr__(self) -> str:
        return f"UnitPage({self.site}, unit {self.unit} of {self.total}, {len(self.real)} inputs)"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        drawn = self.figures()
        plain = "\n\n".join(f"{each.title}\n{each.alt}\n{each.table.text()}" for each in drawn)
        return {"text/plain": plain, "text/html": "".join(each.static() for each in drawn)}


def unit_of(
    subject: Subject,
    site: str,
    unit: int,
    *,
    dictionary: Dictionary | None = None,
    steps: int = 256,
    rows: int = 1000,
    compute: Compute | None = None,
) -> UnitPage:
    """Everything about one unit: real inputs, made ones, classes, effect, companions, and their controls.

    Args:
        subject: a network with data.
        site: the layer, as :func:`pellucid.layers` names it.
        unit: its number, from 0.
        dictionary: of that layer; then ``unit`` is the number of one of its elements.
        steps: of activation maximization; 0 makes no pictures.
        rows: most held-out inputs to look at.
        compute: how to run.

    Returns:
        A :class:`UnitPage`.

    Raises:
        SiteError, TargetError: where the layer or the unit does not exist.
        InputError: where the subject has no data, or the dictionary is of another layer.

    Cost:
        Five passes of ``rows`` inputs up to the layer, thirteen from there on, and ``steps`` passes of two
        rows, twice.

    Example:
        >>> import pellucid
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(80, 3), torch.tensor([0, 1] * 40)))
        >>> page = pellucid.unit_of(subject, "0", 2, steps=4)
        >>> page.name, len(page.areas.auc)
        ('unit 2 of 0', 2)
    """
    only_subject(subject)
    how = compute or Compute(batch_size=256)
    if dictionary is not None and dictionary.site != site:
        raise InputError(f"The dictionary is of {dictionary.site!r}, not of {site!r}.")
    data = held_out(subject.needs_data("unit_of"))
    looked = data.rows(sample(len(data), rows, seed=how.seed))
    model = subject.model
    if dictionary is not None:
        checked_element(unit, len(dictionary.decoder))
        model = with_elements(model, dictionary, looked.inputs[:CALIBRATE], spec=subject.spec)
    name = f"unit {unit} of {site}"
    if dictionary is not None:
        name = f"element {unit} of {dictionary.kind} dictionary of {site}"
    looking = _Look(model, looked, site if dictionary is None else ELEMENTS, unit, how)
    return looking.page(subject, site, name, dictionary, steps)


class _Look:
    """All that is measured about one unit, and what could not be."""

    def __init__(self, model: nn.Module, looked: Dataset, at: str, unit: int, how: Compute) -> None:
        self.model, self.looked, self.at, self.unit, self.how = model, looked, at, unit, how
        self.notes = Notes()

    def page(
        self, subject: Subject, site: str, name: str, dictionary: Dictionary | None, steps: int
    ) -> UnitPage:
        """Everything, in the order of the page."""
        x, at, how = self.looked.inputs, self.at, self.how
        spec = subject.spec
        field = field_of(self.model, x, at, spec=spec, compute=self.how)
        strongest = exemplars(self.model, x, at, k=10, units=[self.unit], spec=spec, field=field, compute=how)
        middle = quantile_exemplars(
            self.model, x, at, units=[self.unit], spec=spec, field=field, compute=self.how
        )
        strongest, middle = (
            exemplar_maps(self.model, x, found, spec=spec, compute=self.how) for found in (strongest, middle)
        )
        values = unit_values(self.model, x, at, units=[self.unit], spec=self.looked.spec, compute=self.how)
        groups, names = grouped(self.looked)
        areas = self.notes.tried("Classes", lambda: areas_by_class(values, groups, self.unit))
        before = self.notes.tried("Untrained copy", lambda: self._untrained(groups))
        effects = None
        if subject.classes:
            effects = self.notes.tried("Effect", lambda: self._effects(strongest.total))
        together = self.notes.tried(
            "Companions", lambda: co_activation(self.model, x, at, spec=spec, compute=self.how)
        )
        companions = None
        if together is not None:
            others = together.partners[self.unit]
            companions = exemplars(
                self.model, x, at, k=6, units=others, spec=spec, field=field, compute=self.how
            )
        pictures = None
        if steps:
            pictures = self.notes.tried(
                "Made inputs",
                lambda: made_inputs(subject, self.model, at, [self.unit], steps, how, field=field),
            )
        return UnitPage(
            site,
            self.unit,
            name,
            strongest.total,
            self.looked,
            strongest,
            middle,
            values,
            groups,
            names,
            areas,
            before,
            effects,
            None if effects is None else unit_matters(effects),
            together,
            companions,
            pictures,
            dictionary,
            how.seed,
            tuple(self.notes.lines),
        )

    def _untrained(self, groups: Tensor) -> ClassAreas:
        twin = untrained(self.model, seed=self.how.seed, calibrate=calibrating(self.looked))
        found = unit_values(
            twin, self.looked.inputs, self.at, units=[self.unit], spec=self.looked.spec, compute=self.how
        )
        return areas_by_class(found, groups, self.unit)

    def _effects(self, total: int) -> UnitEffects:
        order = torch.randperm(total, generator=torch.Generator().manual_seed(self.how.seed)).tolist()
        others = [other for other in order if other != self.unit][:OTHERS]
        return unit_effects(
            self.model,
            self.looked.inputs,
            self.looked.answers,
            self.at,
            units=[self.unit, *others],
            spec=self.looked.spec,
            compute=self.how,
        )


def grouped(data: Dataset) -> tuple[Tensor, tuple[str, ...]]:
    """The class of every row; in regression the third of the answer that it lies in.

    Example:
        >>> from pellucid.inputs import ImageSpec
        >>> parts = torch.zeros(3, dtype=torch.uint8)
        >>> rows = Dataset("d", torch.rand(3, 1, 2, 2), torch.tensor([3.0, 1.0, 2.0]), ImageSpec(), (), parts)
        >>> grouped(rows)[0].tolist()
        [2, 0, 1]
    """
    if data.classes:
        return data.answers.cpu(), data.classes
    cuts = data.answers.double().quantile(torch.tensor([1 / 3, 2 / 3], dtype=torch.float64))
    names = tuple(f"{third} of {data.answer}" for third in THIRDS)
    return torch.searchsorted(cuts, data.answers.double().contiguous()), names
