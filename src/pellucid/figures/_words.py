"""What an explanation says, as one sentence computed from its numbers."""

from __future__ import annotations

import numpy as np

from pellucid._core import Explanation
from pellucid.figures._colour import Numbers
from pellucid.figures._numbers import percent, portion, signed
from pellucid.figures._parts import RANKS, Share, check_row, shares, target
from pellucid.figures._pixels import array, is_picture
from pellucid.figures._sound_words import sound_like, where_heard
from pellucid.inputs import AudioSpec

_ROWS = ("upper", "middle", "lower")
_COLUMNS = ("left", "centre", "right")


def words(explanation: Explanation, *, row: int = 0) -> str:
    """What speaks for and against the target in one row, in one sentence; never without its picture.

    Args:
        explanation: attribution of pictures, sounds or columns.
        row: which row.

    Returns:
        For columns the strongest three for and two against; for pictures and sounds where the support
        lies and how concentrated it is.

    Raises:
        InputError: if there is no such row.

    Example:
        >>> import torch
        >>> from pellucid.attribution import input_x_gradient
        >>> words(input_x_gradient(torch.nn.Linear(2, 1, bias=False), torch.ones(1, 2), 0)).endswith(".")
        True
    """
    check_row(explanation, row)
    if sound_like(explanation):
        return where_heard(explanation, row)
    ranks = explanation.provenance.method in RANKS
    if picture_like(explanation):
        what = "the attention" if ranks else ""
        return where(flat(explanation, row), target(explanation, row), what)
    if ranks:
        most = sorted(shares(explanation, row), key=lambda part: -part.value)[:3]
        return f"Attended most, by rank: {', '.join(_quoted(part) for part in most)}."
    estimates = len(explanation.class_names) == 1  # one name: a number
    return _columns(shares(explanation, row), target(explanation, row), raises=estimates)


def picture_like(explanation: Explanation) -> bool:
    """Whether values are a map over a picture or over a convolutional layer."""
    from torch import Tensor

    if not isinstance(explanation.values, Tensor):
        return False
    if explanation.provenance.at is not None:
        return explanation.values.ndim == 4
    if isinstance(explanation.spec, AudioSpec):
        return False
    return is_picture(explanation.values, explanation.spec)


def flat(explanation: Explanation, row: int) -> Numbers:
    """The map of one row, channels summed: ``[H, W]``; it keeps the sum, so completeness still holds."""
    return array(explanation.map[row].sum(0))


def where(values: Numbers, name: str, what: str = "") -> str:
    """Where positive weight lies and how concentrated it is; ``what`` names weight that is for nothing."""
    up, down = np.clip(values, 0, None), np.clip(-values, 0, None)
    total = float(up.sum() + down.sum())
    if total == 0 or not np.isfinite(total):
        return f"The map for {name} is empty: no pixel has any weight."
    against = float(down.sum()) / total
    if float(up.sum()) == 0:
        return f"Nothing in the picture speaks for {name}; all weight speaks against it."
    if against >= 0.995 and not what:
        return f"Hardly anything in the picture speaks for {name}; nearly all weight speaks against it."
    half = np.cumsum(np.sort(up.ravel())[::-1]) >= 0.5 * up.sum()
    share = (int(half.argmax()) + 1) / up.size
    said = (
        f"Half of {what or f'what speaks for {name}'} lies on {percent(share)} of the picture, {_place(up)}"
    )
    if what:
        return f"{said}."
    return f"{said}; {portion(against, 0)} of the weight speaks against."


def _place(up: Numbers) -> str:
    mass = _thirds(up)
    row, column = (int(i) for i in np.unravel_index(int(mass.argmax()), mass.shape))
    place = "centre" if (row, column) == (1, 1) else f"{_ROWS[row]} {_COLUMNS[column]}"
    return f"most in the {place} ninth ({percent(float(mass.max() / mass.sum()), 0)})"


def _thirds(up: Numbers) -> Numbers:
    rows = np.arange(up.shape[0]) * 3 // up.shape[0]
    columns = np.arange(up.shape[1]) * 3 // up.shape[1]
    mass = np.zeros((3, 3))
    np.add.at(mass, (rows[:, None], columns[None]), up)
    return mass


def _quoted(part: Share) -> str:
    """A part's name; a full stop among words would read as their end."""
    return part.label if any(map(str.isalnum, part.label)) else f"“{part.label}”"


def _columns(parts: tuple[Share, ...], name: str, *, raises: bool = False) -> str:
    order = sorted(parts, key=lambda part: -abs(part.value))
    up = [part for part in order if part.value > 0][:3]
    down = [part for part in order if part.value < 0][:2]
    heads = ("raises", "lowers") if raises else ("for", "against")
    said = [
        f"{head} {name}: " + ", ".join(f"{_quoted(part)} ({signed(part.value)})" for part in chosen)
        for head, chosen in zip(heads, (up, down), strict=True)
        if chosen
    ]
    sentence = "; ".join(said) if said else f"Nothing has any weight for {name}"
    return sentence[0].upper() + sentence[1:] + "."
