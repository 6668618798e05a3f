"""The smallest changes that bring about an answer, for any network.

One row's search is a generator: it gives candidate rows and receives how far each is from what is wanted.
So the candidates of many rows travel through the network together.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.rules._recourse._codes import Codes, Numbers
from pellucid.rules._recourse._goal import SURE
from pellucid.rules._recourse._moves import Moves, changed_columns

BEAM = 24  # changed rows that are changed further
EXTENSIONS = 160  # single changes that each of them is given
POOL = 40  # answers that are made as small as they can be
HALVINGS = 7
EACH = 0.25  # what one more changed column costs, in usual ranges

Search = Generator[Numbers, Numbers, "Reached"]


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """Where the search of one row ended.

    Args:
        rows: ``[P, C]``, changed rows with the wanted answer, the cheapest first.
        attempt: ``[C]``, the changed row that came nearest.
        gap: of the attempt.
        asked: rows that the network was asked for.
    """

    rows: Numbers
    attempt: Numbers
    gap: float
    asked: int


@dataclass(slots=True, eq=False)
class _Book:
    """What was seen of one row's candidates."""

    moves: Moves
    now: Numbers
    attempt: Numbers
    gap: float = -np.inf
    valid: list[Numbers] = field(default_factory=list[Numbers])
    asked: int = 0

    def add(self, rows: Numbers, gaps: Numbers) -> NDArray[np.bool_]:
        """Note candidates with their gaps; says which are answers."""
        self.asked += len(rows)
        fine = self.moves.allowed(self.now, rows)
        held = np.where(fine, gaps, -np.inf)
        if len(rows) and held.max() > self.gap:
            best = int(held.argmax())
            self.attempt, self.gap = rows[best].copy(), float(held[best])
        good = held > SURE
        if good.any():
            self.valid.append(rows[good])
        return good

    def sets(self) -> int:
        """How many different sets of columns the answers change."""
        return len({key for rows in self.valid for key in keys(changed_columns(self.now, rows))})

    def best(self, each: int, most: int) -> Numbers:
        """The cheapest answers, a few for each set of columns."""
        if not self.valid:
            return np.empty((0, len(self.now)))
        rows = np.unique(np.concatenate(self.valid), axis=0)
        order = np.argsort(price(self.moves.codes, self.now, rows), kind="stable")
        return rows[order[_spread_out(keys(changed_columns(self.now, rows[order])), each, most)]]


def price(codes: Codes, now: Numbers, rows: Numbers) -> Numbers:
    """What changed rows ``[M, C]`` cost: their distance, and a quarter of a usual range for each column."""
    return codes.steps(rows, now[None]).sum(1) + EACH * changed_columns(now, rows).sum(1)


def keys(changed: NDArray[np.bool_]) -> list[bytes]:
    """A name for each set of columns."""
    return [bytes(line) for line in np.packbits(changed, axis=1)]


def search(moves: Moves, now: Numbers, pool: Sequence[Numbers], seeds: Numbers, k: int) -> Search:
    """Single changes first, then changes of the most promising ones, then each answer made smaller.

    Args:
        moves: what the row may become.
        now: the row ``[C]``.
        pool: values tried for each number.
        seeds: real rows ``[S, C]`` with the wanted answer, from which to come back where nothing else helps.
        k: answers with different columns that are looked for.
    """
    if k < 1:
        raise InputError(f"k={k} looks for no way at all: at least 1 is looked for.")
    book = _Book(moves, now, now.copy())
    columns, values = _singles(moves.options(now, pool))
    singles = np.repeat(now[None], len(columns), 0)
    singles[np.arange(len(columns)), columns] = values
    gaps = yield np.concatenate([now[None], singles])
    first, gaps = float(gaps[0]), gaps[1:]
    good = book.add(singles, gaps)
    kept = _useful(moves, columns, gaps)
    columns, values = columns[kept], values[kept]
    rows, found_at = singles, 1 if good.any() else 0
    for depth in range(2, moves.most + 1):
        if not len(columns) or (depth > 2 and (book.sets() >= k or (found_at and found_at < depth - 1))):
            break
        beam = rows[_promising(moves.codes, now, rows[:], np.where(good, -np.inf, gaps), first)]
        rows = _extended(moves, now, beam, columns, values)
        if not len(rows):
            break
        gaps = yield rows
        good = book.add(rows, gaps)
        found_at = found_at or (depth if good.any() else 0)
    if not book.valid and len(seeds):
        brought = _brought(moves, now, seeds)
        brought = brought[changed_columns(now, brought).any(1)]  # the row as it is would be no attempt
        if len(brought):
            gaps = yield brought
            book.add(brought, gaps)
    made = book.best(2, POOL)
    if len(made):
        made = yield from _shrunk(book, made)
        made = yield from _halved(book, made)
        book.valid.append(made)
        made = np.unique(made, axis=0)
        made = made[np.argsort(price(moves.codes, now, made), kind="stable")]
    return Reached(made, book.attempt, book.gap, book.asked)


