"""The leaderboard of ``pellucid bench truth``: for the terminal, for documents, and into a folder."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli._say import document, estimating, narrate, progress, result, show, tell_estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pellucid._core import Json
    from pellucid.evidence import Leaderboard, Measure, Standing

MEASURES = {
    "rank": "Rank accuracy: share of what decides among the K largest |value|, K being how much decides",
    "mass": "Mass: share of |value| on what decides",
    "auc": "AUC: chance that an element that decides outranks one that does not",
}
WIDE = 7  # letters of a task in the terminal


def run_leaderboard(
    names: Sequence[str] | None,
    *,
    method: Sequence[str] | None,
    peers: bool,
    inputs: int,
    seeds: int,
    budget: int,
    out: Path | None,
    estimate: bool,
    as_json: bool,
    markdown: bool,
    batch_size: int,
    seed: int,
) -> None:
    """Measure, or say what it would take, and tell it."""
    from pellucid import tasks

    began = time.perf_counter()
    given: dict[str, Json] = {
        "task": None if names is None else list(names),
        "method": None if method is None else list(method),
        "peers": peers,
        "inputs": inputs,
        "seeds": seeds,
        "budget": budget,
    }
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as trial:
            plan = tasks.estimate_leaderboard(
                names,
                among=method,
                peers=peers,
                inputs=inputs,
                seeds=seeds,
                budget=budget,
                out=out,
                compute=trial,
            )
        tell_estimate("bench truth", given, plan, began, seed, as_json=as_json)
        return

    def tell(words: str) -> None:
        if not as_json:
            narrate(f"  {time.perf_counter() - began:5.0f} s  {words}")

    with progress("truth", quiet=as_json, batch_size=batch_size, seed=seed, unit="%") as compute:
        found = tasks.truth_leaderboard(
            names,
            among=method,
            peers=peers,
            inputs=inputs,
            seeds=seeds,
            budget=budget,
            out=out,
            watch=tell,
            compute=compute,
        )
    if out is not None:
        _written(found, out)
    if as_json:
        document("bench truth", given, found, seconds=time.perf_counter() - began, seed=seed)
    elif markdown:
        result(as_markdown(found))
    else:
        _shown(found, out)


def _written(found: Leaderboard, out: Path) -> None:
    from pellucid.cli._json import to_json

    out.mkdir(parents=True, exist_ok=True)
    whole = json.dumps(to_json(found), ensure_ascii=False, allow_nan=False, indent=1)
    (out / "leaderboard.json").write_text(whole, encoding="utf-8")
    (out / "leaderboard.md").write_text(as_markdown(found) + "\n", encoding="utf-8")


def _shown(found: Leaderboard, out: Path | None) -> None:
    from rich.table import Table

    columns = [task.name for task in found.tasks if task.scored]
    result(f"{MEASURES['rank']}.\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("method", no_wrap=True)
    for name in (*columns, "skill"):
        table.add_column(name if len(name) <= WIDE else f"{name[: WIDE - 1]}.", justify="right", no_wrap=True)
    chance = [f"{task.area:.2f}".lstrip("0") for task in found.tasks if task.scored]
    for name in found.ranking:
        mine = found.of(name)
        cells = [f"{mine[c].rank.value:.2f}".lstrip("0") if c in mine else "–" for c in columns]
        table.add_row(named(next(iter(mine.values()))), *cells, f"{found.skill(name):.2f}")
    show(table)
    result(f"\nChance: {', '.join(f'{c} {a}' for c, a in zip(columns, chance, strict=True))}.")
    result("Names in parentheses know nothing of the network. Skill: mean of (rank accuracy - chance) / (1 -")
    result("chance) over the tasks that a method answers, which need not be the same for all.")
    for line in told(found):
        result(f"- {line}")
    where = f"in {out}/leaderboard.md" if out is not None else "shown by --markdown and --json"
    result(f"Intervals, mass and AUC are {where}.")


def as_markdown(found: Leaderboard, measures: Sequence[str] = tuple(MEASURES)) -> str:
    """A table for each measure, methods as rows and tasks as columns, with 95 % intervals."""
    columns = [task.name for task in found.tasks if task.scored]
    lines = [f"- {line}" for line in told(found)]
    for measure in measures:
        lines += ["", f"### {MEASURES[measure]}", ""]
        head = ["method", *columns, *(["skill"] if measure == "rank" else [])]
        lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        for name in found.ranking:
            mine = found.of(name)
            cells = [_cell(mine[c], measure) if c in mine else "–" for c in columns]
            cells += [f"{found.skill(name):.2f}"] if measure == "rank" else []
            shown = named(next(iter(mine.values()))).replace("|", "&#124;")
            lines.append(f"| {shown} | {' | '.join(cells)} |")
    lines += ["", "Dear methods saw fewer inputs than the others, over all networks:", ""]
    lines += [f"- {line}" for line in _fewer(found)]
    return "\n".join(lines)


def told(found: Leaderboard) -> list[str]:
    """What each task plants and whether networks live by it, one line a task; then what was not measured."""
    from pellucid._core import percent

    lines: list[str] = []
    for task in found.tasks:
        used = [report for report in task.reports.values() if report.used]
        what = f"{task.name}: {task.what.rstrip('.')}."
        if used:
            with_, without = (
                sum(values) / len(used)
                for values in ([r.with_plant for r in used], [r.without_plant for r in used])
            )
            what += f" Networks are right in {percent(with_)}, without the plant in {percent(without)}"
            what += f"; it covers {percent(task.area)}." if task.scored else "."
        if used and not task.scored:
            what += " Not scored: it lies everywhere, so no map can be wrong about its place."
        for seed in task.unlearned:
            what += f" Not scored with seed {seed}: {task.reports[seed]}"
        lines.append(what)
    groups: dict[tuple[str, str], list[str]] = {}
    for method, by_task in found.refused.items():
        for task, why in by_task.items():
            short = why.split(". ")[0].removeprefix(f"{method} ").split(", got ")[0].rstrip(".")
            groups.setdefault((method, short), []).append(task)
    by_reason: dict[tuple[str, str], list[str]] = {}
    for (method, short), names in groups.items():
        by_reason.setdefault((short, ", ".join(names)), []).append(method)
    for (short, names), methods in by_reason.items():
        lines.append(f"Not measured on {names}: {', '.join(methods)} ({short}).")
    return lines


def _fewer(found: Leaderboard) -> list[str]:
    most = {
        task.name: max((r.n for r in found.table if r.task == task.name), default=0) for task in found.tasks
    }
    few: dict[str, list[str]] = {}
    for row in found.table:
        if row.n < most[row.task]:
            few.setdefault(row.method, []).append(f"{row.task} {row.n}")
    return [f"{name}: {', '.join(parts)}" for name, parts in few.items()]


def named(row: Standing) -> str:
    """The method's name, in parentheses where it knows nothing of the network."""
    return f"({row.method})" if row.source == "no network" else row.method


def _cell(row: Standing, measure: str) -> str:
    read: Mapping[str, Measure] = {"rank": row.rank, "mass": row.mass, "auc": row.auc}
    one = read[measure]
    value, low, high = (f"{number:.2f}".removeprefix("0") for number in (one.value, one.low, one.high))
    return f"{value} [{low}, {high}]"
