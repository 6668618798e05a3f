"""Which answers are taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.figures._colour import NEGATIVE, POSITIVE
from pellucid.figures._figure import Figure, Table
from pellucid.figures._numbers import counted, percent
from pellucid.figures._theme import THEME, Spec


def confusion(matrix: Tensor, classes: Sequence[str]) -> Figure:
    """How many rows of each true class (down) got each answer (across).

    One number is a count of rows. Blue lies on the diagonal (right), brown beside it (wrong); the stronger,
    the larger the share of the true class.

    Args:
        matrix: counts ``[K, K]``, true class first.
        classes: K names.

    Returns:
        Figure.

    Raises:
        InputError: if the matrix is not K × K.

    Example:
        >>> confusion(torch.tensor([[8, 2], [1, 9]]), ("cat", "dog")).alt
        '17 of 20 right (85\\xa0%). Most often wrong: cat taken for dog (2 of 10).'
    """
    if tuple(matrix.shape) != (len(classes), len(classes)):
        raise InputError(
            f"A confusion of {counted(len(classes), 'class', 'classes')} needs a matrix of that size, "
            f"got {tuple(matrix.shape)}."
        )
    counts = matrix.long().cpu()
    cells = [
        {
            "true": t,
            "answer": a,
            "count": n,
            "share": n / max(1, sum(row)),
            "colour": NEGATIVE if i == j else POSITIVE,
        }
        for i, (t, row) in enumerate(zip(classes, counts.tolist(), strict=True))
        for j, (a, n) in enumerate(zip(classes, row, strict=True))
    ]
    rows = tuple((name, *row) for name, row in zip(classes, counts.tolist(), strict=True))
    table = Table(("true ↓ answer →", *classes), rows)
    return Figure(
        "Which classes are confused", _alt(counts, classes), _chart(cells, list(classes)), None, table
    )


def _alt(counts: Tensor, classes: Sequence[str]) -> str:
    total, right = int(counts.sum()), int(counts.diagonal().sum())
    if not total:
        return "No rows were counted."
    wrong = counts - torch.diag(counts.diagonal())
    said = f"{right:,} of {total:,} right ({percent(right / total)})."
    if not int(wrong.sum()):
        return f"{said} None is confused."
    i, j = divmod(int(wrong.argmax()), len(classes))
    most = f"{classes[i]} taken for {classes[j]} ({int(wrong[i, j])} of {int(counts[i].sum())})"
    return f"{said} Most often wrong: {most}."


def _chart(cells: Sequence[Mapping[str, str | float]], classes: list[str]) -> Spec:
    step = 30 if len(classes) > 6 else 44
    x: Spec = {"field": "answer", "type": "nominal", "sort": classes, "title": "answer"}
    x["axis"] = {"orient": "top", "labelAngle": 0 if max(map(len, classes)) < 9 else -40, "labelLimit": 120}
    y: Spec = {
        "field": "true",
        "type": "nominal",
        "sort": classes,
        "title": "true",
        "axis": {"labelLimit": 120},
    }
    shade: Spec = {"field": "share", "type": "quantitative", "legend": None}
    shade["scale"] = {"domain": [0, 1], "range": [0.04, 0.85], "type": "sqrt"}
    colour: Spec = {"field": "colour", "type": "nominal", "scale": None}
    square: Spec = {"mark": {"type": "rect", "cornerRadius": 2, "width": step - 3, "height": step - 3}}
    square["encoding"] = {"x": x, "y": y, "color": colour, "opacity": shade}
    count: Spec = {"mark": {"type": "text", "color": THEME.ink}, "transform": [{"filter": "datum.count > 0"}]}
    count["encoding"] = {"x": x, "y": y, "text": {"field": "count", "type": "quantitative", "format": ","}}
    return {
        "data": {"values": cells},
        "width": {"step": step},
        "height": {"step": step},
        "layer": [square, count],
    }
