"""From any value of ours to its figures; the notebook's, the terminal's and the page's common way in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pellucid._core import Check, Explanation, Subject
from pellucid._core._store import write_bytes
from pellucid.errors import InputError
from pellucid.figures._anchor import anchor
from pellucid.figures._atlas import activation_atlas
from pellucid.figures._attended import attended
from pellucid.figures._attention_certificate import attention_certificate
from pellucid.figures._audit import audit
from pellucid.figures._bars import bars, control, longest
from pellucid.figures._bottleneck import bottleneck
from pellucid.figures._calibration import calibration
from pellucid.figures._check import check_figures, check_run, reliability
from pellucid.figures._compare import comparison
from pellucid.figures._concepts import concepts
from pellucid.figures._counterfactual import counterfactual, semifactual
from pellucid.figures._dictionary import dictionary
from pellucid.figures._dissection import dissection
from pellucid.figures._effects import effects
from pellucid.figures._evidence import check_table, evidence, extended
from pellucid.figures._features import feature_tiles
from pellucid.figures._figure import Figure, Table, plain_page
from pellucid.figures._heads import attention_heads
from pellucid.figures._hierarchy import hierarchy
from pellucid.figures._importance import importance, interactions, partial_dependence
from pellucid.figures._influence import influence
from pellucid.figures._layer_gain import layer_gain
from pellucid.figures._layer_map import layer_map
from pellucid.figures._layers import layer_strips
from pellucid.figures._looks_like import prototype_test, this_looks_like_that
from pellucid.figures._marks import panels, table_chart
from pellucid.figures._number_calibration import number_calibration
from pellucid.figures._numbers import counted, number
from pellucid.figures._parts import alike, captions, in_order, notes, targets
from pellucid.figures._patching import attribution_patches, early_exits, edges, patching
from pellucid.figures._picture_trust import picture_trust
from pellucid.figures._probes import probes
from pellucid.figures._reason_codes import reason_codes
from pellucid.figures._rule_frontier import rule_frontier
from pellucid.figures._rule_path import rule_path
from pellucid.figures._rules import rules_table
from pellucid.figures._saliency import Limits, saliency
from pellucid.figures._shapes import shape_functions
from pellucid.figures._shortcuts import shortcuts
from pellucid.figures._similarity import similarity
from pellucid.figures._sound import sound, sound_like
from pellucid.figures._space import space_map
from pellucid.figures._together import co_activation
from pellucid.figures._tokens import text_like, tokens
from pellucid.figures._traced import traced
from pellucid.figures._training import training_curves, training_health
from pellucid.figures._weighted_rules import weighted_rules
from pellucid.figures._words import picture_like

if TYPE_CHECKING:
    from pellucid.rules import Counterfactuals
    from pellucid.tasks import Estimate

ROWS = 4


def explanations(
    explained: Explanation | Sequence[Explanation], *, row: int = 0, limits: Limits = "own"
) -> Figure:
    """Explanations of one input side by side: maps for pictures and sounds, strips for texts, else bars.

    Args:
        explained: one or several of the same input.
        row: which row of them.
        limits: one scale for all panels, or each method its own, the same for all its targets and for the
            control.

    Returns:
        Figure.

    Raises:
        InputError: if there is none, or no such row.

    Example:
        >>> explanations.__name__
        'explanations'
    """
    several = [explained] if isinstance(explained, Explanation) else list(explained)
    if not several:
        raise InputError("There is no explanation to show. Give at least one.")
    if all(picture_like(each) for each in several):
        return saliency(several, row=row, limits=limits, numbers=len(several) > 1)
    if all(sound_like(each) for each in several):
        return sound(several, row=row, limits=limits)
    if all(text_like(each) for each in several):
        return tokens(several, row=row, shared=limits == "shared")
    several = in_order(several, row)
    heads = captions(several, row)
    ends = [longest(each, row) for each in several]
    ends = [max(ends)] * len(ends) if limits == "shared" else alike(several, ends)
    one = len({targets([each], row) for each in several}) == 1
    drawn = [bars(each, row=row, limit=end, head=head, asked=one)
             for each, end, head in zip(several, ends, heads, strict=True)]  # fmt: skip
    cards = [each.cards[row] if row < len(each.cards) else None for each in several]
    below = cards if len(several) > 1 else [None]
    charts = [
        extended(figure.chart, card, 300, below=28)
        for figure, card in zip(drawn, below, strict=True)
        if figure.chart is not None
    ]
    body = tuple(
        (head, *line) for head, figure in zip(heads, drawn, strict=True) for line in figure.table.rows
    )
    return Figure(
        f"Why {targets(several, row)}",
        " ".join(each.alt for each in drawn),
        panels([*charts, control(several[0], row=row, limit=ends[0])], columns=2 if len(charts) == 3 else 3),
        None,
        (drawn[0].table if len(drawn) == 1 else Table(("method", *drawn[0].table.columns), body)).said(),
        notes(several, row),
    )


def save_together(drawn: Sequence[Figure], path: str | Path) -> Path:
    """Write figures into one file: a page has each of them whole, a drawing their charts side by side.

    Where there is no chart, a drawing has the table.

    Args:
        drawn: the figures.
        path: as for :meth:`Figure.save`.

    Returns:
        The path.

    Raises:
        InputError: if none is given.
        StoreError: if the ending is another one, or the file cannot be written.

    Example:
        >>> import tempfile
        >>> figure = Figure("Counts", "One.", None, None, Table(("n",), ((1,),)))
        >>> save_together([figure, figure], tempfile.mkdtemp() + "/counts.html").name
        'counts.html'
    """
    if not drawn:
        raise InputError("There is no figure to write. Give at least one.")
    to = Path(path)
    if len(drawn) == 1:
        return drawn[0].save(to)
    if to.suffix.lower() == ".html":
        write_bytes(plain_page(drawn).encode(), to)
        return to
    title = "; ".join(dict.fromkeys(each.title for each in drawn))
    alt = " ".join(each.alt for each in drawn)
    charts = [each.chart or table_chart(each.table) for each in drawn]
    return Figure(title, alt, panels(charts, columns=3), None, drawn[0].table).save(to)


def figures_of(value: object) -> list[Figure]:
    """All figures that show a value; empty for what is no value of ours."""
    if isinstance(value, Figure):
        return [value]
    for kind in type(value).__mro__:
        if kind.__name__ in _FIGURES and kind.__module__.startswith("pellucid"):
            return _FIGURES[kind.__name__](value)
    return []


def _of_explanation(explanation: Explanation) -> list[Figure]:
    drawn: list[Figure] = []
    for row in range(min(ROWS, len(explanation))):
        drawn.append(explanations(explanation, row=row))
        if row < len(explanation.cards):
            drawn.append(evidence(explanation.cards[row]))
    if len(explanation) > ROWS:
        left = Table(
            ("rows",), ((f"{ROWS} of {counted(len(explanation), 'row')} shown; take .row(i) for one.",),)
        )
        drawn.append(Figure("", f"{ROWS} of {counted(len(explanation), 'row')} shown.", None, None, left))
    return drawn


def _of_subject(subject: Subject) -> list[Figure]:
    data = subject.data
    facts: list[tuple[str, str]] = [
        ("network", type(subject.model).__name__),
        ("task", subject.task),
        ("parameters", f"{sum(p.numel() for p in subject.model.parameters()):,}"),
        ("answers", _few(subject.classes) if subject.classes else "a number"),
        ("data", "none" if data is None else f"{data.name}, {counted(len(data), 'row')}"),
        ("input", type(subject.spec).__name__),
        ("from", subject.origin or "opened in Python"),
    ]
    alt = f"{subject.name}: a network for {subject.task}."
    about = Figure(subject.name, alt, None, None, Table(("", ""), tuple(facts)))
    return [layer_map(subject.layer_map()), about]


def _few(names: Sequence[str], limit: int = 10) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def _of_check(check: Check) -> list[Figure]:
    alt = f"{check.question} {check.word}."
    return [Figure(check.question, alt, None, None, check_table([check]))]


def _of_estimate(found: Estimate) -> list[Figure]:
    about = "" if found.exact else "about "
    alt = (
        f"It takes {about}{counted(found.forward, 'row')} through the network and {found.backward:,} back, "
        f"about {number(found.seconds, 2)} s on this machine, and {number(found.memory / 1e6, 2)} MB beside "
        "the network."
    )
    body = tuple(
        (each.name, each.forward, each.backward, each.seconds, "exact" if each.exact else "about")
        for each in found.steps
    )
    columns = ("step", "rows forward", "rows backward", "seconds", "rows are")
    return [Figure("What it will take", alt, None, None, Table(columns, body))]


def _of_counterfactuals(found: Counterfactuals) -> list[Figure]:
    each = [(counterfactual(found, row=i), semifactual(found, row=i)) for i in range(min(ROWS, len(found)))]
    return [figure for pair in each for figure in pair if figure is not None]


_FIGURES: Mapping[str, Callable[..., list[Figure]]] = MappingProxyType(
    {
        "Explanation": _of_explanation,
        "Subject": _of_subject,
        "Card": lambda card: [evidence(card)],
        "Check": _of_check,
        "Checked": check_run,
        "Outcome": check_figures,
        "NumberCalibration": lambda found: [number_calibration(found)],
        "Reliability": lambda found: [reliability(found)],
        "Estimate": _of_estimate,
        "Audit": audit,
        "Shortcuts": shortcuts,
        "Calibration": calibration,
        "Comparison": comparison,
        "Importance": lambda found: [importance(found)],
        "PartialDependence": lambda found: [partial_dependence(found)],
        "Interactions": lambda found: [interactions(found)],
        "LayerGain": lambda found: [layer_gain(found)],
        "LayerMap": lambda found: [layer_map(found)],
        "LayerSummary": lambda summary: list(layer_strips(summary)),
        "RepresentationSimilarity": lambda found: [similarity(found)],
        "TracedExample": lambda found: [traced(found)],
        "SpaceMap": lambda found: [space_map(found)],
        "LinearProbes": lambda found: [probes(found)],
        "Concepts": lambda found: [concepts(found)],
        "Dissection": lambda found: [dissection(found)],
        "Dictionary": lambda found: [dictionary(found)],
        "EarlyExit": lambda found: [early_exits(found)],
        "ActivationPatching": lambda found: [patching(found)],
        "AttributionPatching": lambda found: [attribution_patches(found)],
        "ActivationAtlas": lambda found: [activation_atlas(found)],
        "AttentionHeads": lambda found: [attention_heads(found)],
        "UnitEffects": lambda found: [effects(found)],
        "CoActivation": lambda found: [co_activation(found)],
        "Hierarchy": lambda found: [hierarchy(found)],
        "EdgeAttribution": lambda found: [edges(found)],
        "FeaturePictures": lambda pictures: [
            feature_tiles(pictures),
            *([] if pictures.trust is None else [picture_trust(pictures)]),
        ],
        "AttentionCertificate": lambda found: [attention_certificate(found)],
        "Attended": lambda found: [attended(found, row=row) for row in range(min(ROWS, len(found)))],
        "Anchor": lambda found: [anchor(found)],
        "ReasonCodes": lambda found: [reason_codes(found)],
        "Counterfactuals": _of_counterfactuals,
        "Shapes": lambda found: [shape_functions(found)],
        "RuleSet": lambda rules: [rules_table(rules)],
        "Frontier": lambda found: [rule_frontier(found)],
        "RulePath": lambda found: [rule_path(found)],
        "WeightedRules": lambda rules: [weighted_rules(rules)],
        "ConceptEvidence": bottleneck,
        "PrototypeEvidence": lambda found: [prototype_test(found)],
        "LooksLike": lambda found: [
            this_looks_like_that(found, row=row) for row in range(min(ROWS, len(found)))
        ],
        "Influence": lambda found: [influence(found, row=row) for row in range(min(ROWS, len(found)))],
        "TrainingRecord": lambda record: [training_curves(record), training_health(record)],
    }
)
