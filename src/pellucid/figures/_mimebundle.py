"""What a notebook and a terminal show for a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._figure import Figure, Table, Word, cell_text
from pellucid.figures._numbers import counted
from pellucid.figures._theme import look
from pellucid.figures._value import figures_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable

NAMES = 32  # characters of a name that stay on one line
LINES = 24


def mimebundle(value: object) -> dict[str, object]:
    """What a notebook draws for a value: text, and HTML that needs no script and survives distrust.

    Pictures are PNG with alternative text; the numbers stand below in a table to unfold. Nothing in it is
    executed, so that it shows in untrusted notebooks, on hosting sites and in exports alike.

    Args:
        value: an explanation, subject, card, layer summary, feature pictures, rules, training record, figure.

    Returns:
        ``text/plain`` and ``text/html``; only text for what is no value of ours.

    Example:
        >>> sorted(mimebundle(Figure("n", "Three.", None, None, Table(("n",), ((3,),)))))
        ['text/html', 'text/plain']
    """
    drawn = figures_of(value)
    if not drawn:
        return {"text/plain": repr(value)}
    plain = (
        [] if isinstance(value, Figure) else [repr(value) if len(repr(value)) < 200 else type(value).__name__]
    )
    plain += [
        "\n".join(part for part in (each.title, each.alt, each.table.text(), each.note) if part)
        for each in drawn
    ]
    return {"text/plain": "\n\n".join(plain), "text/html": "".join(each.static() for each in drawn)}


def text(value: object) -> RenderableType:
    """What a terminal shows for a value: words, then compact tables as rich draws them.

    Args:
        value: as for :func:`mimebundle`.

    Returns:
        Something that a ``rich.console.Console`` prints; ``repr`` for what is no value of ours.

    Example:
        >>> text(3)
        '3'
    """
    drawn = figures_of(value)
    if not drawn:
        return repr(value)
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for each in drawn:
        parts += [Text(each.title, style="bold"), Text(each.alt)] if each.title else [Text(each.alt)]
        notes = [_cut(each.table), each.table.note, each.note]
        parts += [_rich(each.table), *(Text(note, style="dim") for note in notes if note), Text()]
    return Group(*parts)


def _cut(table: Table) -> str:
    return "" if len(table.rows) <= LINES else f"{LINES} of {counted(len(table.rows), 'line')} shown."


def _rich(table: Table) -> RichTable:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = table.rows[:LINES]
    made = RichTable(box=SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(table.columns):
        numeric = all(isinstance(row[i], int | float) or row[i] is None for row in shown)
        # the first column names things: a name cut short is none. A least width would push the last
        # columns over the edge, where their numbers are cut
        wide = max((len(str(row[i])) for row in shown), default=0)
        wide = min(NAMES, max(wide, *map(len, column.split()), 1)) if i == 0 else None
        side = "right" if numeric and shown else "left"
        made.add_column(Text(column), justify=side, overflow="fold", width=wide)
    for row in shown:
        made.add_row(
            *[Text(cell_text(c), style=look(c.text).colour if isinstance(c, Word) else "") for c in row]
        )
    return made
