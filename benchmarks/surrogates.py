"""Rules that copy a trained network, beside the same tree grown from the labels, on six tables.

``python benchmarks/surrogates.py FOLDER``; FOLDER and the names of the sets are those of ``pellucid bench
readable``. Five stratified folds; of each fold's training rows a fifth is validation: it stops the network,
a plain one with default settings, and decides whether a tree is grown with rows between the training rows.
Fidelity is counted on the folds' test rows, pooled: each row once. The interval is that of the difference of
two shares of the same rows (Agresti and Min), the networks given.

``--sets pima,heart`` does a part, ``--keep FILE`` goes on where it was left. Exits with 1 where the mean
fidelity is not above the null at some number of leaves.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from asked import folder, several_of
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold, train_test_split

from pellucid import training
from pellucid._core import Dataset
from pellucid.data import table
from pellucid.networks import default_network
from pellucid.rules._agreement import paired_difference
from pellucid.rules._copied import copier
from pellucid.rules._frontier import MOST, QUERIES, better
from pellucid.rules._material import judged
from pellucid.tasks._readable._sets import BUNDLED, FILES, SETS

LEAVES = (4, 8, 16, 32)


def read(name: str, folder: Path) -> Dataset:
    if name != BUNDLED:
        file, target = FILES[name]
        return table(folder / file, target)
    frame = load_breast_cancer(as_frame=True).frame
    frame["target"] = frame["target"].map({0: "malignant", 1: "benign"})
    with tempfile.TemporaryDirectory() as place:
        frame.to_csv(Path(place) / "breast.csv", index=False)
        return table(Path(place) / "breast.csv", "target")


def fold(data: Dataset, train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, list]:
    """For each number of leaves, which test rows the rules and the null agree with the network on."""
    answers = data.answers.numpy()
    _, inner = train_test_split(train, test_size=0.2, stratify=answers[train], random_state=seed)
    parts = torch.zeros(len(data), dtype=data.parts.dtype)
    parts[torch.from_numpy(inner)], parts[torch.from_numpy(test)] = 1, 2
    data = replace(data, parts=parts)
    model = default_network(data, seed=seed)
    for _ in training.train(model, data, epochs=20, patience=5, seed=seed, instruments=False):
        pass
    how = copier(
        model, data, kind="tree", minimum_support=5, seed=seed,
        synthetic=min(MOST, QUERIES * int((parts == 0).sum())), held=data.part("test"), compute=None,
    )  # fmt: skip
    judge = judged(model, data.part("validation"), how.given.columns, None)
    truth = data.part("test").answers.numpy()
    found: dict[str, list] = {"apart": (how.held.answers != truth).tolist()}
    for leaves in LEAVES:
        boxes, queried, _ = better(how, judge, leaves)
        plain, asked = (how.held.told(how.grown(leaves, queried=q)) for q in (False, True))
        told, null = how.held.told(boxes), how.held.told(how.null(leaves))
        same = {"rules": told, "null": null, "plain": plain, "asked": asked}
        found[str(leaves)] = [{k: (v == how.held.answers).tolist() for k, v in same.items()}, bool(queried)]
    return found


def line(name: str, leaves: int, folds: list[dict[str, list]]) -> tuple[str, bool]:
    same = {
        k: np.concatenate([f[str(leaves)][0][k] for f in folds]) for k in ("rules", "null", "plain", "asked")
    }
    apart = np.concatenate([f["apart"] for f in folds])
    low, high = paired_difference(same["rules"], same["null"])
    share = {k: 100 * v.mean() for k, v in same.items()}
    where = f"{100 * same['rules'][apart].mean():.1f} / {100 * same['null'][apart].mean():.1f}"
    queried = sum(f[str(leaves)][1] for f in folds)
    excess = share["rules"] - share["null"]
    text = (
        f"| {name} | {leaves} | {share['rules']:.1f} | {share['null']:.1f} | "
        f"{excess:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}] | "
        f"{share['plain']:.1f} | {share['asked']:.1f} | "
        f"{queried}/5 | {where} ({int(apart.sum())}) |"
    )
    return text, excess > 0


def main() -> int:
    asks = argparse.ArgumentParser(description=__doc__)
    asks.add_argument("folder", type=folder)
    asks.add_argument("--sets", type=several_of(SETS), default=[*SETS])
    asks.add_argument("--keep", type=Path)
    given = asks.parse_args()
    kept = json.loads(given.keep.read_text()) if given.keep and given.keep.exists() else {}
    for name in given.sets:
        data = read(name, given.folder)
        splits = StratifiedKFold(5, shuffle=True, random_state=0).split(data.answers, data.answers.numpy())
        for k, (train, test) in enumerate(splits):
            if f"{name} {k}" not in kept:
                began = time.process_time()
                kept[f"{name} {k}"] = fold(data, train, test, k)
                print(f"{name} fold {k}: {time.process_time() - began:.0f} s", flush=True)
                if given.keep:
                    given.keep.write_text(json.dumps(kept))
    heads = ("data", "leaves", "fidelity %", "null %", "difference [95 %]", "train rows only", "with queries")
    print(f"| {' | '.join(heads)} | queries chosen | rules / null where network is wrong (rows) |")
    print("|---|---|---|---|---|---|---|---|---|")
    above = True
    for name in given.sets:
        folds = [kept[f"{name} {k}"] for k in range(5)]
        for leaves in LEAVES:
            text, more = line(name, leaves, folds)
            print(text)
            above &= more
    return 0 if above else 1


if __name__ == "__main__":
    raise SystemExit(main())
