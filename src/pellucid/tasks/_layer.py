"""The verb ``layer``: everything about one layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch

from pellucid._core import Compute, Dataset, Subject, untrained
from pellucid.errors import InputError, MethodError, SiteError, near_misses
from pellucid.layers import (
    Exemplars,
    LayerRow,
    LinearProbes,
    RepresentationSimilarity,
    Selectivity,
    SpaceMap,
    UnitEffects,
    exemplars,
    linear_probes,
    quantile_exemplars,
    representation_similarity,
    selectivity,
    space_map,
    summary,
    unit_effects,
)
from pellucid.tasks._rows import held_out, sample

if TYPE_CHECKING:
    from pellucid.figures import Figure

Part = TypeVar("Part")
MOST = 64  # units looked at where nobody names any


@dataclass(frozen=True, slots=True, eq=False)
class LayerPage:
    """What one layer is, sees, tells and is good for, each beside its control.

    Args:
        row: identity and health, beside an untrained copy.
        strongest, middle: real inputs of each unit, the strongest and those of the middle of its range.
        real: the data that both name rows of.
        selectivity, untrained_selectivity: the class that each unit tells best; ``None`` in regression.
        effects: what breaks without each unit; ``None`` in regression.
        probes: what can be read off this layer and its neighbours; ``None`` in regression.
        similarity: this layer and all others.
        notes: what could not be computed, and why.
        space: the inputs where the layer puts them, on a plane.
    """

    row: LayerRow
    strongest: Exemplars
    middle: Exemplars
    real: Dataset
    selectivity: Selectivity | None
    untrained_selectivity: Selectivity | None
    effects: UnitEffects | None
    probes: LinearProbes | None
    similarity: RepresentationSimilarity | None
    notes: tuple[str, ...] = ()
    space: SpaceMap | None = None

    def figures(self) -> list[Figure]:
        """The page, from top to bottom."""
        from pellucid import figures

        drawn = [
            figures.layer_facts(self.row, self.notes),
            figures.unit_grid(
                self.strongest,
                self.middle,
                self.real,
                self.selectivity,
                self.untrained_selectivity,
                self.effects,
            ),
        ]
        if self.effects is not None:
            drawn.append(figures.effects(self.effects, self.real.classes))
        if self.space is not None:
            drawn.append(figures.space_map(self.space, self.real))
        if self.probes is not None:
            drawn.append(figures.probes(self.probes))
        if self.similarity is not None:
            drawn.append(figures.similarity(self.similarity))
        return drawn

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        drawn = self.figures()
        plain = "\n\n".join(f"{each.title}\n{each.alt}\n{each.table.text()}" for each in drawn)
        return {"text/plain": plain, "text/html": "".join(each.static() for each in drawn)}


def layer(
    subject: Subject,
    site: str,
    *,
    units: Sequence[int] | None = None,
    rows: int = 1000,
    compute: Compute | None = None,
) -> LayerPage:
    """Everything about one layer: health, units with their inputs, what can be read off it, what it is like.

    Args:
        subject: a network with data.
        site: the layer, as :func:`pellucid.layers` names it.
        units: which units; left out, the 64 that real inputs excite most.
        rows: most held-out inputs to look at.
        compute: how to run.

    Returns:
        A :class:`LayerPage`.

    Raises:
        SiteError: where the layer does not exist or is not reached.
        TargetError: where a unit does not exist.
        InputError: where the subject has no data.

    Cost:
        About ten passes of ``rows`` inputs and one per unit.

    Example:
        >>> import pellucid
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(200, 3), torch.tensor([0, 1] * 100)))
        >>> page = pellucid.layer(subject, "1")
        >>> page.row.kind, page.selectivity.auc.shape
        ('ReLU', torch.Size([4]))
    """
    how = compute or Compute(batch_size=256)
    data = held_out(subject.needs_data("layer"))
    looked = data.rows(sample(len(data), rows, seed=how.seed))
    every = summary(subject.model, looked.inputs, compute=how)
    row = next((each for each in every.rows if each.site == site), None)
    if row is None:
        raise SiteError(
            f"No layer is called {site!r}. {near_misses(site, [each.site for each in every.rows])}"
        )
    quiet = Compute(how.batch_size, how.seed, how.device)
    strongest = exemplars(subject.model, looked.inputs, site, k=6, units=units, compute=quiet)
    strongest = strongest if units is not None else _most_moved(strongest)
    middle = quantile_exemplars(subject.model, looked.inputs, site, units=strongest.units, compute=quiet)
    notes: list[str] = []

    def tried(what: str, work: Callable[[], Part]) -> Part | None:
        try:
            return work()
        except (InputError, MethodError) as error:
            notes.append(f"{what}: {error}")
            return None

    told = told_before = effects = probes = None
    if subject.classes:
        told = tried("Selectivity", lambda: _told(subject.model, looked, strongest, quiet))
        twin = tried(
            "Untrained copy", lambda: untrained(subject.model, seed=how.seed, calibrate=looked.inputs[:500])
        )
        if twin is not None:
            told_before = tried("Selectivity untrained", lambda: _told(twin, looked, strongest, quiet))
        effects = tried(
            "Unit effects",
            lambda: unit_effects(
                subject.model, looked.inputs, looked.answers, site, units=strongest.units, compute=quiet
            ),
        )
        near = _neighbours([each.site for each in every.rows], site)
        probes = tried(
            "Linear probes",
            lambda: _probed(subject, looked, near, rows, quiet),
        )
    similarity = tried(
        "Similarity",
        lambda: representation_similarity(
            subject.model,
            looked.inputs,
            [site],
            other_sites=[each.site for each in every.rows],
            compute=quiet,
        ),
    )
    told_of = looked.answers if subject.classes else None
    space = tried(
        "Map",
        lambda: space_map(subject.model, looked.inputs, site, told_of, spec=subject.spec, compute=quiet),
    )
    return LayerPage(
        row, strongest, middle, looked, told, told_before, effects, probes, similarity, tuple(notes), space
    )


def _probed(subject: Subject, looked: Dataset, sites: list[str], rows: int, how: Compute) -> LinearProbes:
    """Fitted on rows that the network was trained on, tested on those that it was not."""
    learned = subject.needs_data("layer").part("train")
    fit = learned.rows(sample(len(learned), rows, seed=how.seed))
    test = torch.arange(len(fit) + len(looked)) >= len(fit)
    inputs, answers = (
        torch.cat(pair) for pair in ((fit.inputs, looked.inputs), (fit.answers, looked.answers))
    )
    return linear_probes(subject.model, inputs, answers, sites, held_out=test, compute=how)


def _told(model: torch.nn.Module, looked: Dataset, strongest: Exemplars, how: Compute) -> Selectivity:
    return selectivity(
        model, looked.inputs, looked.answers, strongest.site, units=strongest.units, compute=how
    )


def _most_moved(found: Exemplars) -> Exemplars:
    """The 64 units with the largest values, in their own order."""
    if len(found.units) <= MOST:
        return found
    kept = found.values[:, 0].argsort(descending=True, stable=True)[:MOST].sort().values
    boxes = None if found.boxes is None else found.boxes[kept]
    return dataclasses.replace(
        found, units=found.units[kept], values=found.values[kept], rows=found.rows[kept], boxes=boxes
    )


def _neighbours(sites: list[str], site: str) -> list[str]:
    """The layer with the one before and the one after."""
    place = sites.index(site)
    return sites[max(0, place - 1) : place + 2]
