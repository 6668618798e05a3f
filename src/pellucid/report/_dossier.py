"""What a dossier tells, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from pellucid._core import Dataset, Explanation, InputSpec, Json, Task, brief
from pellucid.report._card import ModelCard
from pellucid.tasks import Slice

if TYPE_CHECKING:
    from pellucid.evidence import Audit, Shortcuts, Survey
    from pellucid.importance import Importance, PartialDependence
    from pellucid.layers import LayerSummary
    from pellucid.rules import Counterfactuals, ReasonCodes, RuleSet
    from pellucid.tasks import (
        Certainty,
        Challenged,
        FeaturePage,
        LayerPage,
        NumberCalibration,
        Performance,
    )
    from pellucid.training import TrainingRecord


@dataclass(frozen=True, slots=True)
class Origin:
    """Which network and data a dossier is about, and how to make it again.

    Args:
        model, data: SHA-256 of parameters and buffers, and of inputs and answers.
        versions: of what computed it.
        seed: the only source of chance.
        command: what makes the same dossier again.
        made: date, as the caller writes it.
        place: run folder, ``module:attr``, or words.
    """

    model: str = ""
    data: str = ""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    seed: int | None = None
    command: str = ""
    made: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One input with everything that was said about it.

    Args:
        row: its number in the data.
        x: the input ``[1, *shape]``.
        true, given: the true answer, empty where nobody knows it, and the network's, in words.
        chosen: the rule that chose it, in words; never "by hand".
        explanations: one per method, each of exactly this row, with their cards.
        confidence: the network's probability for its answer.
    """

    row: int
    x: Tensor
    true: str
    given: str
    chosen: str
    explanations: tuple[Explanation, ...]
    confidence: float | None = None

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class Dossier:
    """All that one report tells. Every part may be missing; then the page says that it was not computed.

    Args:
        name: of the network, short.
        task: classification or regression.
        answer: what is predicted, in words; ``unit`` of it in regression.
        classes: names of the answers; empty in regression.
        spec: what an input means.
        purpose: what it is for, where whoever made the page knows; the author's own words go before.
        limits: what it must not be used for, added to the author's own.
        card: what its author says.
        reader: whose order and words the page begins with.
        origin: which network and data, and how to rebuild.
        data: the data set.
        performance: score on held-out rows; ``picked``: these were picked for a showcase, so it recommends
            nothing; ``ranks``: whether rows of some class surely come before others.
        slices: scores on parts of the rows; recall per class is added by itself.
        certainty: what its probabilities are worth; ``numbers``: in regression, what its numbers are worth.
        record: what was watched while it trained.
        layers: every layer in numbers.
        pages: for some layers, what their units respond to.
        looked: for some layers, everything.
        cases: single inputs, explained.
        survey: methods tested over many rows.
        audit: the audit, where one was made.
        shortcuts: what decides alone, and rows on both sides of the split.
        own: what a network readable by design says of itself, by name.
        rules: a readable stand-in.
        simple: simple models on the same rows.
        recourse, reasons: what would alter the answers of the rows ``asked``, and why they were given.
        importance: what the network uses over many rows; ``dependence``: curves along some columns.
        timings: seconds per step.
        notes: what else a reader must know.
    """

    name: str
    task: Task
    spec: InputSpec | None = None
    answer: str = "answer"
    unit: str = ""
    classes: tuple[str, ...] = ()
    purpose: str = ""
    limits: tuple[str, ...] = ()
    card: ModelCard = field(default_factory=ModelCard)
    reader: str = "everyone"
    origin: Origin = field(default_factory=Origin)
    data: Dataset | None = None
    performance: Performance | None = None
    picked: bool = False
    ranks: bool = False
    slices: tuple[Slice, ...] = ()
    certainty: Certainty | None = None
    numbers: NumberCalibration | None = None
    record: TrainingRecord | None = None
    layers: LayerSummary | None = None
    pages: tuple[FeaturePage, ...] = ()
    looked: tuple[LayerPage, ...] = ()
    cases: tuple[Case, ...] = ()
    survey: Survey | None = None
    audit: Audit | None = None
    shortcuts: Shortcuts | None = None
    own: Mapping[str, object] = field(default_factory=dict[str, object])
    rules: RuleSet | None = None
    simple: Challenged | None = None
    recourse: Counterfactuals | None = None
    reasons: tuple[ReasonCodes, ...] = ()
    asked: tuple[int, ...] = ()
    importance: Importance | None = None
    dependence: tuple[PartialDependence, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict[str, float])
    notes: tuple[str, ...] = ()
    more: Mapping[str, Json] = field(default_factory=dict[str, Json])

    @property
    def said_limits(self) -> tuple[str, ...]:
        """What it must not be used for: the author's own limits first."""
        return (*self.card.limits, *self.limits)


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of a dossier is drawn; less where the page would grow too large.

    Args:
        cases, pages, units, exemplars: how many are shown at most; the page says of how many.
        tile: width of a picture in pixels.
    """

    cases: int
    pages: int
    units: int
    exemplars: int
    tile: int


# the largest first; a page that exceeds its budget is drawn with the next
DETAILS = (
    Detail(24, 8, 16, 5, 152),
    Detail(16, 6, 12, 4, 128),
    Detail(10, 4, 8, 4, 96),
    Detail(4, 2, 6, 3, 64),
)
