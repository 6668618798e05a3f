"""The leaderboard: every method on every planted task, on networks shown to live by the plant."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from pellucid._core import Compute, Json, load, save
from pellucid._version import __version__
from pellucid.errors import InputError, MethodError, StoreError, near_misses
from pellucid.evidence._leaderboard import Leaderboard, Source, Trial, leaderboard
from pellucid.tasks._explain import Method, method_named, methods
from pellucid.tasks._leaderboard._case import Case, case_of, leaderboard_names, planted_for, trained
from pellucid.tasks._leaderboard._measured import affordable, entrants, rows_of, spread
from pellucid.tasks._stages import Stages

INPUTS, SEEDS, BUDGET = 24, 3, 10_000
TRIALS = "trials"  # the folder of what is done
Tell = Callable[[str], None]


def truth_leaderboard(
    tasks: Sequence[str] | None = None,
    *,
    among: Sequence[str] | None = None,
    peers: bool = True,
    inputs: int = INPUTS,
    seeds: int = SEEDS,
    budget: int = BUDGET,
    out: str | Path | None = None,
    watch: Tell | None = None,
    compute: Compute | None = None,
) -> Leaderboard:
    """How well every method finds what was planted, beside other libraries and maps that know no network.

    For each task and seed data are made and a network is trained: a plain one for such data, and for some
    tasks a transformer too. It counts only where an intervention
    shows that it lives by the plant (:func:`pellucid.data.verify_plant`), and only inputs count that it
    answers rightly and otherwise with the plant of another class. Every method explains the log-odds of the
    class; its map is read by |value|, of waveforms summed over cells of 16 samples.

    Args:
        tasks: names from :func:`leaderboard_names`; left out, all.
        among: names of our methods; left out, all that are published.
        peers: whether to measure captum's methods and shap's explainers, where they are installed. They get
            the same inputs, reference and parts, and 20 training rows as background.
        inputs: most inputs for each network.
        seeds: networks for each task, with data of their own.
        budget: most network rows (forward + twice backward) that one method may spend on one network; dear
            methods see fewer inputs, and none where one input would cost more.
        out: folder in which every network's results are kept; what is there is not measured again.
        watch: told what is done.
        compute: how to run; the seed is the first one. Progress counts networks.

    Returns:
        A :class:`~pellucid.evidence.Leaderboard`.

    Raises:
        InputError: for names or numbers that cannot be, or an ``out`` that holds other settings.
        MethodError: for a method that does not exist.
        StoreError: where ``out`` cannot be read or written.

    Cost:
        Seconds of training for each network, and up to ``budget`` network rows for each method.

    Limits:
        What holds for small plain networks on small planted tasks need not hold elsewhere. Settings are the
        methods' own defaults; another setting may do better. Reading by |value| favours methods without
        signs. What decides is known, how much of it a network needs is not.
    """
    names, chosen = chosen_tasks(tasks), chosen_methods(among)
    for word, number in (("inputs", inputs), ("seeds", seeds), ("budget", budget)):
        if number < 1:
            raise InputError(f"{word} must be at least 1, got {number}.")
    how, tell = compute or Compute(), watch or (lambda _: None)
    settings: dict[str, Json] = {"inputs": inputs, "budget": budget, "peers": peers, "version": __version__}
    settings["methods"] = list(chosen)
    pairs = [(name, how.seed + k) for name in names for k in range(seeds)]
    trials: list[Trial] = []
    stages = Stages(how, dict.fromkeys(map(str, range(len(pairs))), 1))
    for done, (name, seed) in enumerate(pairs):
        place = None if out is None else trial_file(out, name, seed)
        kept = _kept(place, settings)
        if kept is None:
            tell(f"{done + 1} of {len(pairs)}: {name}, seed {seed}")
            kept = _trial(name, settings, chosen, dataclasses.replace(stages.of(str(done)), seed=seed))
            if place is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
                save(kept, place)
        trials.append(kept)
    stages.end()
    return leaderboard(trials)


def chosen_methods(among: Sequence[str] | None) -> dict[str, Method]:
    """Our methods by name; all where none is named."""
    return {name: method_named(name) for name in (methods() if among is None else among)}


def trial_file(out: str | Path, name: str, seed: int) -> Path:
    """Where the results of one network are kept."""
    return Path(out) / TRIALS / f"{name}-{seed}.safetensors"


def chosen_tasks(tasks: Sequence[str] | None) -> tuple[str, ...]:
    """Names of planted tasks and their networks; all where none is named."""
    known = leaderboard_names()
    for name in tasks or ():
        if name not in known:
            raise InputError(f"There is no planted task {name!r}. {near_misses(name, known)}")
    return tuple(tasks or known)


def _kept(place: Path | None, settings: Mapping[str, Json]) -> Trial | None:
    """What an earlier run found with the same settings."""
    if place is None or not place.exists():
        return None
    found = load(place)
    if not isinstance(found, Trial):
        raise StoreError(f"{place} holds no trial of a leaderboard. Choose another folder.")
    other = [key for key in settings if found.settings.get(key) != settings[key]]
    if other:
        raise InputError(
            f"{place.parent.parent} holds a leaderboard with other settings ({', '.join(other)}). Choose "
            "another folder, or the settings it was made with."
        )
    return found


def _trial(name: str, settings: Mapping[str, Json], ours: Mapping[str, Method], how: Compute) -> Trial:
    """All methods on one network."""
    task = planted_for(name, how.seed)
    stages = Stages(how, {"training": 1, "methods": 2})
    model, report = trained(task, name, stages.of("training"))
    rows: dict[str, Tensor] = {}
    sources: dict[str, Source] = {}
    costs: dict[str, int] = {}
    refused: dict[str, str] = {}
    inputs = settings["inputs"]
    case = case_of(task, model, int(str(inputs)), how) if report.used else None
    if case is not None:
        peers, budget = bool(settings["peers"]), int(str(settings["budget"]))
        within = stages.pieces("methods")
        for one in entrants(case, ours, peers, within):
            within.progress(1, 1)  # other libraries tell nothing themselves
            try:
                count, cost = affordable(case, one, budget)
                if not count:
                    refused[one.name] = f"It takes {cost:,} network rows an input, the budget is {budget:,}."
                    continue
                few = spread(case, count)
                maps, forward, backward = one.maps(few)
                rows[one.name] = rows_of(few, maps)
            except (MethodError, InputError) as error:
                refused[one.name] = str(error)
                continue
            sources[one.name], costs[one.name] = one.source, (forward + 2 * backward) // count
    return Trial(
        name, how.seed, settings, task.dataset.notes[0], report, _area(case), rows, sources, costs, refused
    )


def _area(case: Case | None) -> float:
    return 1.0 if case is None else float(case.truth.flatten(1).double().mean())
