"""What a dossier tells, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from pellucid._core import Dataset, Explanation, InputSpec, Json, Task

if TYPE_CHECKING:
    from pellucid.evidence import Audit, Survey
    from pellucid.importance import Importance, PartialDependence
    from pellucid.layers import LayerSummary
    from pellucid.rules import RuleSet
    from pellucid.tasks import FeaturePage, LayerPage, Performance
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


@dataclass(frozen=True, slots=True)
class Slice:
    """How good the network is on some of the rows.

    Args:
        name: which rows, in words.
        value, low, high: the score with its 95 % interval.
        n: how many rows.
    """

    name: str
    value: float
    low: float
    high: float
    n: int


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


@dataclass(frozen=True, slots=True, eq=False)
class Dossier:
    """All that one report tells. Every part may be missing; then the page says that it was not computed.

    Args:
        name: of the network, short.
        task: classification or regression.
        answer: what is predicted, in words; ``unit`` of it in regression.
        classes: names of the answers; empty in regression.
        spec: what an input means.
        purpose, users: what its author says it is for, and for whom.
        limits: what its author says it must not be used for.
        origin: which network and data, and how to rebuild.
        data: the data set.
        performance: score on held-out rows.
        slices: scores on parts of the rows; recall per class is added by itself.
        record: what was watched while it trained.
        layers: every layer in numbers.
        pages: for some layers, what their units respond to.
        looked: for some layers, everything.
        cases: single inputs, explained.
        survey: methods tested over many rows.
        audit: the audit, where one was made.
        rules: a readable stand-in.
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
    users: str = ""
    limits: tuple[str, ...] = ()
    origin: Origin = field(default_factory=Origin)
    data: Dataset | None = None
    performance: Performance | None = None
    slices: tuple[Slice, ...] = ()
    record: TrainingRecord | None = None
    layers: LayerSummary | None = None
    pages: tuple[FeaturePage, ...] = ()
    looked: tuple[LayerPage, ...] = ()
    cases: tuple[Case, ...] = ()
    survey: Survey | None = None
    audit: Audit | None = None
    rules: RuleSet | None = None
    importance: Importance | None = None
    dependence: tuple[PartialDependence, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict[str, float])
    notes: tuple[str, ...] = ()
    more: Mapping[str, Json] = field(default_factory=dict[str, Json])


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
