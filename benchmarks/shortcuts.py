"""The search for shortcuts on planted tasks and their clean twins: hits and false alarms over seeds.

``python benchmarks/shortcuts.py FOLDER [TASK …]`` trains a small network for each task, twin and seed,
searches it, and keeps a file of JSON for each in FOLDER; what is there is not done again. At the end it prints
the table of ``docs/shortcuts.md``. SEEDS (20) and SECONDS_LEFT (500: when to stop, so that a later call goes
on) are environment variables.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import torch

import pellucid
from pellucid._core import Compute, Dataset, Subject
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
}
RULES = ("table", "suppressor", "xor", "interaction")  # nothing there is a shortcut
EPOCHS, RATE = 25, 3e-3


def network(data: Dataset, seed: int) -> Subject:
    torch.manual_seed(seed)
    net = default_network(data)
    collect(train(net, data, epochs=EPOCHS, learning_rate=RATE, seed=seed, patience=5))
    return pellucid.open(net.eval(), data=data, spec=data.spec, classes=data.classes)


def line(task: str, seed: int, *, twin: bool) -> dict[str, object]:
    made = planted(task, seed=seed)
    data = made.twin if twin else made.dataset
    began = time.process_time()
    subject = network(data, seed)
    trained = time.process_time() - began
    used = None
    if not twin:
        used = verify_plant(made, lambda x: subject.model(x).detach()).used
    began = time.process_time()
    found = pellucid.shortcuts(
        subject, part="all" if len(data) < 600 else None, compute=Compute(512, seed=seed)
    )
    return {
        "task": task,
        "seed": seed,
        "twin": twin,
        "used": used,
        "accuracy": found.accuracy.value,
        "word": found.word,
        "alarms": [
            {"kind": one.kind, "name": one.name, "word": one.word, "follows": one.follows.value}
            for one in found.alarms
        ],
        "copies": None if found.copies is None else found.copies.word,
        "strongest": [
            (one.kind, one.name, round(one.follows.value, 3), round(one.control.value, 3))
            for one in found.suspicions[:4]
        ],
        "rows": found.spent,
        "trained": trained,
        "searched": time.process_time() - began,
    }


def main(folder: Path, tasks: list[str]) -> None:
    seeds, until = (
        int(os.environ.get("SEEDS", "20")),
        time.time() + float(os.environ.get("SECONDS_LEFT", "500")),
    )
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        for task in tasks or [*PLANTS, *RULES]:
            for twin in (False, True) if task in PLANTS else (False,):
                path = folder / f"{task}-{'twin' if twin else 'plant'}-{seed}.json"
                if path.is_file():
                    continue
                if time.time() > until:
                    print("Time is up; call again to go on.")
                    return
                done = line(task, seed, twin=twin)
                path.write_text(json.dumps(done))
                alarms = (
                    "; ".join(f"{a['word']} {a['name']} {a['follows']:.2f}" for a in done["alarms"])
                    or "no alarm"
                )  # pyright: ignore
                print(
                    f"{path.stem:24s} used {done['used']} accuracy {done['accuracy']:.2f} {alarms} | {done['strongest']} {done['trained']:.0f}+{done['searched']:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
