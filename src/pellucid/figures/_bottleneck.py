"""A concept bottleneck: what each concept adds, how well it is told, what leaks, what correcting brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._figure import Figure, Table
from pellucid.figures._numbers import counted, interval, number, percent, share_interval, signed
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.readable import ConceptEvidence, ToldConcept

WIDE, HIGH = 380, 200


def bottleneck(found: ConceptEvidence) -> list[Figure]:
    """Concepts with their weights, and the curve of interventions with the leak.

    Args:
        found: from :func:`pellucid.readable.concept_evidence`.

    Returns:
        Two figures; only the first where every concept is computed.

    Example:
        >>> bottleneck.__name__
        'bottleneck'
    """
    if not any(told.learned for told in found.concepts):  # nothing can leak, nothing is to be corrected
        return [_concepts(found)]
    return [_concepts(found), _curve(found)]


def _concepts(found: ConceptEvidence) -> Figure:
    """A line for each concept, those with the largest weights first."""
    order = sorted(found.concepts, key=lambda told: -_reach(told))
    two = len(found.classes) == 2
    weights = (f"adds to {found.classes[1]}",) if two else ("most for", "most against")
    used = [told for told in order if _reach(told) > 0]
    body = tuple(
        (
            told.name,
            "learned" if told.learned else "computed",
            percent(told.share) if told.known else "–",
            f"{percent(told.right / told.known)} {share_interval(told.low, told.high)}"
            if told.known
            else "not known",
            *_weights(found, told),
        )
        for told in used or order
    )
    columns = ("concept", "is", "share of rows", "told right", *weights)
    first = order[0]
    alt = (
        f"The answer is read from {counted(len(order), 'concept')}, {len(used)} of them with a weight. The "
        f"largest: {first.name} ({'; '.join(_weights(found, first))}). A row's answer comes mostly from "
        f"{number(found.ncc, 2)} of them."
    )
    left = len(order) - len(body)
    note = f"{counted(left, 'concept')} without a weight left out." if left else ""
    return Figure("The concepts that decide", alt, None, None, Table(columns, body, note))


def _curve(found: ConceptEvidence) -> Figure:
    values: list[Spec] = []
    for name, curve in (("random order", found.curve), ("least sure first", found.curve_unsure)):
        values += [_point(k, score, name) for k, score in zip(found.corrected, curve, strict=True)]
    chart: Spec = {
        "width": WIDE,
        "height": HIGH,
        "data": {"values": values},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {"field": "corrected", "type": "quantitative", "title": "concepts corrected by hand"},
            "y": {
                "field": "accuracy",
                "type": "quantitative",
                "title": "accuracy",
                "scale": {"zero": False},
                "axis": {"format": ".0%"},
            },
            "color": {
                "field": "order",
                "type": "nominal",
                "title": None,
                "scale": {
                    "domain": ["random order", "least sure first"],
                    "range": [THEME.accent, THEME.muted],
                },
            },
            "strokeDash": {
                "field": "order",
                "type": "nominal",
                "scale": {"domain": ["random order", "least sure first"]},
                "legend": None,
            },
        },
    }
    ends = interval(*(round(100 * end, 2) + 0.0 for end in (found.leak_low, found.leak_high)))
    leak = f"{signed(round(100 * found.leak, 2) + 0.0)} points {ends}"
    verdict = "The concepts carry more than their names say" if found.leaks else "No leak beyond chance"
    leaking = f"{verdict}: accuracy hangs by {leak} on what is not in the true concepts."
    if not found.mixed:  # rows are swapped within their class, so nothing could have been found
        leak = "cannot be tested"
        leaking = (
            "Whether they leak cannot be tested here: the true concepts alone tell the class of every row."
        )
    rises = "rises" if found.curve[-1] > found.curve[0] else "stays" if found.rises else "falls"
    alt = (
        f"Accuracy {rises} from {percent(found.curve[0])} to {percent(found.curve[-1])} when concepts are "
        f"corrected. {leaking}"
    )
    ceiling = "–" if found.ceiling is None else percent(found.ceiling)
    body = (
        ("accuracy with the concepts that are told", percent(found.score)),
        ("with the true ones, same weights", percent(found.score_true)),
        ("with the true ones, weights fitted to them", ceiling),
        ("when told concepts are swapped between rows of the same true ones", percent(found.swapped)),
        ("leak", leak),
        ("rows that could be swapped", f"{found.swappable} of {found.n}"),
        ("weights per class (NEC)", number(found.nec, 3)),
        ("concepts that make up 95 % of an answer (NCC)", number(found.ncc, 3)),
        *((f"{k} corrected", percent(score)) for k, score in zip(found.corrected, found.curve, strict=True)),
    )
    note = (
        "Some concepts are known by class only: correcting them tells of the class itself."
        if found.by_class
        else ""
    )
    return Figure("What correcting concepts brings", alt, chart, None, Table(("", ""), body), note)


def _point(k: int, score: float, name: str) -> Spec:
    return {"corrected": k, "accuracy": score, "order": name}


def _reach(told: ToldConcept) -> float:
    return max(told.weights) - min(told.weights)


def _weights(found: ConceptEvidence, told: ToldConcept) -> tuple[str, ...]:
    if len(found.classes) == 2:
        return (signed(told.weights[1] - told.weights[0]),)
    order = sorted(range(len(told.weights)), key=lambda k: told.weights[k])
    return tuple(f"{found.classes[k]} {signed(told.weights[k])}" for k in (order[-1], order[0]))
