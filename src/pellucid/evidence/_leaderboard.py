"""Methods beside one another on tasks whose truth is known, over networks and inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid._core import Json, brief
from pellucid.data import PlantReport
from pellucid.evidence._localisation import Measure
from pellucid.evidence._statistics import interval

DRAWS = 999
Source = Literal["pellucid", "captum", "shap", "no network"]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What all methods found on one network that was trained on a planted task.

    Args:
        task, seed: which task, and the seed of its data, of the network and of the methods.
        settings: what shaped the numbers; trials of other settings are not comparable.
        what: what decides, in words.
        report: whether the network lives by the plant; where it does not, nothing was measured.
        area: mean share of the elements that are true.
        rows: ``[n, 3]`` by method: mass, rank accuracy and AUC of each input.
        sources: whose method it is.
        costs: network rows for each input, forward and twice backward.
        refused: methods that cannot answer here, with the reason.
    """

    task: str
    seed: int
    settings: Mapping[str, Json]
    what: str
    report: PlantReport
    area: float
    rows: Mapping[str, Tensor]
    sources: Mapping[str, Source]
    costs: Mapping[str, int]
    refused: Mapping[str, str]

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """How well one method finds the truth of one task.

    Args:
        method, source, task: who, and where.
        mass: mean share of |value| inside the truth; chance is the area.
        rank: mean share of truth among the K largest |value|, K being the truth's size; chance is the area.
        auc: chance that an element inside outranks one outside; .5 is chance.
        n, seeds: inputs, and networks on which they were explained.
        cost: network rows for each input, forward and twice backward.
    """

    method: str
    source: Source
    task: str
    mass: Measure
    rank: Measure
    auc: Measure
    n: int
    seeds: int
    cost: int


@dataclass(frozen=True, slots=True, eq=False)
class PlantedTask:
    """One column of the leaderboard.

    Args:
        name: of the task.
        what: what decides, in words.
        area: mean share of the elements that are true: what a constant map scores as mass and rank accuracy.
        reports: by seed, whether the network lives by the plant.
        scored: whether maps could be right or wrong: some network learned the plant, and it has a place.
    """

    name: str
    what: str
    area: float
    reports: Mapping[str, PlantReport]
    scored: bool

    @property
    def unlearned(self) -> tuple[str, ...]:
        """Seeds of networks that do not live by the plant; they are not scored."""
        return tuple(seed for seed, report in self.reports.items() if not report.used)


@dataclass(frozen=True, slots=True, eq=False)
class Leaderboard:
    """Every method on every planted task.

    Args:
        tasks: the columns.
        table: one entry for each method and task.
        refused: by method, the tasks on which it cannot answer, with the reason.
        settings: what shaped the numbers.
    """

    tasks: tuple[PlantedTask, ...]
    table: tuple[Standing, ...]
    refused: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, Json]

    def of(self, method: str) -> Mapping[str, Standing]:
        """The entries of one method, by task."""
        return {row.task: row for row in self.table if row.method == method}

    def skill(self, method: str) -> float:
        """Mean over its tasks of (rank accuracy - chance) / (1 - chance): 0 is chance, 1 perfect."""
        areas = {task.name: task.area for task in self.tasks}
        found = [(row.rank.value - areas[t]) / (1 - areas[t]) for t, row in self.of(method).items()]
        return sum(found) / len(found)

    @property
    def ranking(self) -> tuple[str, ...]:
        """Methods, the best skill first; they need not answer the same tasks."""
        names = dict.fromkeys(row.method for row in self.table)
        return tuple(sorted(names, key=lambda name: (-self.skill(name), name)))


def leaderboard(trials: Sequence[Trial]) -> Leaderboard:
    """What trials on several networks say together.

    Means are over networks, then over their inputs; intervals are from a bootstrap in two stages, which draws
    networks and then inputs of each.

    Args:
        trials: of the same settings.

    Returns:
        The leaderboard, tasks in the order in which they come.

    Cost:
        No passes.

    Limits:
        Few networks make an interval too short: with three of them, the spread between networks counts by two
        thirds. Dear methods see fewer inputs than cheap ones; look at n.
    """
    names = list(dict.fromkeys(trial.task for trial in trials))
    tasks: list[PlantedTask] = []
    table: list[Standing] = []
    refused: dict[str, dict[str, str]] = {}
    for name in names:
        mine = [trial for trial in trials if trial.task == name]
        scored = [trial for trial in mine if trial.rows]
        area = sum(t.area for t in scored) / len(scored) if scored else mine[0].area
        reports = {str(trial.seed): trial.report for trial in mine}
        tasks.append(PlantedTask(name, mine[0].what, area, reports, bool(scored)))
        found = dict.fromkeys(method for trial in scored for method in trial.rows)
        table += [_standing(name, method, [t for t in scored if method in t.rows]) for method in found]
        for trial in mine:
            for method, why in trial.refused.items():
                refused.setdefault(method, {})[name] = why
    return Leaderboard(tuple(tasks), tuple(table), refused, dict(trials[0].settings))


def _standing(task: str, method: str, trials: Sequence[Trial]) -> Standing:
    rows = [trial.rows[method].double() for trial in trials]
    means = torch.stack([part.mean(0) for part in rows]).mean(0).tolist()
    low, high = (end.tolist() for end in interval(_two_stages(rows).T))
    mass, rank, auc = (Measure(*ends) for ends in zip(means, low, high, strict=True))
    cost = max(trial.costs.get(method, 0) for trial in trials)
    n = sum(len(part) for part in rows)
    return Standing(method, trials[0].sources[method], task, mass, rank, auc, n, len(rows), cost)


def _two_stages(rows: Sequence[Tensor]) -> Tensor:
    """Means ``[DRAWS, columns]`` of resampled inputs of resampled networks."""
    generator = torch.Generator().manual_seed(15_485_863)
    total = torch.zeros(DRAWS, rows[0].shape[1], dtype=torch.float64)
    for _ in rows:
        which = torch.randint(len(rows), (DRAWS,), generator=generator)
        means = torch.stack(
            [p[torch.randint(len(p), (DRAWS, len(p)), generator=generator)].mean(1) for p in rows]
        )
        total += means[which, torch.arange(DRAWS)]
    return total / len(rows)
