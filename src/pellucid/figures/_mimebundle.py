"""What a notebook and a terminal show for a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pellucid.figures._figure import Cell, Figure, Table, Word, cell_text
from pellucid.figures._numbers import counted, number
from pellucid.figures._theme import look
from pellucid.figures._value import figures_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table as RichTable

NAMES = 32  # characters of a name that stay on one line
WORDS = 14  # and of other text, which may go on in the next line
LINES = 24
NOTHING = number(None)


def mimebundle(value: object, include: object = None) -> dict[str, object]:
    """What a notebook draws for a value: text, and HTML that needs no script and survives distrust.

    Pictures are PNG with alternative text; the numbers stand below in a table to unfold. Nothing in it is
    executed, so that it shows in untrusted notebooks, on hosting sites and in exports alike.

    Args:
        value: an explanation, subject, card, layer summary, feature pictures, rules, training record, figure.
        include: types that are wanted; ``None`` wants both.

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
    bundle: dict[str, object] = {"text/plain": "\n\n".join(plain)}
    # pictures are drawn for it, which takes far longer than text
    if include is None or "text/html" in cast("Collection[str]", include):
        bundle["text/html"] = "".join(each.static() for each in drawn)
    return bundle


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
        parts += [_Fitting(each.table), *(Text(note, style="dim") for note in notes if note), Text()]
    return Group(*parts)


def _cut(table: Table) -> str:
    return "" if len(table.rows) <= LINES else f"{LINES} of {counted(len(table.rows), 'line')} shown."


@dataclass(frozen=True, slots=True)
class _Fitting:
    """A table as columns, or row by row where the terminal is too narrow for columns that can be read."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        # where not all columns have room, those in which no row says anything go first
        for table in (self.table, self.table.said()):
            least = [_least(table, i) for i in range(len(table.columns))]
            # a column costs a space on either side and one between, outside of all one
            room = options.max_width - 3 * len(least) + 1
            if sum(least) <= room:
                yield _columns(table, _widths(table, least, room))
                return
        yield from _lines(self.table)


def _least(table: Table, i: int) -> int:
    """Characters below which a column can no longer be read: numbers and words are not broken."""
    shown = table.rows[:LINES]
    words = max((len(word) for word in table.columns[i].split()), default=0)
    cells = max((len(cell_text(row[i])) for row in shown), default=0)
    if all(not isinstance(row[i], str) for row in shown):
        return max(words, cells)
    # the first column names things: a name cut short is none
    return max(min(words, NAMES), min(NAMES if i == 0 else WORDS, cells))


def _widths(table: Table, least: Sequence[int], room: int) -> list[int]:
    """What each column needs, the widest made narrower until all fit; rich itself cuts the last one off."""
    widths = [
        max(len(head), low, *(len(cell_text(row[i])) for row in table.rows[:LINES]), 1)
        for i, (head, low) in enumerate(zip(table.columns, least, strict=True))
    ]
    while sum(widths) > room:
        spare = [width - low for width, low in zip(widths, least, strict=True)]
        widths[spare.index(max(spare))] -= 1
    return widths


def _lines(table: Table) -> Iterator[RenderableType]:
    """Each row by itself: its first cell as heading, below it what the columns say."""
    from rich.padding import Padding
    from rich.text import Text

    yield Text()
    for row in table.rows[:LINES]:
        head = cell_text(row[0])
        yield Text(head if " " in head else f"{table.columns[0]} {head}".strip(), style="bold")
        for name, cell in zip(table.columns[1:], row[1:], strict=True):
            if cell_text(cell) not in ("", NOTHING):
                line = Text.assemble((f"{name}: " if name else "", "dim"), (cell_text(cell), _style(cell)))
                yield Padding(line, (0, 0, 0, 2), expand=False)
    yield Text()


def _style(cell: Cell | Word) -> str:
    return look(cell.text).colour if isinstance(cell, Word) else ""


def _columns(table: Table, widths: Sequence[int]) -> RichTable:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = table.rows[:LINES]
    made = RichTable(box=SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(table.columns):
        numeric = all(isinstance(row[i], int | float) or row[i] is None for row in shown)
        side = "right" if numeric and shown else "left"
        made.add_column(Text(column), justify=side, overflow="fold", width=widths[i])
    for row in shown:
        made.add_row(*[Text(cell_text(cell), style=_style(cell)) for cell in row])
    return made