def _singles(options: Sequence[Numbers]) -> tuple[NDArray[np.int64], Numbers]:
    columns = np.repeat(np.arange(len(options)), [len(values) for values in options])
    return columns, np.concatenate(options)


def _useful(moves: Moves, columns: NDArray[np.int64], gaps: Numbers) -> NDArray[np.int64]:
    """The single changes that are combined: the most helpful, and all that a link may ask for."""
    asked = np.isin(columns, [then for _, then, _, _ in moves.links])
    order = np.argsort(np.where(asked, -np.inf, -gaps), kind="stable")
    return order[: max(EXTENSIONS, int(asked.sum()))]


def _promising(codes: Codes, now: Numbers, rows: Numbers, gaps: Numbers, first: float) -> NDArray[np.int64]:
    """Rows to change further: half by how near they are, half by how much they gain for their distance."""
    cost = codes.steps(rows, now[None]).sum(1)
    worth = (gaps - first) / np.maximum(cost, 1e-9)
    names, chosen = keys(changed_columns(now, rows)), list[int]()
    for by in (gaps, worth):
        order = np.argsort(-by, kind="stable")
        order = order[np.isfinite(by[order])]
        chosen += [int(order[i]) for i in _spread_out([names[i] for i in order[:400]], 2, BEAM // 2)]
    return np.unique(np.array(chosen, dtype=np.int64))


def _spread_out(names: Sequence[bytes], each: int, most: int) -> NDArray[np.int64]:
    """The first places, at most ``each`` of one name."""
    seen: dict[bytes, int] = {}
    kept: list[int] = []
    for i, name in enumerate(names):
        if seen.get(name, 0) < each:
            seen[name] = seen.get(name, 0) + 1
            kept.append(i)
            if len(kept) == most:
                break
    return np.array(kept, dtype=np.int64)


def _extended(
    moves: Moves, now: Numbers, beam: Numbers, columns: NDArray[np.int64], values: Numbers
) -> Numbers:
    """Each row with one more column changed; where a link waits, only with what it asks for."""
    missing, changed = moves.missing_links(now, beam), changed_columns(now, beam)
    made: list[Numbers] = []
    for row, waits, done in zip(beam, missing, changed, strict=True):
        fits = ~done[columns] if waits < 0 else columns == waits
        wider = np.repeat(row[None], int(fits.sum()), 0)
        wider[np.arange(len(wider)), columns[fits]] = values[fits]
        made.append(wider)
    return np.concatenate(made) if made else np.empty((0, len(now)))


def _brought(moves: Moves, now: Numbers, seeds: Numbers) -> Numbers:
    """Real rows with everything taken back that the row may not become."""
    brought = seeds.copy()
    for k in range(len(now)):
        alone = np.repeat(now[None], len(seeds), 0)
        held = np.isnan(seeds[:, k]) | np.isnan(now[k])
        if not moves.codes.levels[k]:
            alone[:, k] = moves.snapped(k, float(now[k]), np.nan_to_num(seeds[:, k]))
        else:
            alone[:, k] = seeds[:, k]
        free = _alone(moves).allowed(now, alone) & ~held
        brought[:, k] = np.where(free, alone[:, k], now[k])
    return brought


def _alone(moves: Moves) -> Moves:
    return Moves(moves.codes, moves.limits, (), moves.low, moves.high, len(moves.limits))


def _shrunk(book: _Book, rows: Numbers) -> Generator[Numbers, Numbers, Numbers]:
    """Take back, one at a time, the change that saves most and is not needed."""
    now, codes = book.now, book.moves.codes
    made, live = rows.copy(), np.arange(len(rows))
    while len(live):
        changed = changed_columns(now, made[live])
        which, columns = np.nonzero(changed & (changed.sum(1, keepdims=True) > 1))
        if not len(which):
            break
        tried = made[live][which]
        tried[np.arange(len(tried)), columns] = now[columns]
        good = book.add(tried, (yield tried))
        saved = np.where(good, codes.steps(made[live], now[None])[which, columns], -1.0)
        going: list[int] = []
        for i in range(len(live)):
            mine = np.flatnonzero(which == i)
            best = mine[saved[mine].argmax()] if len(mine) else -1
            if best >= 0 and saved[best] >= 0:
                made[live[i]] = tried[best]
                going.append(int(live[i]))
        live = np.array(going, dtype=np.int64)
    return made


def _halved(book: _Book, rows: Numbers) -> Generator[Numbers, Numbers, Numbers]:
    """Move each changed number back towards what it was, as far as the answer allows: bisection."""
    now, moves = book.now, book.moves
    made = rows.copy()
    steps = moves.codes.steps(made, now[None])
    order = np.argsort(-np.where(moves.codes.levels[None], -1.0, steps), axis=1, kind="stable")
    for place in range(min(moves.most, len(now))):
        columns = order[:, place]
        live = np.flatnonzero(
            ~moves.codes.levels[columns] & changed_columns(now, made)[np.arange(len(made)), columns]
        )
        low, high = np.zeros(len(made)), np.ones(len(made))
        far = made[np.arange(len(made)), columns].copy()
        for _ in range(HALVINGS):
            if not len(live):
                break
            middle = (low + high)[live] / 2
            tried = made[live].copy()
            for k in np.unique(columns[live]):
                mine = columns[live] == k
                goal = now[k] + middle[mine] * (far[live][mine] - now[k])
                tried[mine, k] = moves.snapped(int(k), float(now[k]), goal)
            fresh = (tried != made[live]).any(1) & changed_columns(now, tried)[
                np.arange(len(live)), columns[live]
            ]
            tried_now = tried[fresh]
            good = np.zeros(len(live), dtype=bool)
            if len(tried_now):
                good[fresh] = book.add(tried_now, (yield tried_now))
            made[live[good]] = tried[good]
            high[live[good]] = middle[good]
            low[live[~good]] = middle[~good]
            live = live[fresh]
    return made


def run(searches: Sequence[Search], ask: Callable[[Numbers, NDArray[np.int64]], Numbers]) -> list[Reached]:
    """Run many rows' searches together: each round of candidates of all of them is asked for at once.

    Args:
        searches: one for each row.
        ask: ``(candidates [M, C], which search each belongs to [M]) -> gaps [M]``.
    """
    ended: dict[int, Reached] = {}
    waiting: dict[int, Numbers] = {}

    def on(i: int, gaps: Numbers | None) -> None:
        try:
            waiting[i] = next(searches[i]) if gaps is None else searches[i].send(gaps)
        except StopIteration as end:
            ended[i] = end.value

    for i in range(len(searches)):
        on(i, None)
    while waiting:
        owners = np.repeat(list(waiting), [len(rows) for rows in waiting.values()])
        gaps = ask(np.concatenate(list(waiting.values())), owners)
        for i in tuple(waiting):
            del waiting[i]
            on(i, gaps[owners == i])
    return [ended[i] for i in range(len(searches))]
