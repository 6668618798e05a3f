"""The rule network beside a plain network, boosting and InterpretML's additive model: six tables, one puzzle.

``python benchmarks/rule_network.py FOLDER`` reads ``pima_diabetes.csv``, ``heart_cleveland.csv``,
``german_credit.csv``, ``heloc.csv`` and ``adult.csv.gz`` from FOLDER; breast cancer comes with scikit-learn
and the end positions of tic-tac-toe are made here. Stratified folds; nothing is chosen by what a fold shows:
the rule network weighs its teachers in folds inside its own training rows, the others have their defaults.

``--sets pima,heart`` and ``--folds 0,1`` do a part, ``--keep FILE`` goes on where it was left. Exits with 1
where the rule network is more than 0.01 AUC behind the best, has more than 20 rules, more than 4 conditions
on average, or prints other answers than it computes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from pellucid.readable import RuleClassifier

FILES = {
    "heart": ("heart_cleveland.csv", "diameter narrowing"),
    "pima": ("pima_diabetes.csv", "diabetes"),
    "german": ("german_credit.csv", "creditability"),
    "heloc": ("heloc.csv", "RiskPerformance"),
    "adult": ("adult.csv.gz", "income"),
}
SETS = ("breast", *FILES, "tic-tac-toe")
FOLDS, RULES, CONDITIONS, BEHIND = 5, 20, 4.0, 0.01
Scores = Callable[[pd.DataFrame, "np.ndarray", pd.DataFrame], "np.ndarray"]


def read(name: str, folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    if name == "breast":
        found = load_breast_cancer(as_frame=True)
        return found.data, found.target.to_numpy()
    if name == "tic-tac-toe":
        return endgames()
    file, target = FILES[name]
    frame = pd.read_csv(folder / file, na_values=["?", ""]).drop(columns="split", errors="ignore")
    return frame.drop(columns=target), np.unique(frame[target], return_inverse=True)[1]


def endgames() -> tuple[pd.DataFrame, np.ndarray]:
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
    frame = pd.DataFrame([list(board) for board in boards], columns=[f"square {i + 1}" for i in range(9)])
    return frame, np.array([int(wins(board, "x")) for board in boards])


def _numbers(train: pd.DataFrame, test: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Median for missing numbers, one-hot categories, standardised."""
    texts = [c for c in train if not pd.api.types.is_numeric_dtype(train[c])]
    rest = [c for c in train if c not in texts]
    middle = train[rest].median()
    made = [(f[rest].fillna(middle).to_numpy(float)) for f in (train, test)]
    if texts:
        hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(train[texts].astype(str))
        made = [
            np.hstack([m, hot.transform(f[texts].astype(str))])
            for m, f in zip(made, (train, test), strict=True)
        ]
    return made[0], made[1]


def plain(train: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> np.ndarray:
    fit, judge = _numbers(train, test)
    net = make_pipeline(
        StandardScaler(), MLPClassifier((64, 32), random_state=0, early_stopping=len(y) > 5000)
    )
    return net.fit(fit, y).predict_proba(judge)[:, 1]


def boosting(train: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> np.ndarray:
    fit, judge = _numbers(train, test)
    return HistGradientBoostingClassifier(random_state=0).fit(fit, y).predict_proba(judge)[:, 1]


def ebm(train: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> np.ndarray:
    from interpret.glassbox import ExplainableBoostingClassifier

    return (
        ExplainableBoostingClassifier(interactions=0, random_state=0, n_jobs=1)
        .fit(train, y)
        .predict_proba(test)[:, 1]
    )


OURS = "rule network"
PEERS: dict[str, Scores] = {"MLP": plain, "boosting": boosting, "EBM": ebm}


def rules(
    train: pd.DataFrame, y: np.ndarray, test: pd.DataFrame, whole: pd.DataFrame
) -> tuple[np.ndarray, dict[str, float]]:
    model = RuleClassifier().fit(train, y)
    printed = model.rules_
    rows = model.spec_.decode(model._encoded(whole))
    same = np.array(printed.predict(rows)) == model.predict(whole).astype(str)
    return model.decision_function(test), {
        "rules": len(printed),
        "conditions": printed.conditions,
        "printed = computed": float(same.mean()),
    }


def fill(row: dict[str, float], name: str, folder: Path, fold: int, who: str) -> None:
    """Add what one of the networks reaches on one fold."""
    X, y = read(name, folder)
    fit, judge = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(X, y))[fold]
    began = time.process_time()
    if who == OURS:
        scores, more = rules(X.iloc[fit], y[fit], X.iloc[judge], X)
        row |= more | {"accuracy": float(np.mean((scores > 0) == y[judge]))}
    else:
        scores = PEERS[who](X.iloc[fit], y[fit], X.iloc[judge])
    row[f"seconds {who}"] = time.process_time() - began
    row[who] = roc_auc_score(y[judge], scores)


def table(kept: dict[str, dict[str, float]]) -> bool:
    columns = ("data", "rule network", "the others", "behind the best", "rules", "conditions", "accuracy",
               "printed = computed", "CPU s")  # fmt: skip
    print("| " + " | ".join(columns) + " |")
    print("|---|---|---|---|---|---|---|---|---|")
    fine = True
    for name in SETS:
        rows = [row for key, row in kept.items() if key.startswith(f"{name}/")]
        if not rows:
            continue
        shared = set.intersection(*(set(row) for row in rows))
        means = {column: float(np.mean([row[column] for row in rows])) for column in shared}
        if OURS not in means:
            continue
        ours = means[OURS]
        others = {who: means[who] for who in PEERS if who in means}
        best = max(others, key=lambda who: others[who]) if others else ""
        behind = others[best] - ours if best else float("nan")
        said = " ".join(f"{who} {auc:.3f}" for who, auc in others.items())
        shares = [f"{100 * means[c]:.1f} %" for c in ("accuracy", "printed = computed")]
        size = [f"{means[c]:.1f}" for c in ("rules", "conditions")]
        head = [f"{name} ({len(rows)} folds)", f"{ours:.3f}", said, f"{behind:+.3f}"]
        cells = [*head, *size, *shares, f"{means[f'seconds {OURS}']:.0f}"]
        print("| " + " | ".join(cells) + " |")
        fine &= not behind > BEHIND and means["rules"] <= RULES and means["conditions"] <= CONDITIONS
        fine &= means["printed = computed"] == 1 and (name != "tic-tac-toe" or means["accuracy"] == 1)
    return fine


def main() -> int:
    asked = argparse.ArgumentParser()
    asked.add_argument("folder", type=Path)
    asked.add_argument("--sets", default=",".join(SETS))
    asked.add_argument("--folds", default=",".join(map(str, range(FOLDS))))
    asked.add_argument("--keep", type=Path)
    asked.add_argument("--who", default=",".join((OURS, *PEERS)))
    given = asked.parse_args()
    warnings.simplefilter("ignore")
    kept = json.loads(given.keep.read_text()) if given.keep and given.keep.exists() else {}
    for name, fold in itertools.product(given.sets.split(","), map(int, given.folds.split(","))):
        row = kept.setdefault(f"{name}/{fold}", {})
        for who in given.who.split(","):
            if who not in row:
                fill(row, name, given.folder, fold, who)
                if given.keep:
                    given.keep.write_text(json.dumps(kept))
    return not table(kept)


if __name__ == "__main__":
    raise SystemExit(main())
