"""Do the maps of a method hold over many inputs? What masks do to the network, against what the maps say."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid._core import Word, percent
from pellucid.evidence._coarse import BEST, Design, design
from pellucid.evidence._held import DRAWS, TOLD, Held, HeldColumn, ratio
from pellucid.evidence._localisation import Measure
from pellucid.evidence._reached import SHARE, foretold
from pellucid.evidence._responses import Responses
from pellucid.evidence._statistics import correlation, resamples, standardised

ROWS = 20  # inputs from which a method can be judged
SIDE = 4  # squares along each side of a picture
FAINT = 0.25  # of a square's part in what masks do, shown in the maps: honest ones show a third or more


def held_by_masks(
    seen: Responses,
    units: Tensor,
    rows: Tensor,
    *,
    adds: bool,
    about: bool,
    seed: int,
    fitting: Design | None = None,
) -> Held | None:
    """Over all rows: what maps ``[N, U]`` tell of the reactions to the masks. No pass of the network.

    The whole is ``sum(T) / sum(best)``: agreement of the maps beside that of maps fitted to each row's own
    reactions (:func:`foretold`), as coarse as they are (``fitting``, :func:`design`). For each of 4 × 4
    squares of a picture whose maps ``adds`` up to the score, ``told = sum(a · b) / sum(b²)``: what removing
    more of the square does to the score, ``b``, and what the maps say it does, ``a``, both as covariances
    with the square's part in the masks.

    ``failed`` where the whole is surely below .3, or a square that makes a twentieth of the effect is surely
    told by less than .3 and shown with less than a quarter of its part; but not where maps are not ``about``
    this network: those are chance, not a statement that can be refuted. ``passed`` where the whole is surely
    a half or more, of what maps of parts tell. ``not run`` where no map as coarse foretells the reactions.

    ``rows`` bool ``[N]`` are those that can be tested; ``None`` comes back where fewer than 20 can.
    """
    if int(rows.sum()) < ROWS:
        return None
    drops, said = seen.drops[rows], seen.bank.sums(units.to(seen.drops))[rows]
    shares = resamples(len(drops), DRAWS, seed).double()
    reached = correlation(said, drops).double()
    fitting = fitting or design(seen.bank, units)
    removed = fitting.removed if fitting.removed.ndim == 2 else fitting.removed[rows]
    best = correlation(foretold(removed, drops), drops).double()
    again = (shares @ reached) / (shares @ best)
    low, high = torch.quantile(again, torch.tensor([0.025, 0.975]).double()).tolist()
    whole = Measure(float(reached.sum() / best.sum()), low, high)
    sure = float(torch.quantile(shares @ best, 0.025)) > 0
    places = _squares(seen, standardised(said), standardised(drops), shares) if adds else ()
    ordered = tuple(sorted(places, key=lambda one: -one.part))
    word, reason = _said(whole, ordered, about, fitting.best) if sure else ("not run", fitting.none)
    return Held(word, reason, ordered, len(drops), seen.bank.count, whole)


def _squares(seen: Responses, said: Tensor, drops: Tensor, shares: Tensor) -> list[HeldColumn]:
    grid = seen.bank.grid
    if grid is None or min(grid) < 2 * SIDE:
        return []
    down, across = (torch.arange(length) * SIDE // length for length in grid)
    cell = (down[:, None] * SIDE + across).flatten().to(said.device)
    part = said.new_zeros(seen.bank.count, SIDE * SIDE).index_add_(1, cell, seen.bank.masks.to(said))
    part = (part - part.mean(0)) / part.std(0)
    b, a = (drops @ part).double(), (said @ part).double()
    # one scale for all rows, the kindest to the maps
    a = a * ratio((a * b).sum(), a.square().sum()).nan_to_num()
    both, size = a * b, b.square()
    value = ratio(both.sum(0), size.sum(0))
    spread = ratio(shares @ both, shares @ size).std(0)
    far = float(torch.special.ndtri(torch.tensor(1 - 0.025 / SIDE**2, dtype=torch.float64))) * spread
    does, says = (each.sum(0) / each.sum() for each in (size, a.square()))
    shown, done = (shares @ each / (shares @ each).sum(1, keepdim=True) for each in (a.square(), size))
    lean = torch.quantile(ratio(shown, done), 0.975, dim=0)
    return [
        HeldColumn(
            f"the square in row {k // SIDE + 1} and column {k % SIDE + 1} of {SIDE} × {SIDE}",
            None,
            float(does[k]),
            Measure(float(value[k]), float(value[k] - far[k]), float(value[k] + far[k])),
            float(says[k]),
            float(lean[k]) < FAINT,
        )
        for k in range(SIDE**2)
    ]


def _said(whole: Measure, places: Sequence[HeldColumn], about: bool, best: str) -> tuple[Word, str]:
    able = [one for one in places if one.matters]
    hidden = [one for one in able if one.hidden]
    low, share, high = (percent(one, 0) for one in (whole.low, whole.value, whole.high))
    all_told = f"The maps foretell the network's reactions {share} [{low}, {high}] as well as {best}"
    if hidden:
        worst, named = max(hidden, key=lambda one: one.part), max(places, key=lambda one: one.shown)
        low, share, high = (percent(one, 0) for one in (worst.told.low, worst.told.value, worst.told.high))
        does = f"Removing {worst.name} makes {percent(worst.part, 0)} of what removing does"
        said = f"{does}, but the maps foretell {share} of it [{low}, {high}]"
        said += f"; they point to {named.name.removeprefix('the square in ')}." if named != worst else "."
    else:
        said = f"{all_told}."
    if hidden or whole.high < TOLD:
        return ("failed" if about else "mixed"), said
    return ("passed" if whole.low >= SHARE and best == BEST else "mixed"), said
