"""Attention weights over columns, with what they are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._figure import Figure, Table, Word
from pellucid.figures._numbers import counted, number, percent
from pellucid.figures._theme import Spec

if TYPE_CHECKING:
    from pellucid.readable import AttentionCertificate

_MOST = 20


def attention_certificate(found: AttentionCertificate) -> Figure:
    """Mean attention of each column, and the tests that say how far to believe it.

    Args:
        found: from :meth:`pellucid.readable.AttentionClassifier.certificate`.

    Example:
        >>> attention_certificate.__name__
        'attention_certificate'
    """
    shown = found.weights[:_MOST]
    names = [name for name, _ in shown]
    points = [{"column": name, "weight": weight} for name, weight in shown]
    y: Spec = {"field": "column", "type": "nominal", "sort": names, "title": None}
    y["axis"] = {"labelLimit": 180, "grid": False}
    x: Spec = {"field": "weight", "type": "quantitative", "title": "mean attention"}
    x["axis"] = {"format": "%", "tickCount": 5}
    chart: Spec = {
        "width": 300,
        "height": {"step": 18},
        "data": {"values": points},
        "mark": {"type": "bar", "color": OKABE_ITO[0]},
        "encoding": {"x": x, "y": y},
    }
    swap = f"{number(found.swap_auc)} [{number(found.swap_low)}, {number(found.swap_high)}]"
    rows = (
        (
            "own attention, another row's values (swap AUC)",
            swap,
            "0.5",
            _word(found.honest),
        ),
        ("attention alone (probe AUC)", number(found.probe_auc), "0.5", ""),
        ("agreement of seeds (Spearman)", _agreement(found), "1", ""),
        (
            "largest gap of the sum rule",
            number(found.sum_gap),
            "0",
            _word(found.sum_gap < 1e-3),
        ),
        (
            f"{counted(len(found.unused), 'column')} of weight 0 replaced: answers change by",
            number(found.unused_change),
            "0",
            _word(found.unused_change == 0) if found.unused else Word("not run"),
        ),
    )
    left = len(found.weights) - len(shown)
    note = (
        f"AUC {number(found.auc)} on {counted(found.n, 'row')}; {found.swaps} draws. A weight is "
        "the column's share of what is added, in standard deviations."
        + (f" {counted(left, 'column')} more have less." if left else "")
    )
    table = Table(("test", "found", "honest", "verdict"), rows)
    return Figure("What attention is worth", _alt(found), chart, None, table, note)


def _word(good: bool) -> Word:
    return Word("passed" if good else "failed")


def _agreement(found: AttentionCertificate) -> str:
    return "one fit" if found.agreement is None else number(found.agreement)


def _alt(found: AttentionCertificate) -> str:
    name, weight = found.weights[0]
    word = "carries no answer of its own" if found.honest else "itself carries part of the answer"
    return (
        f"Most attention: {name} ({percent(weight)}); {counted(len(found.unused), 'column')} of 0. "
        f"The attention {word}: swap AUC {number(found.swap_auc)} where 0.5 is honest."
    )
