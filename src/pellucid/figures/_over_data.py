"""Do the maps hold over the data? What an audit holds against a method over all inputs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._figure import Cell, Figure, Table, Word
from pellucid.figures._numbers import GAP, percent

if TYPE_CHECKING:
    from pellucid.evidence import Audit, Measure

OVER_DATA = "Do the maps hold over the data?"
HELD = 3  # columns shown of each method


def over_data(found: Audit) -> Figure:
    """What exchanging or removing does over all inputs, and how much of it the maps of a method tell."""
    rows = [row for row in found.of("method") if row.held is not None]
    masked = any(row.held is not None and row.held.whole is not None for row in rows)
    body: list[tuple[Cell | Word, ...]] = []
    for row in rows:
        if row.held is not None and row.held.whole is not None:
            first = (row.name, Word(row.held.word), "all parts", "–", percent(1, 0), percent(1, 0))
            body.append((*first, share_measured(row.held.whole)))
        columns = () if row.held is None else row.held.columns
        shown = [one for one in columns if one.matters] or ([] if masked else list(columns[:1]))
        # the least told first: what a map hides
        for k, one in enumerate(sorted(shown, key=lambda c: c.told.high)[:HELD]):
            word = row.held.word if row.held is not None else "not run"
            name: Cell = row.name if k == 0 and not masked else ""
            body.append(
                (
                    name,
                    Word(word) if name else "",
                    one.name,
                    "–" if one.turned is None else share_measured(one.turned),
                    percent(one.part, 0),
                    percent(one.shown, 0),
                    share_measured(one.told) if one.told.value == one.told.value else "–",
                )
            )
    against = [row for row in rows if row.held is not None and row.held.word == "failed"]
    alt = (
        "Contradicted over the data: " + " ".join(f"{row.name}. {row.held_reason}" for row in against)
        if against
        else " ".join(f"{row.name}: {row.held_reason}" for row in rows[:1])
    )
    note = (
        "Single columns are exchanged for those of the real rows most alike in the rest. Answers changed, "
        "with 95 % interval; the share of the change of the score that the column makes, and the share that "
        "the maps give it; how much of what exchanging it does the maps foretell, with an interval adjusted "
        f"for all columns: above {percent(1)} they give it more than it does. Failed where a column that "
        "turns more than 5 % of the answers is surely told by "
        f"less than .3. Of the columns that matter, at most {HELD} are shown, the least told first."
    )
    if masked:
        note = (
            "Of all parts together: agreement of the maps beside that of maps fitted to each input's own "
            "reactions. Of single squares, where the values are contributions: the share of the change that "
            "removing them makes, the share that the maps give them, and how much of it the maps foretell, "
            "with an interval adjusted for all squares. Failed where the maps surely tell less than .3 of "
            "what fitted ones do, or less than .3 of a square that makes 5 % of the change; mixed where the "
            "maps are not about this network, as chance cannot be at fault. At most "
            f"{HELD} squares are shown, the least told first."
        )
    alone = [row.name for row in found.of("method") if row.held is None]
    if alone:
        why = (
            "their values are sizes without a sign"
            if masked
            else "their values are no contributions against a reference, so no two maps can be subtracted"
        )
        note += f" Not asked of {', '.join(alone)}: {why}. Of these each input is judged alone."
    part = "part" if masked else "column"
    heads = ("method", "holds", part, "answers changed", "part of the change", "by the maps", "told")
    if masked:
        body, heads = [row[:3] + row[4:] for row in body], heads[:3] + heads[4:]
    return Figure(OVER_DATA, alt, None, None, Table(heads, tuple(body)), note)


def share_measured(one: Measure) -> str:
    """A share with its interval in one cell."""
    return share_text(one.value, one.low, one.high)


def share_text(value: float, low: float, high: float) -> str:
    """The same of three numbers."""
    # no break inside, so that narrow columns stay readable
    return f"{percent(value, 0)}{GAP}[{100 * low:.0f},{GAP}{100 * high:.0f}]".replace("-", "−")
