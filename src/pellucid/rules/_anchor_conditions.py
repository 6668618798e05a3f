"""What an anchor may ask of a table's row, and the rows that meet it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pellucid.errors import MethodError
from pellucid.inputs import MISSING, TabularSpec
from pellucid.rules._anchor_draws import RowDraws, Sampling
from pellucid.rules._anchor_hunt import Same
from pellucid.rules._recourse._codes import Codes, Numbers, codes_of, read
from pellucid.rules._recourse._moves import pool_of
from pellucid.rules._rule import GIVEN, Condition

REAL = 512  # real rows that are drawn from
HALVINGS = 12
QUARTERS = (0.25, 0.5, 0.75)
WIDEST = 500  # columns: each takes conditions of its own, and every one of them is drawn for


def row_draws(
    spec: TabularSpec, inputs: Tensor, x: Tensor, same: Same, sampling: Sampling, seed: int
) -> RowDraws:
    """Conditions for one row ``[1, D]`` and draws from at most 512 of the real rows ``inputs``."""
    if len(spec.columns) > WIDEST:
        raise MethodError(
            f"The table has {len(spec.columns):,} columns, and conditions on up to {WIDEST} can be searched. "
            "Reasons (reason_codes) and attributions take any number."
        )
    real = read(spec, inputs)
    codes = codes_of(spec, real)
    if len(real) > REAL:
        real = real[np.sort(np.random.default_rng(seed).permutation(len(real))[:REAL])]
    now = codes.read(x)[0]
    conditions, columns = _conditions(_On(codes, now, x, same), real)
    rows = np.concatenate([real, now[None]])
    met = np.stack([meets(codes, rows, k, c) for k, c in zip(columns, conditions, strict=True)], axis=1)
    apart = np.stack([codes.one_column(k, rows[:, k], rows[:, k]) for k in range(rows.shape[1])]).astype(
        np.float32
    )
    columns_of = np.array(columns, dtype=np.int64)
    return RowDraws(codes, tuple(conditions), columns_of, rows, met, apart, apart.sum(0), sampling, inputs)


@dataclass(frozen=True, slots=True, eq=False)
class _On:
    """The row, and whether the network answers other rows as it."""

    codes: Codes
    now: Numbers
    x: Tensor
    same: Same

    def keeps(self, rows: Numbers) -> NDArray[np.bool_]:
        """Which rows get the same answer."""
        return self.same(self.codes.encode(rows).to(self.x)) if len(rows) else np.zeros(0, dtype=bool)


def _conditions(on: _On, real: Numbers) -> tuple[list[Condition], list[int]]:
    """What may be asked of each column: its level, or ends of an interval at the network's own changes."""
    codes, now = on.codes, on.now
    cuts = _changes(on, real)
    made: list[tuple[Condition, int]] = []
    for k, column in enumerate(codes.columns):
        if column.levels:
            own = column.levels[int(now[k])]
            others = tuple(level for level in column.levels if level != own)
            made.append((Condition(column.name, "in", (own,), "", others), k))
            continue
        if now[k] != now[k]:
            made.append((Condition(column.name, "in", (MISSING,), "", (GIVEN,)), k))
            continue
        below, above = cuts[k]
        made += [(Condition(column.name, ">", cut, column.unit), k) for cut in below]
        made += [(Condition(column.name, "<=", cut, column.unit), k) for cut in above]
    return [condition for condition, _ in made], [k for _, k in made]


def _changes(on: _On, real: Numbers) -> list[tuple[list[float], list[float]]]:
    """Cuts below and above each number: where the answer changes along it, and quarters of the rows."""
    codes, now = on.codes, on.now
    pool = pool_of(codes, real)
    tried = [(k, float(v)) for k, values in enumerate(pool) for v in values]
    rows = np.repeat(now[None], len(tried), 0)
    for i, (k, value) in enumerate(tried):
        rows[i, k] = value
    same = on.keeps(rows)
    ends: list[tuple[int, float, float]] = []  # column, nearest value with another answer, last with the same
    for k in range(len(now)):
        mine = [(v, bool(s)) for (j, v), s in zip(tried, same, strict=True) if j == k]
        for way in (-1, 1):
            out = sorted((v for v, s in mine if (v - now[k]) * way > 0 and not s), key=lambda v: v * way)
            if out:
                inside = [v for v, s in mine if s and (v - now[k]) * way > 0 and (out[0] - v) * way > 0]
                ends.append((k, out[0], max(inside, key=lambda v: v * way) if inside else float(now[k])))
    ends = _bisected(on, ends)
    found: list[tuple[list[float], list[float]]] = []
    for k in range(len(now)):
        known = real[:, k][~np.isnan(real[:, k])]
        if codes.levels[k] or now[k] != now[k] or not len(known):
            found.append(([], []))
            continue
        quarters = np.unique(codes.rounded(k, np.quantile(known, QUARTERS)))
        below = [out for j, out, kept in ends if j == k and out < kept] + [
            float(q) for q in quarters[quarters < now[k]][-1:]
        ]
        above = [kept for j, out, kept in ends if j == k and out > kept] + [
            float(q) for q in quarters[quarters >= now[k]][:1]
        ]
        found.append((sorted(set(below)), sorted(set(above))))
    return found


def _bisected(on: _On, ends: list[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """Pairs (other answer, same answer) as near to each other as short numbers allow."""
    codes, now = on.codes, on.now
    for _ in range(HALVINGS if ends else 0):
        rows = np.repeat(now[None], len(ends), 0)
        middles = [float(codes.rounded(k, np.array([(out + kept) / 2]))[0]) for k, out, kept in ends]
        for i, (end, middle) in enumerate(zip(ends, middles, strict=True)):
            rows[i, end[0]] = middle
        same = on.keeps(rows)
        ends = [
            end if middle in end[1:] else ((end[0], end[1], middle) if good else (end[0], middle, end[2]))
            for end, middle, good in zip(ends, middles, same, strict=True)
        ]
    return ends


def meets(codes: Codes, rows: Numbers, k: int, condition: Condition) -> NDArray[np.bool_]:
    """Which rows meet a condition on a column."""
    values, column = rows[:, k], codes.columns[k]
    if not isinstance(condition.value, tuple):
        return values <= condition.value if condition.op == "<=" else values > condition.value
    if column.levels:
        return np.isin(values, [column.levels.index(level) for level in condition.value])
    return np.isnan(values)
