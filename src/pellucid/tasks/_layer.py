"""The verb ``layer``: everything about one layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pellucid._core import Batch, Compute, Dataset, Site, Subject, TargetLike, only_subject
from pellucid._core._functions import HEADS
from pellucid.errors import InputError, SiteError, near_misses
from pellucid.features import FeaturePictures
from pellucid.inputs import TextSpec
from pellucid.layers import (
    AttentionHeads,
    CoActivation,
    Concepts,
    EarlyExit,
    Exemplars,
    LayerGain,
    LayerRow,
    LinearProbes,
    RepresentationSimilarity,
    Selectivity,
    SpaceMap,
    UnitEffects,
    UnitValues,
    attention_heads,
    layer_gain,
    linear_probes,
    representation_similarity,
    space_map,
)
from pellucid.layers._early_exit import exit_near
from pellucid.layers._exemplars import field_of
from pellucid.layers._reach import along, calls, leaves
from pellucid.layers._summary import row_of
from pellucid.tasks._concepts import concepts as named_concepts
from pellucid.tasks._dictionary import DictionaryPage, checked_kind, dictionary_of, refuse_negatives
from pellucid.tasks._rows import held_out, sample
from pellucid.tasks._stages import Stages
from pellucid.tasks._units import Notes, units_seen
from pellucid.training import LayerHealth, TrainingRecord

if TYPE_CHECKING:
    from pellucid.figures import Figure


SHARES = {
    "summary": 4,
    "concepts": 4,
    "units": 40,
    "probes": 4,
    "adds": 3,
    "early": 2,
    "similarity": 2,
    "space": 8,
    "heads": 2,
}


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
        values: what each unit gives for every row.
        together: which units go together.
        pictures: inputs made for the units with the largest effect.
        gain: what can be read better after the layer than before; ``None`` in regression.
        early: what the network would answer here and at the layer before; ``None`` where its last part does
            not take what this layer gives.
        dictionary: of the layer, where it was asked for.
        trained: the layer's row of the training record; ``None`` where training was not watched.
        seed: of every chance.
        space: the inputs where the layer puts them, on a plane.
        heads: where each head looks and what breaks without it; ``None`` where the layer does no attention.
        concepts: whether an answer depends on named concepts here, where sets of them were given.
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
    values: UnitValues | None = None
    together: CoActivation | None = None
    pictures: FeaturePictures | None = None
    gain: LayerGain | None = None
    early: EarlyExit | None = None
    dictionary: DictionaryPage | None = None
    trained: LayerHealth | None = None
    seed: int = 0
    space: SpaceMap | None = None
    heads: AttentionHeads | None = None
    concepts: Concepts | None = None

    def grid(self, *, limit: int = 12, first: int = 0) -> Figure:
        """Some of the units, those with the largest effect first."""
        from pellucid import figures

        return figures.unit_grid(
            self.strongest,
            self.middle,
            self.real,
            self.selectivity,
            self.untrained_selectivity,
            self.effects,
            self.pictures,
            self.values,
            limit=limit,
            first=first,
        )

    def health(self) -> Figure:
        """Dead units, spread, rank and pace, with verdicts."""
        from pellucid import figures

        norm = None if self.trained is None else self.trained.gradient_norm
        ratio = None if self.trained is None else self.trained.update_ratio
        return figures.layer_health(self.row, len(self.real), gradient_norm=norm, update_ratio=ratio)

    def heads_drawn(self, heads: AttentionHeads) -> Figure:
        """The heads, over the first of the inputs."""
        from pellucid import figures

        spec = self.real.spec
        tokens = spec.tokens(self.real.inputs[:1])[0] if isinstance(spec, TextSpec) else ()
        return figures.attention_heads(heads, tokens=tokens)

    def figures(self) -> list[Figure]:
        """The page, from top to bottom."""
        from pellucid import figures

        drawn = [figures.layer_facts(self.row, self.notes), self.grid(), self.health()]
        if self.effects is not None:
            drawn.append(figures.effects(self.effects, self.real.classes))
        if self.heads is not None:
            drawn.append(self.heads_drawn(self.heads))
        if self.together is not None:
            drawn.append(figures.co_activation(self.together))
        if self.space is not None:
            drawn.append(figures.space_map(self.space, self.real))
        if self.similarity is not None:
            drawn.append(figures.similarity(self.similarity))
        if self.probes is not None:
            drawn.append(figures.probes(self.probes))
        if self.gain is not None:
            drawn.append(figures.layer_gain(self.gain, self.real))
        if self.early is not None:
            drawn.append(figures.early_exits(self.early))
        if self.concepts is not None:
            drawn.append(figures.concepts(self.concepts))
        if self.dictionary is not None:
            drawn += self.dictionary.figures()
        return drawn

    def __repr__(self) -> str:
        return f"LayerPage({self.row.site}, {len(self.real)} inputs)"

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
    steps: int = 128,
    dictionary: str | None = None,
    concepts: str | Path | Mapping[str, Tensor] | None = None,
    target: TargetLike | str | None = None,
    compute: Compute | None = None,
) -> LayerPage:
    """Everything about one layer: health, units with their inputs, what can be read off it, what it is like.

    Args:
        subject: a network with data.
        site: the layer, as :func:`pellucid.layers` names it.
        units: which units; left out, the 64 that real inputs excite most.
        rows: most held-out inputs to look at.
        steps: of activation maximization for the 12 units with the largest effect; 0 makes no pictures.
        dictionary: ``"topk"``, ``"batchtopk"``, ``"jumprelu"`` or ``"nmf"`` to learn one of the layer too.
        concepts: sets that show concepts, as :func:`pellucid.concepts` takes them.
        target: the class, or the target, that concepts are asked about.
        compute: how to run.

    Returns:
        A :class:`LayerPage`.

    Raises:
        SiteError: where the layer does not exist or is not reached.
        TargetError: where a unit does not exist.
        InputError: where the subject has no data, there is no such dictionary, or only one of ``concepts``
            and ``target`` is given.
        MethodError: where the layer has negative values and the dictionary is ``"nmf"``.

    Cost:
        About fifteen passes of ``rows`` inputs and one per unit, and ``steps`` passes of 24 rows up to the
        layer, twice. A dictionary costs as much again.

    Example:
        >>> import pellucid
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(200, 3), torch.tensor([0, 1] * 100)))
        >>> page = pellucid.layer(subject, "1", steps=4)
        >>> page.row.kind, page.selectivity.auc.shape
        ('ReLU', torch.Size([4]))
    """
    only_subject(subject)
    how = compute or Compute(batch_size=256)
    if dictionary is not None:
        checked_kind(dictionary)
    if (concepts is None) != (target is None):
        raise InputError("Concepts are asked about a class: give sets of concepts and a target, or neither.")
    data = held_out(subject.needs_data("layer"))
    looked = data.rows(sample(len(data), rows, seed=how.seed))
    stages = Stages(how, SHARES | ({} if dictionary is None else {"dictionary": 60}))
    reached = leaves(calls(subject.model, along(looked.inputs, subject.spec), how))[0]
    names = [each.site for each in reached]
    leaf = next((each for each in reached if each.site == site), None)
    if leaf is None:
        Site.parse(site)  # raises where it is no address at all
        inside = [name for name in names if name.startswith(f"{site}.")]
        if inside:
            raise SiteError(
                f"{site!r} is a block of layers, and this page is of one. {near_misses('', inside)} "
                "Pages of single units, `pellucid features RUN SITE --unit N`, read blocks too."
            )
        raise SiteError(f"No layer is called {site!r}. {near_misses(site, names)}")
    within = stages.of("summary")
    if dictionary is not None:
        refuse_negatives(subject, site, dictionary, looked.inputs, within)
    # of large pictures this takes as long as all measures of units
    field = field_of(subject.model, looked.inputs, site, spec=subject.spec, compute=within)
    row = row_of(subject.model, looked.inputs, leaf, field, spec=subject.spec, compute=within)
    notes = Notes()
    # first, since a set that does not exist is found out here
    named = None
    if concepts is not None and target is not None:
        named = named_concepts(subject, target, concepts, [site], compute=stages.of("concepts"))
    within = stages.of("units")
    seen = units_seen(subject, subject.model, site, looked, units, steps, notes, within, field=field)
    probes = gain = early = None
    if subject.classes:
        near = _near(names, site)
        probes = notes.tried(
            "Linear probes", lambda: _probed(subject, looked, near, rows, stages.of("probes"))
        )
        gain = notes.tried("What it adds", lambda: _gain(subject, looked, site, rows, stages.of("adds")))
        early = notes.tried(
            "Early exit",
            lambda: exit_near(
                subject.model,
                looked.inputs,
                looked.answers,
                site,
                spec=subject.spec,
                compute=stages.of("early"),
            ),
        )
    similarity = notes.tried(
        "Similarity",
        lambda: representation_similarity(
            subject.model,
            looked.inputs,
            [site],
            other_sites=_some(names, site),
            spec=subject.spec,
            compute=stages.of("similarity"),
        ),
    )
    told_of = looked.answers if subject.classes else None
    space = notes.tried(
        "Map",
        lambda: space_map(
            subject.model, looked.inputs, site, told_of, spec=subject.spec, compute=stages.of("space")
        ),
    )
    heads = None
    owner = _attention(names, site)
    if owner is not None:
        heads = notes.tried("Heads", lambda: _heads(subject, looked, owner, stages.of("heads")))
    learned = None
    if dictionary is not None:
        within = stages.of("dictionary")
        learned = dictionary_of(subject, site, dictionary, steps=steps, rows=rows, compute=within)
    stages.end()
    return LayerPage(
        row,
        seen.strongest,
        seen.middle,
        looked,
        seen.selectivity,
        seen.untrained_selectivity,
        seen.effects,
        probes,
        similarity,
        tuple(notes.lines),
        values=seen.values,
        together=seen.together,
        pictures=seen.pictures,
        gain=gain,
        early=early,
        dictionary=learned,
        trained=_trained(subject, site),
        seed=how.seed,
        space=space,
        heads=heads,
        concepts=named,
    )


def _attention(sites: list[str], site: str) -> str | None:
    """The attention that a layer is, or is a part of."""
    ending = f":{HEADS}()"
    owners = [each.removesuffix(ending) for each in sites if each.endswith(ending)]
    return next((each for each in owners if site == each or site.startswith((f"{each}.", f"{each}:"))), None)


def _heads(subject: Subject, looked: Dataset, owner: str, how: Compute) -> AttentionHeads:
    """Every head of the layer, its map for the first input."""
    inputs: torch.Tensor | Batch = looked.inputs
    if isinstance(subject.spec, TextSpec):
        name, along = subject.spec.companions(looked.inputs)
        inputs = Batch({name: looked.inputs}, held=along) if name else inputs
    answers = looked.answers if subject.classes else None
    return attention_heads(subject.model, inputs, owner, answers, shown=1, compute=how)


def _trained(subject: Subject, site: str) -> LayerHealth | None:
    """How the layer fared in the last epoch that was watched."""
    record = subject.record
    if not isinstance(record, TrainingRecord) or not record.epochs:
        return None
    return next((each for each in record.epochs[-1].layers if each.site == site), None)


def _gain(subject: Subject, looked: Dataset, site: str, rows: int, how: Compute) -> LayerGain:
    """What the layer adds; rows are numbered as in ``looked``."""
    inputs, answers, test = _fitting(subject, looked, rows, how)
    found = layer_gain(subject.model, inputs, answers, site, held_out=test, spec=subject.spec, compute=how)
    return dataclasses.replace(found, rows=found.rows - (len(test) - len(looked)))


def _fitting(
    subject: Subject, looked: Dataset, rows: int, how: Compute
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows that the network was trained on, then those that it was not; and which are the latter."""
    learned = subject.needs_data("layer").part("train")
    fit = learned.rows(sample(len(learned), rows, seed=how.seed))
    test = torch.arange(len(fit) + len(looked)) >= len(fit)
    return torch.cat([fit.inputs, looked.inputs]), torch.cat([fit.answers, looked.answers]), test


def _probed(subject: Subject, looked: Dataset, sites: list[str], rows: int, how: Compute) -> LinearProbes:
    """Fitted on rows that the network was trained on, tested on those that it was not."""
    inputs, answers, test = _fitting(subject, looked, rows, how)
    return linear_probes(subject.model, inputs, answers, sites, held_out=test, spec=subject.spec, compute=how)


def _some(sites: list[str], site: str, most: int = 48) -> list[str]:
    """Layers spread over the depth, the one that is asked about among them."""
    if len(sites) <= most:
        return sites
    places = {*torch.linspace(0, len(sites) - 1, most).round().int().tolist(), sites.index(site)}
    return [sites[place] for place in sorted(places)]


def _near(sites: list[str], site: str) -> list[str]:
    """The layer with the one before and the one after."""
    place = sites.index(site)
    return sites[max(0, place - 1) : place + 2]
