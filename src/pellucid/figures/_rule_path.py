"""How much each further rule is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._figure import Figure, Table
from pellucid.figures._numbers import counted
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.readable import RulePath

WIDTH, HEIGHT = 330, 200


def rule_path(found: RulePath) -> Figure:
    """AUC with its interval against the number of rules; a ring marks the network that is read.

    Args:
        found: from :meth:`pellucid.readable.RuleClassifier.path` or :func:`pellucid.tasks.rule_path`.

    Returns:
        Figure.

    Example:
        >>> rule_path.__name__
        'rule_path'
    """
    points = [{"rules": p.rules, "auc": p.auc, "low": p.low, "high": p.high} for p in found.points]
    x: Spec = {"field": "rules", "type": "quantitative", "title": "rules"}
    x["axis"] = {"tickMinStep": 1, "tickCount": 6, "grid": False}
    y: Spec = {"field": "auc", "type": "quantitative", "title": "AUC (0.5 guesses, 1 is perfect)"}
    y["scale"] = {"zero": False}
    band: Spec = {"mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.25, "color": OKABE_ITO[0]}}
    band["encoding"] = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    drawn: Spec = {"type": "line", "strokeWidth": 2, "color": OKABE_ITO[0]}
    drawn["point"] = {"size": 40, "filled": True, "color": OKABE_ITO[0]}
    layers: list[Spec] = [band, {"mark": drawn, "encoding": {"x": x, "y": y}}]
    at = next((p for p in found.points if p.most == found.picked), None)
    if at is not None:
        ring: Spec = {"type": "point", "size": 220, "filled": False, "strokeWidth": 2, "color": THEME.ink}
        spot = [{"rules": at.rules, "auc": at.auc}]
        layers.append({"data": {"values": spot}, "mark": ring, "encoding": {"x": x, "y": y}})
    chart: Spec = {"width": WIDTH, "height": HEIGHT, "data": {"values": points}, "layer": layers}
    note = f"AUC and 95 % intervals on {found.counted}; rules are chosen anew for each budget, on other rows."
    return Figure("What each further rule is worth", _words(found), chart, None, _table(found), note)


def _words(found: RulePath) -> str:
    first, near = found.points[0], found.near_best()
    best = max(found.points, key=lambda p: p.auc)
    said = (
        f"AUC {first.auc:.3f} with {_rules(first.rules)}, at most {best.auc:.3f} with {_rules(best.rules)}."
    )
    if near is not best:
        said += f" {_rules(near.rules).capitalize()} come within 0.005 of that."
    shown = any(p.most == found.picked for p in found.points)
    return f"{said} The ring marks the budget of this network." if shown else said


def _rules(count: float) -> str:
    return counted(round(count), "rule") if count == round(count) else f"{count:.1f} rules"


def _table(found: RulePath) -> Table:
    body = tuple(
        (p.most, f"{p.rules:g}", f"{p.conditions:g}", f"{p.auc:.3f}", f"{p.low:.3f} to {p.high:.3f}")
        for p in found.points
    )
    return Table(("most rules", "rules", "conditions in all", "AUC", "95 % interval"), body)
