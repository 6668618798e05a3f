"""How close rules come to a network against how much there is to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._figure import Figure, Table
from pellucid.figures._numbers import counted, percent, share_interval
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.rules import Frontier, RuleSet

WIDTH, HEIGHT = 270, 180
RULES, NULL = "rules of the network", "without the network"


def rule_frontier(found: Frontier, *, picked: RuleSet | None = None) -> Figure:
    """Fidelity with its interval against the number of conditions, beside the null.

    Args:
        found: from :func:`pellucid.rules.rule_frontier`.
        picked: the set that is read; a ring marks it.

    Returns:
        Figure.

    Example:
        >>> rule_frontier.__name__
        'rule_frontier'
    """
    points = [
        {
            "conditions": each.conditions,
            "series": name,
            "value": value,
            "low": each.fidelity_low if name == RULES else None,
            "high": each.fidelity_high if name == RULES else None,
        }
        for name in (RULES, NULL)
        for each in found.sets
        for value in (each.fidelity if name == RULES else each.null_fidelity,)
    ]
    x: Spec = {"field": "conditions", "type": "quantitative", "title": "conditions to read"}
    x["scale"] = {"zero": False}
    x["axis"] = {"tickMinStep": 1, "tickCount": 6, "grid": False}
    classes = bool(found.sets[0].classes)
    y: Spec = {"field": "value", "type": "quantitative"}
    y["title"] = "same answer (fidelity)" if classes else "variance explained (R²)"
    y["axis"] = {"format": ".0%", "tickCount": 5}
    y["scale"] = {"zero": False}
    colour: Spec = {"field": "series", "type": "nominal", "title": None}
    colour["scale"] = {"domain": [RULES, NULL], "range": [OKABE_ITO[0], THEME.muted]}
    colour["legend"] = {"orient": "bottom", "symbolType": "stroke", "symbolSize": 400, "symbolStrokeWidth": 2}
    dash: Spec = {**colour, "scale": {"domain": [RULES, NULL], "range": [[1, 0], [6, 4]]}}
    band: Spec = {"mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.25, "color": OKABE_ITO[0]}}
    band |= {"transform": [{"filter": "isValid(datum.low)"}]}
    band["encoding"] = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    line: Spec = {"mark": {"type": "line", "strokeWidth": 2, "point": {"size": 40, "filled": True}}}
    line["encoding"] = {"x": x, "y": y, "color": colour, "strokeDash": dash}
    layers = [band, line]
    at = next((each for each in found.sets if picked is not None and each.rules == picked.rules), None)
    if at is not None:
        ring: Spec = {"type": "point", "size": 220, "filled": False, "strokeWidth": 2, "color": THEME.ink}
        spot = [{"conditions": at.conditions, "value": at.fidelity}]
        layers.append({"data": {"values": spot}, "mark": ring, "encoding": {"x": x, "y": y}})
    chart: Spec = {"width": WIDTH, "height": HEIGHT, "data": {"values": points}, "layer": layers}
    return Figure("Fidelity against length", _words(found, at), chart, None, _table(found), _note(found))


def _words(found: Frontier, at: RuleSet | None) -> str:
    short = found.sets[0]
    best = max(found.sets, key=lambda each: each.fidelity)
    said = (
        f"From {percent(short.fidelity)} with {counted(short.conditions, 'condition')} to "
        f"{percent(best.fidelity)} with {counted(best.conditions, 'condition')}."
    )
    clear = [each for each in found.sets if each.excess_low > 0]
    if clear:
        least = min(each.conditions for each in clear)
        said += f" Clearly closer to the network than rules of the true answers from {least} conditions on"
        said += (
            "." if len(clear) == len([e for e in found.sets if e.conditions >= least]) else ", not always."
        )
    else:
        said += " At no length clearly closer to the network than rules of the true answers."
    return said if at is None else f"{said} The ring marks the rules that were picked."


def _note(found: Frontier) -> str:
    rows = counted(found.n_chosen, "validation row")
    if found.apart:
        return (
            f"Rules are picked on {rows}; fidelity is counted on {counted(found.sets[0].n_test, 'test row')}."
        )
    return (
        f"There are too few rows to pick on other rows than these {counted(found.n_chosen, 'held-out row')}: "
        "the best of several is somewhat flattered."
    )


def _table(found: Frontier) -> Table:
    body = tuple(
        (
            each.conditions,
            len(each),
            f"{percent(each.fidelity)} {share_interval(each.fidelity_low, each.fidelity_high)}",
            percent(each.null_fidelity),
            f"{100 * each.excess_low:+.1f} to {100 * each.excess_high:+.1f}".replace("-", "−"),
            percent(each.coverage),
            percent(each.differ_fidelity) if each.differ else "",
            percent(each.steady) if each.regrown else "",
        )
        for each in found.sets
    )
    heads = ["conditions", "rules", "fidelity", "null", "difference, points", "a rule speaks"]
    more = ["where the network is wrong", "same answers when regrown"]
    kept = [6] if found.sets[0].differ else []
    kept += [7] if found.sets[0].regrown else []
    shown = [*range(6), *kept]
    every = [*heads, *more]
    return Table(tuple(every[k] for k in shown), tuple(tuple(row[k] for k in shown) for row in body))
