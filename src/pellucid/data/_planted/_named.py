"""From a name to a planted task."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pellucid.data._planted._patch import planted_patch
from pellucid.data._planted._pictures import blur, border, colour, stripes, watermark
from pellucid.data._planted._planted import Planted
from pellucid.data._planted._rule import planted_table
from pellucid.data._planted._sounds import burst
from pellucid.data._planted._tables import interaction, leak, suppressor, xor
from pellucid.data._planted._texts import negation
from pellucid.errors import InputError, near_misses


def _makers() -> Mapping[str, Callable[..., Planted]]:
    return {
        "table": planted_table,
        "suppressor": suppressor,
        "xor": xor,
        "interaction": interaction,
        "leak": leak,
        "patch": planted_patch,
        "watermark": watermark,
        "colour": colour,
        "border": border,
        "stripes": stripes,
        "blur": blur,
        "negation": negation,
        "burst": burst,
    }


def planted_names() -> tuple[str, ...]:
    """Names that :func:`planted` knows.

    Example:
        >>> planted_names()[:3]
        ('table', 'suppressor', 'xor')
    """
    return tuple(_makers())


def planted(name: str, *, n: int | None = None, seed: int = 0) -> Planted:
    """A task whose true reason is known, by its name.

    ============= ====================================================== ==============
    name          what decides                                           kind
    ============= ====================================================== ==============
    table         x1 > 0 if x0 > 0 else x2 + x3 > 0, beside decoys       rule
    suppressor    x0 - 1.5 x1 > 0; x1 alone says nothing                 rule
    xor           x0 · x1 > 0; neither alone says anything               rule
    interaction   x0 + 2 x1 · x2 > 0                                     rule
    leak          a file number that gives the answer away               column
    patch         a bright square in a corner                            corner
    watermark     a small + or × somewhere                               watermark
    colour        reddish or greenish ink                                colour
    border        a dark or a light frame                                border
    stripes       faint stripes in a quarter, lying or upright           high frequency
    blur          one class is a little smoothed, everywhere             high frequency
    negation      the word "broken", unless "not" stands before it       word
    burst         a short low or high tone                               tone
    ============= ====================================================== ==============

    Pictures are scanned digits called even or odd, a quarter of them wrongly, so that only the plant is
    always right. Each task has a clean ``twin``: the same rows with a plant that says nothing (in ``table``
    the decoys still go along with the answer). Whether a network lives by the plant is shown by
    :func:`verify_plant`.

    Args:
        name: one of :func:`planted_names`.
        n: rows; ``None`` takes 4,000 of a table, 1,797 pictures, 3,000 texts or 1,500 sounds.
        seed: of the numbers and the split.

    Returns:
        The task; ``dataset.relevant`` marks in each row what decides it, ``dataset.notes[0]`` says it.

    Raises:
        InputError: for another name, or for an ``n`` below 50 or above what there is.

    Limits:
        A map can only be wrong about a plant that a network uses, and about rows that it answers rightly. In
        ``patch`` and ``negation`` the absence of the plant decides some rows; these mark nothing. ``blur``
        marks everything, so no map of places can be scored on it.

    Example:
        >>> task = planted("xor", n=200)
        >>> x, y = task.dataset.inputs, task.dataset.answers
        >>> bool(((x[:, 0] * x[:, 1] > 0) == (y == 1)).all()), task.kind
        (True, 'rule')
        >>> task.twin.name
        'planted xor (clean twin)'
    """
    makers = _makers()
    if name not in makers:
        raise InputError(f"There is no planted task {name!r}. {near_misses(name, makers)}")
    return makers[name](seed=seed) if n is None else makers[name](n, seed=seed)
