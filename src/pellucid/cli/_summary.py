"""What a dossier found, in the few lines that a terminal can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from pellucid._core import Check
    from pellucid.layers import LayerRow
    from pellucid.report import Case, Dossier

REASONS = 4
LAYERS = 24  # of a deep network


def summary(found: Dossier) -> RenderableType:
    """Accuracy, layers, one prediction with its evidence, and rules, each in a few lines."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(f"\n{found.name}", style="bold")]
    if found.performance is not None:
        parts.append(Text(f"  {found.performance}"))
    if found.layers is not None:
        parts += [Text("\nWhat its layers are like", style="bold"), *_layers(found.layers.rows)]
    if found.cases:
        parts += _reasons(found.cases[-1])
    if found.rules is not None:
        parts += [
            Text("\nWhat it does, as rules", style="bold"),
            Text("  " + "\n  ".join(found.rules.summary())),
        ]
        parts += [Text(f"  · {line}") for line in _rules(found)]
    return Group(*parts)


def _layers(rows: Sequence[LayerRow]) -> list[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from pellucid.figures._layers import outer_calls

    table = Table(box=None, pad_edge=True)
    fields = any(row.field for row in rows)  # a dense layer or a text has none
    for name in ("layer", "shape", *(["sees"] if fields else []), "dead", "effective rank", "untrained"):
        table.add_column(name, justify="left" if name == "layer" else "right", no_wrap=True)
    known = [row for row in rows if row.parameters or row.dead]
    shown = outer_calls(known, LAYERS)
    for row in shown:
        table.add_row(*_layer(row, fields=fields))
    left = Text(f"  {len(shown)} of {len(known)} shown; the page has all.")
    return [table, left] if len(shown) < len(known) else [table]


def _layer(row: LayerRow, *, fields: bool) -> tuple[str, ...]:
    from pellucid._core import percent

    return (
        row.site,
        " × ".join(map(str, row.shape)),
        *([" × ".join(map(str, row.field)) if row.field else "–"] if fields else []),
        percent(row.dead, 0),
        f"{row.rank:.1f} of {row.rank_units}",
        "–" if row.untrained_rank is None else f"{row.untrained_rank:.1f}",
    )


def _reasons(case: Case) -> list[RenderableType]:
    from rich.text import Text

    from pellucid import figures

    why = case.explanations[0]
    title = (
        f"\nWhy held-out row {case.row} is answered {case.given!r} (true: {case.true!r}; {case.chosen})"
        if case.true
        else f"\nWhy {case.chosen} is answered {case.given!r}"
    )
    parts: list[RenderableType] = [Text(title, style="bold"), Text(f"  {figures.words(why)}")]
    for card in why.cards[:1]:
        parts.append(Text(f"  {card.verdict}: {card.reason}"))
        parts += [
            Text(f"    {_sign(check.word)} {check.question} {check.word}{_numbers(check)}")
            for check in card.checks
        ]
    return parts


def _numbers(check: Check) -> str:
    if check.value is None:
        return ""
    control = "" if check.control is None else f"; {check.control_name}: {check.control:.2f}"
    return f" {check.value:.2f}{control}"


def _sign(word: str) -> str:
    return {"passed": "●", "mixed": "◐", "failed": "○"}.get(word, "–")


def _rules(found: Dossier) -> list[str]:
    from pellucid import figures

    known = () if found.rules is None else found.rules.rules
    shown = sorted(known, key=lambda rule: -rule.support)[:REASONS]
    return [
        f"if {figures.rule_text(rule)}: {rule.outcome} ({figures.counted(rule.support, 'row')})"
        for rule in shown
    ]
