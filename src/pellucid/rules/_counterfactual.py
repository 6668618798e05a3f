"""Counterfactuals: the smallest plausible changes of a row that change the answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid._core import Compute, Dataset, amount, predict, wilson
from pellucid.errors import InputError
from pellucid.rules._recourse._bears import bears
from pellucid.rules._recourse._codes import Codes, Numbers, codes_of
from pellucid.rules._recourse._constraints import Constraints
from pellucid.rules._recourse._goal import SURE, Asked, Goal, Wanted, asking, goals
from pellucid.rules._recourse._moves import Moves, changed_columns, moves_of, pool_of, table_of
from pellucid.rules._recourse._realism import Realism, realism_of
from pellucid.rules._recourse._search import Reached, price, run, search
from pellucid.rules._recourse._values import Alternative, Change, Counterfactual, Counterfactuals

MOST = 5  # columns that may change at once where nobody says
SEEDS = 12  # real rows with the wanted answer that a search may come back from
STRANGE = 0.05  # plausibility below which a semifactual is not told
BEARS = 5  # of them that are told
ALIKE = 1.0  # what answers pay for changing the same columns as an earlier one, in usual ranges


def counterfactuals(
    model: nn.Module,
    data: Dataset,
    x: Tensor,
    *,
    wanted: Wanted = None,
    constraints: Constraints | None = None,
    k: int = 3,
    least: float | None = None,
    semifactuals: bool = True,
    agreeing: Sequence[nn.Module] = (),
    refits: Sequence[nn.Module] = (),
    compute: Compute | None = None,
) -> Counterfactuals:
    """The smallest plausible changes of each row for which the network answers otherwise.

    ``distance`` is a sum over changed columns: a number counts its change in usual ranges (10th to 90th
    percentile of the real rows), another category counts 1.

    Formula: the search minimises ``distance + 0.25 · changed columns``; among what it finds, answers are
    picked one after the other by ``that + (1 − plausibility) / 2 + overlap``, where overlap is the largest
    share of common columns (Jaccard) with an answer picked before.

    Args:
        model: any network on rows of a table; it comes back as it was.
        data: real rows; its train part says what is ordinary.
        x: rows ``[N, D]`` as the network takes them.
        wanted: a class by name or number; ``None`` for the other of two classes, or any other; in
            regression a range ``(low, high)``.
        constraints: what may change; left out, everything that the data do not call immutable. A missing
            number or category stays missing, and nothing becomes missing.
        k: answers for each row, with different columns where there are some.
        least: probability that the wanted class must reach; left out, it need only be the largest.
        semifactuals: whether to look how far single columns may move while the answer stays.
        agreeing: further networks that must give the wanted answer as well (steadier, farther changes).
        refits: networks trained anew, which judge the changed rows and take no part in the search.
        compute: how to run.

    Returns:
        :class:`Counterfactuals`. Every answer is scored on the row that is decoded, rounded and encoded
        again.

    Raises:
        InputError: for other inputs than tables, constraints that contradict each other, or rows that have
            the wanted answer already.
        MethodError: where more than 500 columns are free to change.

    Cost:
        About 5,000 rows of the network for each row when two columns suffice, 15,000 when it takes four;
        candidates of all rows travel together.

    Limits:
        It says what the network would answer, not what would happen to a person: columns are not independent
        in the world, and only links that are stated are kept. The search is a beam, so a smaller change may
        exist. Answers lie close to the border of the network's decision; ask for ``least`` or ``agreeing``
        where they must last.

    Source:
        Wachter et al., "Counterfactual explanations without opening the black box", 2017; Ustun et al.,
        "Actionable recourse in linear classification", FAT* 2019; for real rows as starting points Brughmans
        et al., "NICE", 2023; semifactuals: Kenny and Huang, "The utility of even if", NeurIPS 2023.

    Example:
        >>> import torch
        >>> from pellucid._core import split
        >>> from pellucid.inputs import Column, TabularSpec
        >>> age, income = Column("age", immutable=True), Column("income", "k€")
        >>> x = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
        >>> network = nn.Linear(2, 2)
        >>> network.weight.data = torch.tensor([[0.0, 0.0], [1.0, 4.0]])
        >>> network.bias.data = torch.zeros(2)
        >>> y = (x[:, 1] > 0).long()
        >>> data = Dataset("loans", x, y, TabularSpec((age, income)), ("no", "yes"), split(y, classes=True))
        >>> found = counterfactuals(network, data, torch.tensor([[0.0, -1.0]]), k=1)
        >>> print(found[0].found[0], "·", found[0].found[0].answer)
        income: -1 k€ → 0.01 k€ · yes
    """
    began, how = time.perf_counter(), compute or Compute(batch_size=4096)
    bench = _bench(model, data, x, constraints, how)
    now, aims = bench.codes.read(x), goals(bench.asked.outputs(model, x), data.classes, wanted, least)
    judges = _Judges((model, *agreeing), bench)
    pool, real = pool_of(bench.codes, bench.real), bench.asked.outputs(model, bench.train.inputs)
    searches = [
        search(bench.moves, row, pool, _seeds(bench, row, aim.gap(real)), k)
        for row, aim in zip(now, aims, strict=True)
    ]
    reached = run(searches, lambda rows, owners: judges.gaps(rows, [aims[i] for i in owners]))
    kept = [_stays(aim, bench, model, x[i : i + 1]) for i, aim in enumerate(aims)]
    borne = _borne(bench, now, kept, model) if semifactuals else [()] * len(now)
    cases = [
        _case(bench, judges, i, x[i], now[i], aims[i], reached[i], borne[i], k, refits)
        for i in range(len(now))
    ]
    return Counterfactuals(
        tuple(cases),
        bench.constraints,
        data.classes,
        data.task,
        data.answer,
        data.unit,
        data.name,
        len(bench.realism.real),
        time.perf_counter() - began,
        _note(cases, refits),
        how.seed,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """What all rows of one call share."""

    model: nn.Module
    data: Dataset
    train: Dataset
    codes: Codes
    real: Numbers
    asked: Asked
    constraints: Constraints
    moves: Moves
    realism: Realism


@dataclass(frozen=True, slots=True, eq=False)
class _Judges:
    """The network, and others that must agree with it."""

    models: Sequence[nn.Module]
    bench: _Bench

    def gaps(self, rows: Numbers, aims: Sequence[Goal]) -> Numbers:
        """How far each row is inside what is wanted, by the strictest network."""
        encoded = self.bench.codes.encode(rows).to(self.bench.train.inputs)
        found = np.full(len(rows), np.inf)
        for model in self.models:
            outputs = self.bench.asked.outputs(model, encoded)
            for aim in dict.fromkeys(aims):
                mine = np.array([each == aim for each in aims])
                found[mine] = np.minimum(found[mine], aim.gap(outputs[mine]))
        return found


def _bench(
    model: nn.Module, data: Dataset, x: Tensor, constraints: Constraints | None, how: Compute
) -> _Bench:
    spec = table_of(data.spec)
    train = data.part("train")
    if len(train) < 2:
        raise InputError(
            f"What is plausible is judged by the train rows; {data.name} has {len(train)} of them."
        )
    spec.check(x)
    whole = (constraints or Constraints()).of(spec)
    plain = codes_of(spec, np.zeros((1, len(spec.columns))))
    real = plain.read(train.inputs)
    codes = codes_of(spec, real)
    outputs = predict(model, train.inputs[:64], compute=how)
    numbers = (data.parts == 0).nonzero()[:, 0].numpy()
    return _Bench(
        model,
        data,
        train,
        codes,
        real,
        asking(outputs, data.classes, how),
        whole,
        moves_of(codes, whole, MOST),
        realism_of(codes, real, numbers, how.seed),
    )


def _seeds(bench: _Bench, now: Numbers, gaps: Numbers) -> Numbers:
    """The nearest real rows with the wanted answer."""
    there = bench.real[gaps > SURE]
    return there[np.argsort(bench.codes.distances(now[None], there)[0], kind="stable")[:SEEDS]]


def _stays(aim: Goal, bench: _Bench, model: nn.Module, x: Tensor) -> Goal:
    """The goal of keeping the answer: the class now; in regression, staying outside what is wanted."""
    if aim.own >= 0:
        return replace(aim, wanted=aim.own, least=None if aim.least is None else 1 - aim.least)
    number = float(bench.asked.outputs(model, x)[0, 0])
    below = number <= aim.low
    return replace(aim, low=-np.inf if below else aim.high, high=aim.low if below else np.inf)


def _borne(
    bench: _Bench, now: Numbers, kept: Sequence[Goal], model: nn.Module
) -> list[tuple[Alternative, ...]]:
    judges = _Judges((model,), bench)
    fine = pool_of(bench.codes, bench.real)
    ended = run(
        [bears(bench.moves, row, fine) for row in now],
        lambda rows, owners: judges.gaps(rows, [kept[i] for i in owners]),
    )
    told: list[tuple[Alternative, ...]] = []
    for row, goal, reached in zip(now, kept, ended, strict=True):
        made = _alternatives(bench, judges, row, goal, reached.rows, ())
        before = judges.gaps(row[None], [goal])[0]
        # what makes the answer only surer needs no telling
        towards = [each for each in made if each.gap < before]
        ordinary = [each for each in towards if each.plausibility >= STRANGE]
        seen: dict[str, Alternative] = {}
        for each in sorted(ordinary, key=lambda each: -each.distance):
            seen.setdefault(each.changes[0].column, each)
        told.append(tuple(seen.values())[:BEARS])
    return told


def _case(
    bench: _Bench,
    judges: _Judges,
    number: int,
    x: Tensor,
    now: Numbers,
    aim: Goal,
    reached: Reached,
    borne: tuple[Alternative, ...],
    k: int,
    refits: Sequence[nn.Module],
) -> Counterfactual:
    chosen = _chosen(bench, now, reached.rows, k)
    found = _alternatives(bench, judges, now, aim, chosen, refits)
    tried = changed_columns(now, reached.attempt[None]).any()
    attempt = None
    if not found and tried:
        attempt = _alternatives(bench, judges, now, aim, reached.attempt[None], refits)[0]
    outputs = bench.asked.outputs(bench.model, x[None])
    answer, value = _answer(bench, outputs[0])
    steady = 0
    for refit in refits:
        again = bench.asked.outputs(refit, x[None])
        steady += (
            _answer(bench, again[0])[0] == answer if bench.data.classes else bool(aim.gap(again)[0] <= SURE)
        )
    raw = {c.name: bench.codes.raw(j, float(now[j])) for j, c in enumerate(bench.codes.columns)}
    return Counterfactual(
        raw,
        x.detach().cpu().clone(),
        answer,
        value,
        _wanted(bench, aim),
        tuple(each for each in found if each.gap > 0),
        attempt,
        borne,
        len(refits),
        steady,
        reached.asked,
        number,
    )


def _chosen(bench: _Bench, now: Numbers, rows: Numbers, k: int) -> Numbers:
    """Up to ``k`` rows: small, plausible, and each with other columns than those before."""
    if not len(rows):
        return rows
    changed = changed_columns(now, rows)
    cost = price(bench.codes, now, rows) + (1 - bench.realism.of(rows, now)[0]) / 2
    overlap, picked = np.zeros(len(rows)), list[int]()
    while len(picked) < min(k, len(rows)):
        best = int(np.where(np.isin(np.arange(len(rows)), picked), np.inf, cost + ALIKE * overlap).argmin())
        if picked and overlap[best] >= 1:
            break
        picked.append(best)
        both, either = (changed & changed[best]).sum(1), (changed | changed[best]).sum(1)
        overlap = np.maximum(overlap, both / np.maximum(either, 1))
    return rows[picked]


def _alternatives(
    bench: _Bench, judges: _Judges, now: Numbers, aim: Goal, rows: Numbers, refits: Sequence[nn.Module]
) -> list[Alternative]:
    """Changed rows as values, scored on what their raw values encode to."""
    if not len(rows):
        return []
    codes, names = bench.codes, [column.name for column in bench.codes.columns]
    raw = [
        {n: codes.raw(j, float(v)) for j, (n, v) in enumerate(zip(names, row, strict=True))} for row in rows
    ]
    encoded = codes.spec.encode(raw)
    outputs = bench.asked.outputs(bench.model, encoded.to(bench.train.inputs))
    gaps = judges.gaps(codes.read(encoded), [aim] * len(rows))
    plausible, nearest, which = bench.realism.of(rows, now)
    agree = np.zeros(len(rows), dtype=np.int64)
    for refit in refits:
        agree += aim.gap(bench.asked.outputs(refit, encoded.to(bench.train.inputs))) > 0
    steps = codes.steps(rows, now[None])
    made: list[Alternative] = []
    for i in range(len(rows)):
        answer, value = _answer(bench, outputs[i])
        held = int(agree[i]) if refits else None
        ends = wilson(int(agree[i]), len(refits))
        made.append(
            Alternative(
                _changes(bench, now, rows[i], steps[i]),
                raw[i],
                encoded[i],
                answer,
                value,
                float(gaps[i]),
                float(steps[i].sum()),
                float(plausible[i]),
                float(nearest[i]),
                int(which[i]),
                held,
                *ends,
            )
        )
    return made


def _changes(bench: _Bench, now: Numbers, row: Numbers, steps: Numbers) -> tuple[Change, ...]:
    codes = bench.codes
    columns: NDArray[np.int64] = np.flatnonzero(changed_columns(now, row[None])[0])
    made: list[Change] = []
    for j in columns[np.argsort(-steps[columns], kind="stable")]:
        column, before, after = codes.columns[j], codes.raw(j, float(now[j])), codes.raw(j, float(row[j]))
        ranks = _ranks(bench.real[:, j], float(now[j]), float(row[j])) if not column.levels else (None, None)
        texts = column.text(before), column.text(after)
        made.append(Change(column.name, before, after, *texts, float(steps[j]), *ranks))
    return tuple(made)


def _ranks(real: Numbers, *values: float) -> tuple[float, float]:
    known = real[~np.isnan(real)]
    first, second = (
        float((known < v).mean() + (known == v).mean() / 2) if len(known) else 0.5 for v in values
    )
    return first, second


def _answer(bench: _Bench, outputs: Numbers) -> tuple[str, float]:
    """The answer in words, and its probability or number."""
    if not bench.data.classes:
        number = float(outputs[0])
        return amount(number, 4, bench.data.unit), number
    best = int(outputs.argmax())
    return bench.data.classes[best], float(np.exp(outputs[best]))


def _wanted(bench: _Bench, aim: Goal) -> str:
    if aim.own < 0:
        unit = f" {bench.data.unit}".rstrip()
        if np.isinf(aim.high):
            return f"above {aim.low:g}{unit}"
        return f"below {aim.high:g}{unit}" if np.isinf(aim.low) else f"{aim.low:g} to {aim.high:g}{unit}"
    if aim.wanted < 0:
        return f"anything but {bench.data.classes[aim.own]}"
    name = bench.data.classes[aim.wanted]
    return name if aim.least is None else f"{name} with a probability of at least {aim.least:g}"


def _note(cases: Sequence[Counterfactual], refits: Sequence[nn.Module]) -> str:
    said: list[str] = []
    without = sum(not case.found for case in cases)
    if without and len(cases) == 1:
        said.append("No allowed change brings about that answer; the nearest attempt is shown.")
    elif without:
        said.append(f"For {without} of {len(cases)} rows no allowed change brings about that answer.")
    if not refits:
        said.append("No refits were made: whether the answers outlive a new training is not known.")
    said.append("It says what the network would answer, not what a change would cause.")
    return " ".join(said)
