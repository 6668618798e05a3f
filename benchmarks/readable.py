"""What ``pellucid bench readable`` does not print of networks that can be read, on the same folds.

``python benchmarks/readable.py rules FOLDER``: whether printed rules give the network's own class on every
row of the set, conditions a rule, and all end positions of tic-tac-toe. Exits with 1 where one row differs,
where there are more than 20 rules or 4 conditions a rule, or where an end position is misjudged.

``python benchmarks/readable.py attention FOLDER``: the certificate of attention networks, with one gate for
all rows and with a gate of each row; ``--gates global`` for one of them, ``--seeds 3`` for the agreement of
three fits.

``python benchmarks/readable.py directions FOLDER``: rule networks that keep directions beside those that need
not, on German credit (duration and age) and HELOC (the external risk estimate); in both the second class is
that of good credit. Exits with 1 where a direction does not hold.

``python benchmarks/readable.py published FOLDER``: rule networks beside the figures that were published of
others, by their protocol as far as it is known: five stratified folds, macro-F1 and accuracy; of Adult the
32,561 rows of its train file; wine comes with scikit-learn and has three classes.

FOLDER and the names of the sets are those of ``pellucid bench readable``; ``--sets heart,pima`` and
``--folds 0,1`` do a part. Seconds are processor time of one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from asked import folder, several_of
from sklearn.datasets import load_wine
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from pellucid.data._csv import read_csv
from pellucid.data._raw import MARKERS
from pellucid.readable import AttentionClassifier, RuleClassifier
from pellucid.tasks._readable._sets import FILES, SETS, Table, read, table_of

PUZZLE = "tic-tac-toe"
DIRECTIONS = {"german-credit": {1: -1, 12: 1}, "heloc": {0: 1}}  # by number of the column
RULES, CONDITIONS = 20, 4.0
# RRL: Wang et al. 2021, table 1; DR-Net: Qiao et al. 2021
PUBLISHED = {
    "wine": "RRL macro-F1 .982",
    PUZZLE: "RRL macro-F1 1.000",
    "heloc": "DR-Net accuracy .697",
    "adult": "RRL macro-F1 .807, DR-Net accuracy .830",
}


def endgames() -> Table:
    """All 958 boards on which a game can end, and whether x, who began, has three in a row."""
    lines = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]
    found: set[str] = set()

    def wins(board: str, player: str) -> bool:
        return any(all(board[i] == player for i in line) for line in lines)

    def play(board: str, player: str) -> None:
        if wins(board, "x") or wins(board, "o") or "b" not in board:
            found.add(board)
            return
        for i in range(9):
            if board[i] == "b":
                play(board[:i] + player + board[i + 1 :], "o" if player == "x" else "x")

    play("b" * 9, "x")
    boards = sorted(found)
    columns = {f"square {i + 1}": [board[i] for board in boards] for i in range(9)}
    return table_of(PUZZLE, columns | {"won": [int(wins(board, "x")) for board in boards]}, "won")


def rules(
    table: Table, train: np.ndarray, test: np.ndarray, given: argparse.Namespace
) -> dict[str, dict[str, float]]:
    model = RuleClassifier().fit(table.raw[train], table.answers[train])
    printed, own = model.rules_, model.predict(table.raw)
    told = np.array(printed.predict(model.spec_.decode(model._encoded(table.raw))))
    return {
        "rules": {
            "auc": roc_auc_score(table.answers[test], model.decision_function(table.raw[test])),
            "accuracy": float((own[test] == table.answers[test]).mean()),
            "rules": len(printed),
            "conditions": printed.conditions,
            "printed = computed": float((told == own.astype(str)).mean()),
        }
    }


def attention(
    table: Table, train: np.ndarray, test: np.ndarray, given: argparse.Namespace
) -> dict[str, dict[str, float]]:
    found = {}
    for gate in given.gates:
        learned = table.raw[train], table.answers[train]
        model = AttentionClassifier(gate=gate).fit(*learned)
        x, y = table.raw[test], table.answers[test]
        told = model.certificate(x, y, training=learned, seeds=given.seeds)
        found[f"{gate} gate"] = {
            "auc": roc_auc_score(y, model.predict_proba(x)[:, 1]),
            "swap auc": told.swap_auc,
            "probe auc": told.probe_auc,
            "unused": len(told.unused),
            "change": told.unused_change,
            "sum gap": told.sum_gap,
        } | ({} if told.agreement is None else {"agreement": told.agreement})
    return found


def directions(
    table: Table, train: np.ndarray, test: np.ndarray, given: argparse.Namespace
) -> dict[str, dict[str, float]]:
    found = {}
    for who, signs in (("free", None), ("directed", DIRECTIONS[table.name])):
        model = RuleClassifier(monotone=signs).fit(table.raw[train], table.answers[train])
        shown = model.rules_.directions
        found[who] = {
            "auc": roc_auc_score(table.answers[test], model.decision_function(table.raw[test])),
            "rules": len(model.rules_),
            "hold": float(all(not each.against for each in shown) and len(shown) == len(signs or {})),
            "rules that ask": float(sum(len(each.rules) for each in shown)),
        }
    gap = found["directed"]["auc"] - found["free"]["auc"]
    print(f"{table.name:15}directed - free {gap:+.4f}", flush=True)
    return found


def published(
    table: Table, train: np.ndarray, test: np.ndarray, given: argparse.Namespace
) -> dict[str, dict[str, float]]:
    model = RuleClassifier().fit(table.raw[train], table.answers[train])
    told, truth = model.predict(table.raw[test]), table.answers[test]
    return {
        "rules": {
            "macro-F1": f1_score(truth, told, average="macro"),
            "accuracy": float((told == truth).mean()),
            "rules": len(model.rules_),
            "conditions": model.rules_.conditions,
        }
    }


def published_set(name: str, folder: Path) -> Table:
    """A set with the rows that others report on."""
    if name == "wine":
        bunch = load_wine()
        return Table(name, bunch.data, bunch.data, (), bunch.target)
    if name == PUZZLE:
        return endgames()
    table = read(name, folder)
    if name != "adult":
        return table
    columns = read_csv(folder / FILES[name][0], separator=None, encoding="utf-8", missing=MARKERS).columns
    kept = np.array([cell == "train" for cell in columns["split"]])
    return replace(table, raw=table.raw[kept], codes=table.codes[kept], answers=table.answers[kept])


def kept(name: str, means: dict[str, float]) -> bool:
    """Whether what is promised of rule networks holds."""
    small = means["rules"] <= RULES and means["conditions"] <= CONDITIONS
    return small and means["printed = computed"] == 1 and (name != PUZZLE or means["accuracy"] == 1)


MEASURES = {"rules": rules, "attention": attention, "directions": directions, "published": published}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("of", choices=("rules", "attention", "directions", "published"))
    asked.add_argument("folder", type=folder)
    asked.add_argument("--sets", type=several_of((*SETS, PUZZLE, "wine")), default=[])
    asked.add_argument("--folds", type=several_of("01234"), default=[*"01234"])
    asked.add_argument("--gates", type=several_of(("global", "row")), default=["global", "row"])
    asked.add_argument("--seeds", type=int, default=1)
    given = asked.parse_args()
    warnings.simplefilter("ignore")
    fine, measure = True, MEASURES[given.of]
    usual = {"directions": (*DIRECTIONS,), "published": (*PUBLISHED,), "rules": (*SETS, PUZZLE)}
    for name in given.sets or usual.get(given.of, SETS):
        if given.of == "published":
            table = published_set(name, given.folder)
        else:
            table = endgames() if name == PUZZLE else read(name, given.folder)
        cut = list(StratifiedKFold(5, shuffle=True, random_state=0).split(table.codes, table.answers))
        began, runs = time.process_time(), [measure(table, *cut[int(k)], given) for k in given.folds]
        seconds = (time.process_time() - began) / len(runs)
        for who in runs[0]:
            means = {k: statistics.mean(run[who][k] for run in runs) for k in runs[0][who]}
            told = "  ".join(f"{k} {value:.3f}" for k, value in means.items())
            print(f"{name:15}{who:12}{told}  ({len(runs)} folds, {seconds:.1f} CPU s a fold)", flush=True)
            if given.of == "published":
                print(f"{name:15}{PUBLISHED[name]}", flush=True)
            fine &= given.of != "rules" or kept(name, means)
            fine &= means.get("hold", 1) == 1
    return not fine


if __name__ == "__main__":
    raise SystemExit(main())
