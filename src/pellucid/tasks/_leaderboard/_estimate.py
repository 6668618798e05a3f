"""What the leaderboard will take, from each method on one input of each kind of data."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from pellucid import data
from pellucid._core import Compute, Subject, predict
from pellucid.errors import InputError, MethodError
from pellucid.tasks._amounts import Estimate, Step
from pellucid.tasks._estimate import memory_of
from pellucid.tasks._explain import Method
from pellucid.tasks._leaderboard._case import EPOCHS, USUAL, Case, kind_of, network_for, planted_for
from pellucid.tasks._leaderboard._measured import entrants
from pellucid.tasks._leaderboard._run import BUDGET, INPUTS, SEEDS, chosen_methods, chosen_tasks, trial_file
from pellucid.tasks._stages import Stages
from pellucid.tasks._train import train

ROWS = 256  # of the pass that is timed


def estimate_leaderboard(
    tasks: Sequence[str] | None = None,
    *,
    among: Sequence[str] | None = None,
    peers: bool = True,
    inputs: int = INPUTS,
    seeds: int = SEEDS,
    budget: int = BUDGET,
    out: str | Path | None = None,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`truth_leaderboard` with these arguments will take; what ``out`` holds is free.

    Returns:
        An :class:`Estimate` with a step for each task. What other libraries send through the network counts
        as gone back too where it could have.

    Cost:
        One epoch of training, and each method on one input, for each shape of inputs: some 20 s.

    Limits:
        Untrained networks stand in; methods that take as many passes as a row needs may take others.
    """
    began, how = time.perf_counter(), compute or Compute()
    names, ours = chosen_tasks(tasks), chosen_methods(among)
    known: dict[tuple[str | None, *tuple[int, ...]], tuple[_Pace, int]] = {}
    steps: list[Step] = []
    memory, stages = 0, Stages(how, dict.fromkeys(names, 1))
    for name in names:
        within = stages.pieces(name)
        left = [k for k in range(seeds) if out is None or not trial_file(out, name, how.seed + k).exists()]
        task = planted_for(name, how.seed)
        sort = (kind_of(name), *task.dataset.inputs.shape[1:])
        if sort not in known:
            known[sort] = _tried(task, name, ours, peers, within)
        pace, bytes_of = known[sort]
        memory = max(memory, bytes_of)
        scored = task.dataset.relevant is not None and not bool(task.dataset.relevant.all())
        forward, backward, seconds = pace.all(inputs, budget) if scored else (0, 0, 0.0)
        seconds += pace.epoch * EPOCHS.get(name, USUAL)
        n = len(left)
        steps.append(Step(name, n * forward, n * backward, n * seconds, exact=False))
    stages.end()
    return Estimate(tuple(steps), memory, time.perf_counter() - began)


class _Pace:
    """What each method costs on one input, and how long a row of the network takes."""

    def __init__(self, epoch: float, row: float) -> None:
        self.epoch, self._row = epoch, row
        self._tried: list[tuple[int, int, float]] = []

    def add(self, forward: int, backward: int, seconds: float) -> None:
        self._tried.append((forward, backward, seconds))

    def all(self, inputs: int, budget: int) -> tuple[int, int, float]:
        """Rows forward and backward, and seconds, for every method on as many inputs as it can explain."""
        total, back, seconds = 0, 0, 0.0
        for forward, backward, once in self._tried:
            cost = forward + 2 * backward
            n = min(inputs, budget // max(1, cost))
            # the first input is asked twice, to learn what it costs
            total, back = total + (n + 1) * forward, back + (n + 1) * backward
            seconds += 2 * once + max(0, n - 1) * cost * self._row
        return total, back, seconds


def _tried(
    task: data.Planted, name: str, ours: Mapping[str, Method], peers: bool, how: Compute
) -> tuple[_Pace, int]:
    made = task.dataset
    # the first training pays for what is loaded on the way
    epoch = 0.0
    for _ in range(2):
        began = time.perf_counter()
        train(made, network=network_for(made, name, 0), epochs=1, patience=None)
        epoch = time.perf_counter() - began
        how.progress(1, 1)
    model = network_for(made, name, how.seed).eval()
    marks = torch.ones_like(made.inputs, dtype=torch.bool) if made.relevant is None else made.relevant
    rows = marks.flatten(1).any(1).nonzero().flatten()[:ROWS]
    began = time.perf_counter()
    predict(model, made.inputs[rows], compute=how)
    pace = _Pace(epoch, (time.perf_counter() - began) / len(rows))
    one = rows[:1]
    case = Case(model, made.inputs[one], marks[one], made.answers[one], made.spec, made.inputs, made.answers)
    for entrant in entrants(case, ours, peers, how):
        if entrant.source == "no network":
            continue
        how.progress(1, 1)
        began = time.perf_counter()
        try:
            _, forward, backward = entrant.maps(case)
        except (MethodError, InputError):
            continue
        pace.add(forward, backward, time.perf_counter() - began)
    subject = Subject(model, made, made.spec, made.classes, made.name)
    return pace, memory_of(subject, made.inputs[:1], 1, how, cards=False)
