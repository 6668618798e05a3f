"""The search: suspicions, each put to the test by intervention."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pellucid._core import Compute, Dataset, InputSpec, TargetLike, as_target, top
from pellucid.attribution import input_x_gradient
from pellucid.errors import InputError, MethodError
from pellucid.evidence._case import Method, fitted
from pellucid.evidence._shortcuts._contest import LEAST, Outcome, Rows, Suspect, knows, measure
from pellucid.evidence._shortcuts._copies import copied
from pellucid.evidence._shortcuts._judged import judged
from pellucid.evidence._shortcuts._maps import cluster_suspects, map_clusters, spot_suspect
from pellucid.evidence._shortcuts._pictures import picture_suspects
from pellucid.evidence._shortcuts._sounds import sound_suspects
from pellucid.evidence._shortcuts._tables import column_suspects, narrowed
from pellucid.evidence._shortcuts._texts import length_suspects, word_outcome, word_suspects
from pellucid.evidence._shortcuts._value import ORDER, Alarm, Shortcuts
from pellucid.inputs import AudioSpec, ImageSpec, TabularSpec, TextSpec

HALVES = ("below the median", "above the median")
IDLE = (
    "The network is right no more often than if its answers were dealt out at random, so what it follows "
    "says nothing: no part counts as tested."
)


def shortcuts(
    model: nn.Module,
    data: Dataset,
    chosen: Tensor,
    *,
    learned: Tensor | None = None,
    target: TargetLike | None = None,
    method: Method = input_x_gradient,
    pairs: int = 200,
    declared: str = "",
    compute: Compute | None = None,
) -> Shortcuts:
    """Parts of the input that decide alone: share of mixed rows, from 0 to 1, that follow the part.

    A row A keeps everything but one part, which a row B of another answer gives. Whom does the network
    follow? ``follows`` is the share of such mixed rows that are answered as B. Beside it stands a control on
    the same pairs: as much of B put in elsewhere, or, for what is no place (a colour), the same from a row
    of A's own answer. A part that is only important wins some of these fights; a shortcut wins nearly all,
    because everything else is idle.

    Looked at are, for pictures: the corners, the border, what surrounds the middle, colours (or brightness),
    sharpness, the finest detail (from 16 pixels on), the spot of each row where its map peaks, and the places
    where clusters of maps gather; for tables: each column, with those that say the same, columns that each
    foretell nearly all answers, and which cells are missing; for texts: words that tell most about the
    answer, and length; for sounds: stretches, bands of pitch, loudness, pauses. And rows that lie in training
    and held-out data.

    The word is ``found`` or ``suspected`` where the lower end of the 95 % interval of ``follows`` passes the
    bar and the lead over the control is beyond chance (McNemar's exact test, Holm's correction over all parts
    and classes, level .05). The bars for suspected and found depend on what the part may decide by right:

    - .35 and .5 for what carries no content (corner, border, colour, sharpness, finest detail, loudness,
      pauses, the ends of a sound, length, which cells are missing): to win half against all the content is
      too much;
    - .5 and .75 for a word; .6 and .75 for what may be content (the surroundings, a place, a spot, a band, a
      stretch): it has to outvote all the rest;
    - .8 and .9 for a column: columns are there to be used, and only one that is the answer is an alarm.

    Formula: ``follows = mean(answer(mix(A, B)) = answer(B))`` over pairs with ``answer(A) ≠ answer(B)``.

    Args:
        model: any network that gives one output for each class, or one number.
        data: inputs with their answers.
        chosen: numbers of held-out rows to look at; at least 40.
        learned: numbers of rows that the network learned from, for copies; ``None`` leaves these out.
        target: what maps explain; left out, the largest output of each row.
        method: how maps are made.
        pairs: mixed rows for each part.
        declared: how the rows were drawn, in words.
        compute: how to run.

    Returns:
        Every part that was tried with its numbers, alarms first and with cases; copies; clusters of maps.

    Raises:
        InputError: with fewer than 40 rows.

    Cost:
        For each part two passes of ``pairs`` and three of the chosen rows; one map of each row.

    Limits:
        An alarm says that this part alone decides, not that it should not: a lesion of a few pixels, a
        column that is the diagnosis itself, or colour where colour is what is asked, look the same. Look at
        the cases and judge. Silence says less: parts that decide only together, places that wander without
        standing out in maps, what only few rows have, and properties that nobody listed here are missed.
        Mixed rows are inputs that do not occur; a network may answer them by chance, which the control shows.
        Where the network is right no more often than with its answers dealt out at random, nothing counts
        as tested. For numbers, answers are the halves above and below the median, of rows from the outer
        thirds.

    Source:
        Lapuschkin et al. 2019, Unmasking Clever Hans predictors and assessing what machines really learn,
        arXiv 1902.10178; Geirhos et al. 2020, Shortcut learning in deep neural networks, arXiv 2004.07780.
        Bars and controls are ours; measured in ``docs/shortcuts.md``.

    Example:
        >>> import torch
        >>> from pellucid.inputs import Column, TabularSpec
        >>> x = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
        >>> net = nn.Linear(3, 2)
        >>> _ = net.weight.data.copy_(torch.tensor([[0.0, 0, 0], [9.0, 0.1, 0.1]]))
        >>> spec = TabularSpec([Column("a"), Column("b"), Column("c")])
        >>> parts = torch.zeros(400, dtype=torch.int8)
        >>> data = Dataset("d", x, (x[:, 0] > 0).long(), spec, ("no", "yes"), parts)
        >>> found = shortcuts(net, data, torch.arange(400))
        >>> found.word, [one.name for one in found.alarms]
        ('found', ['the column a'])
    """
    how = compute or Compute(batch_size=256)
    if len(chosen) < 2 * LEAST:
        raise InputError(
            f"A search for shortcuts needs at least {2 * LEAST} held-out rows, got {len(chosen)}."
        )
    spec = data.spec
    x = data.inputs[chosen]
    rows = Rows(model, x, data.answers[chosen], task=data.task, spec=spec, compute=how)
    names = data.classes if data.task == "classification" else HALVES
    notes: list[str] = []
    maps = _maps(model, x, target, method, spec, how, notes)
    seen = [] if maps is None else map_clusters(maps, rows.given, names)
    suspects = _listed(rows, spec, how.seed)
    notes += [said] if isinstance(spec, TabularSpec) and (said := narrowed(spec)) else []
    if maps is not None:
        rows.spent += 2 * len(x)
        suspects += [*cluster_suspects(rows, seen), spot_suspect(rows, maps, how.seed)]
    outcomes = _outcomes(rows, suspects, spec, pairs, how.seed)
    if not outcomes:
        notes.append("The network gives all rows the same answer, so nothing can be put to the test.")
    if not knows(rows.given, rows.truth, how.seed):
        notes.append(IDLE)
    suspicions = judged(rows, outcomes, names, chosen, tested=IDLE not in notes)
    right = rows.given == rows.truth
    copies = None
    if learned is not None and len(learned):
        copies = copied(
            x, right, data.answers[chosen], data.inputs[learned], data.answers[learned], (chosen, learned)
        )
    words: list[Alarm] = [one.word for one in suspicions] or ["not tested"]
    if copies is not None and copies.word in ("found", "suspected"):
        words.append(copies.word)  # that no row was copied does not say that parts were tested
    return Shortcuts(
        min(words, key=ORDER.index),
        tuple(suspicions),
        copies,
        tuple(one for one, _, _ in seen),
        measure(right),
        float(rows.truth.bincount().max()) / len(rows.truth),
        len(x),
        declared or f"{len(x)} rows",
        "of answers are right" if data.task == "classification" else "are on the right side of the median",
        tuple(notes),
        rows.spent,
        how.seed,
        spec,
    )


def _listed(rows: Rows, spec: InputSpec, seed: int) -> list[Suspect]:
    """What is tried whatever the maps say."""
    if isinstance(spec, TabularSpec):
        return column_suspects(rows, spec, seed)
    if isinstance(spec, ImageSpec):
        return picture_suspects(rows)
    if isinstance(spec, TextSpec):
        return length_suspects(rows, spec)
    return sound_suspects(rows, spec) if isinstance(spec, AudioSpec) else []


def _outcomes(
    rows: Rows, suspects: Sequence[Suspect], spec: InputSpec, pairs: int, seed: int
) -> list[Outcome]:
    found: list[Outcome] = []
    for one in suspects:
        paired = rows.pairs(pairs, seed, donors=one.rows)
        if len(paired):
            found.append(rows.fight(one, paired, seed))
    if isinstance(spec, TextSpec):
        told = [word_outcome(rows, spec, one, pairs, seed) for one in word_suspects(rows, spec)]
        found += [one for one in told if one is not None]
    return found


def _maps(
    model: nn.Module,
    x: Tensor,
    target: TargetLike | None,
    method: Method,
    spec: InputSpec,
    how: Compute,
    notes: list[str],
) -> Tensor | None:
    """Maps ``[N, H, W]``, all channels added up; ``None`` for other inputs, and where none can be made."""
    if not isinstance(spec, ImageSpec) and not (isinstance(spec, AudioSpec) and spec.pitched):
        return None
    try:
        found = method(model, x, top() if target is None else as_target(target), spec=spec, compute=how)
    except MethodError as error:
        notes.append(f"No maps, so neither clusters nor spots were looked at: {error}")
        return None
    return fitted(found.map.detach(), x).sum(1).cpu()
