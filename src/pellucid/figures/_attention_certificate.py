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
_UNITS = {"column": "column", "patch": "place", "word": "word"}
_REPLACED = {"patch": "all pixels", "word": "all words"}


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
    x: Spec = {
        "field": "weight",
        "type": "quantitative",
        "title": "mean attention" if found.part != "word" else "share of attention",
    }
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
            f"{_what(found)} of weight 0 replaced: answers change by",
            number(found.unused_change),
            "0",
            _word(found.unused_change == 0) if found.replaced else Word("not run"),
        ),
    )
    left = len(found.weights) - len(shown)
    note = (
        f"Swap AUC {swap}: the attention {_carries(found)} (0.5 is honest). "
        f"AUC {number(found.auc)} on {counted(found.n, 'row')}; {found.swaps} draws. A weight is "
        f"{_MEANS[found.part]}"
        + (f" {counted(left, _UNITS[found.part])} more have less." if left else "")
        + (_ONE if found.agreement is None else "")
        + _reopened(found)
    )
    table = Table(("test", "found", "honest", "verdict"), rows)
    return Figure("What attention is worth", _alt(found), chart, None, table, note)


_ONE = " Whether other seeds look at the same: pellucid.tasks.certificate(subject, seeds=3)."
_MEANS = {
    "column": "the column's share of what is added, in standard deviations.",
    "patch": "the patch's share in the picture, decided by what it shows itself.",
    "word": "the word's share of all attention; its gate is the same number in every text.",
}


def _what(found: AttentionCertificate) -> str:
    return counted(len(found.unused), "column") if found.part == "column" else _REPLACED[found.part]


def _reopened(found: AttentionCertificate) -> str:
    if found.part == "column":
        return ""
    said = (
        f" Something of weight 0 was replaced in {counted(found.replaced, 'input')}; in "
        f"{percent(found.reopened)} of them a gate opened at it, and these are left out. The probe may tell "
        "the class, for gates follow what they see; that the answer does not come that way is the swap's."
    )
    if found.worst is not None:
        said += f" Swap AUC of the farthest class, {found.worst[0]}: {number(found.worst[1])}."
    return said


def _word(good: bool) -> Word:
    return Word("passed" if good else "failed")


def _agreement(found: AttentionCertificate) -> str:
    return "one fit" if found.agreement is None else number(found.agreement)


def _carries(found: AttentionCertificate) -> str:
    return "carries no answer of its own" if found.honest else "itself carries part of the answer"


def _alt(found: AttentionCertificate) -> str:
    name, weight = found.weights[0]
    return (
        f"Most attention: {name} ({percent(weight)}); {counted(len(found.unused), _UNITS[found.part])} of 0. "
        f"The attention {_carries(found)}: swap AUC {number(found.swap_auc)} where 0.5 is honest."
    )
