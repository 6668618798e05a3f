"""The search for shortcuts on planted tasks and their clean twins: hits and false alarms over seeds.

``python benchmarks/shortcuts.py FOLDER [TASK …]`` trains a small network for each task, twin and seed,
searches it, and keeps a file of JSON for each in FOLDER; what is there is not done again. At the end it
prints the table of ``docs/shortcuts.md``. SEEDS (20) and SECONDS_LEFT (500: when to stop, so that a later
call goes on) are environment variables.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path

import torch
from asked import names, words

import pellucid
from pellucid._core import PARTS, Compute, Dataset, Subject
from pellucid.data import planted, verify_plant
from pellucid.networks import default_network
from pellucid.training import collect, train

# which kinds of suspicion name the plant rightly
PLANTS = {
    "leak": ("column",),
    "patch": ("corner",),
    "watermark": ("spot",),
    "colour": ("colour",),
    "border": ("border",),
    "stripes": ("fine detail",),
    "blur": ("sharpness", "fine detail"),
    "negation": ("word",),
    "burst": ("band",),
    "copies": ("copies",),
}
RULES = ("table", "suppressor", "xor", "interaction")  # nothing there is a shortcut
COPIED = 60  # test rows that are overwritten with training rows in the task "copies"
EPOCHS, RATE = 25, 3e-3


def network(data: Dataset, seed: int) -> Subject:
    """A network for data, trained as `pellucid train` would with a higher rate."""
    torch.manual_seed(seed)
    net = default_network(data)
    collect(train(net, data, epochs=EPOCHS, learning_rate=RATE, seed=seed, patience=5))
    return pellucid.open(net.eval(), data=data, spec=data.spec, classes=data.classes)


def with_copies(data: Dataset) -> Dataset:
    """The same rows, some of whose test rows are training rows again."""
    test, learned = ((data.parts == PARTS.index(name)).nonzero().flatten() for name in ("test", "train"))
    inputs, answers = data.inputs.clone(), data.answers.clone()
    inputs[test[:COPIED]], answers[test[:COPIED]] = inputs[learned[:COPIED]], answers[learned[:COPIED]]
    return dataclasses.replace(data, inputs=inputs, answers=answers)


def line(task: str, seed: int, *, twin: bool) -> dict[str, object]:
    """One network, searched."""
    made = planted("leak" if task == "copies" else task, seed=seed)
    data = made.twin if twin or task == "copies" else made.dataset
    data = with_copies(data) if task == "copies" and not twin else data
    began = time.process_time()
    subject = network(data, seed)
    trained = time.process_time() - began
    used = None if twin or task == "copies" else verify_plant(made, lambda x: subject.model(x).detach()).used
    began = time.process_time()
    found = pellucid.shortcuts(subject, compute=Compute(512, seed=seed))
    alarms = [
        {
            "kind": one.kind,
            "name": one.name,
            "word": one.word,
            "through": one.through,
            "follows": one.follows.value,
        }
        for one in found.alarms
    ]
    if found.copies is not None and found.copies.word in ("found", "suspected"):
        alarms.append({"kind": "copies", "name": "copies", "word": found.copies.word, "through": ""})
    return {
        "task": task,
        "seed": seed,
        "twin": twin,
        "used": used,
        "accuracy": found.accuracy.value,
        "word": found.word,
        "alarms": alarms,
        "strongest": [(one.kind, one.name, one.follows.value, one.control.value) for one in found.suspicions],
        "rows": found.spent,
        "trained": trained,
        "searched": time.process_time() - began,
    }


def main(folder: Path, tasks: list[str]) -> None:
    """All networks that are not there yet, then the table."""
    seeds = int(os.environ.get("SEEDS", "20"))
    until = time.time() + float(os.environ.get("SECONDS_LEFT", "500"))
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        for task in tasks:
            for twin in (False, True) if task in PLANTS else (False,):
                path = folder / f"{task}-{'twin' if twin else 'plant'}-{seed}.json"
                if path.is_file():
                    continue
                if time.time() > until:
                    print("Time is up; call again to go on.")
                    return
                path.write_text(json.dumps(line(task, seed, twin=twin)))
                print(path.stem, flush=True)
    table([json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))])


def table(lines: list[dict[str, object]]) -> None:
    """Hits, what else was named, false alarms, the strongest part of twins, costs."""
    print("| task | plant found | network lives by it | named too | alarms on clean twin |"
          " strongest there | rows | CPU s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for task in [*PLANTS, *RULES]:
        mine = [one for one in lines if one["task"] == task]
        if not mine:
            continue
        plants = [one for one in mine if not one["twin"] and task in PLANTS]
        clean = [one for one in mine if one["twin"] or task in RULES]
        hits = sum(any(_names(a, task) for a in one["alarms"]) for one in plants)  # pyright: ignore
        used = sum(bool(one["used"]) for one in plants)
        false = sum(bool(one["alarms"]) for one in clean)
        more: dict[str, int] = {}
        for one in plants:
            for kind in {a["kind"] for a in one["alarms"] if not _names(a, task) and not a["through"]}:  # pyright: ignore
                more[kind] = more.get(kind, 0) + 1
        named = ", ".join(f"{kind} {count}" for kind, count in sorted(more.items())) or "–"
        top = max((s[2], s[0]) for one in clean for s in one["strongest"])  # pyright: ignore
        rows = sum(one["rows"] for one in mine) // len(mine)  # pyright: ignore
        cost = sum(one["searched"] for one in mine) / len(mine)  # pyright: ignore
        lives = f"{used}/{len(plants)}" if task != "copies" else "–"
        shown = f"{hits}/{len(plants)} | {lives}" if plants else "– | –"
        print(f"| {task} | {shown} | {named} | {false}/{len(clean)} | {top[1]} {top[0]:.0%} |"
              f" {rows:,} | {cost:.1f} |")  # fmt: skip


def _names(alarm: dict[str, str], task: str) -> bool:
    """Whether an alarm names the plant: found by its kind; copies count where they are suspected."""
    return alarm["kind"] in PLANTS[task] and (alarm["word"] == "found" or task == "copies")


if __name__ == "__main__":
    out, *given = words(__doc__, least=1)
    main(Path(out), names(given, [*PLANTS, *RULES]))
