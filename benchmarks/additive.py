"""The additive and the attention network beside InterpretML's EBM with its defaults, in one process.

``python benchmarks/additive.py FOLDER [--sets NAME …] [--folds N] [--no-ebm] [--json FILE]``. In it lie
``heart_cleveland.csv``, ``pima_diabetes.csv``, ``german_credit.csv``, ``heloc.csv`` and ``adult.csv.gz``;
breast cancer comes with scikit-learn. Stratified folds of the whole set; every setting is chosen inside
``fit``, on the rows of the fold. Seconds are processor time of one thread. EBM runs where ``interpret-core``
is installed.
"""

import argparse
import importlib.util
import json
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from pellucid.readable import AdditiveClassifier, AttentionClassifier

FILES = {
    "heart": ("heart_cleveland.csv", "diameter narrowing"),
    "pima": ("pima_diabetes.csv", "diabetes"),
    "german": ("german_credit.csv", "creditability"),
    "heloc": ("heloc.csv", "RiskPerformance"),
    "adult": ("adult.csv.gz", "income"),
}


def read(folder, name):
    """Raw columns and answers 0 and 1."""
    if name == "breast":
        found = load_breast_cancer(as_frame=True)
        return found.data, found.target.to_numpy()
    file, answer = FILES[name]
    table = pd.read_csv(folder / file, na_values=["?"])
    return table.drop(columns=[c for c in (answer, "split") if c in table]), np.unique(
        table[answer].astype(str), return_inverse=True
    )[1]


def makers(ebm):
    found = {
        "additive": AdditiveClassifier,
        "attention, global": AttentionClassifier,
        "attention, row": lambda: AttentionClassifier(gate="row"),
    }
    if ebm and importlib.util.find_spec("interpret") is not None:
        from interpret.glassbox import ExplainableBoostingClassifier

        found["EBM"] = lambda: ExplainableBoostingClassifier(n_jobs=1)
    return found


def measure(make, x, y, train, test):
    began = time.process_time()
    model = make().fit(x.iloc[train], y[train])
    seconds = time.process_time() - began
    found = {"auc": roc_auc_score(y[test], model.predict_proba(x.iloc[test])[:, 1]), "seconds": seconds}
    if isinstance(model, AttentionClassifier):
        told = model.certificate(x.iloc[test], y[test])
        found |= {"swap": told.swap_auc, "probe": told.probe_auc, "unused": len(told.unused)}
    if isinstance(model, AdditiveClassifier):
        found["pairs"] = len(model.network_.plan.pairs)
    return found


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--sets", nargs="*", default=["heart", "pima", "german", "breast", "heloc", "adult"])
    asked.add_argument("--folds", type=int, default=5)
    asked.add_argument("--no-ebm", action="store_true")
    asked.add_argument("--json", type=Path)
    given = asked.parse_args()
    warnings.simplefilter("ignore")
    every = {}
    for name in given.sets:
        x, y = read(given.folder, name)
        cut = [*StratifiedKFold(5, shuffle=True, random_state=0).split(x, y)][: given.folds]
        for fold, (train, test) in enumerate(cut):
            for who, make in makers(not given.no_ebm).items():
                every.setdefault((name, who), []).append(measure(make, x, y, train, test) | {"fold": fold})
        for who in makers(not given.no_ebm):
            runs = every[name, who]
            told = {k: statistics.mean(r[k] for r in runs) for k in runs[0] if k != "fold"}
            told["seconds"] = statistics.median(r["seconds"] for r in runs)
            shown = "  ".join(f"{k} {v:.3f}" for k, v in told.items())
            print(f"{name:8}{who:20}{shown}", flush=True)
    if given.json:
        given.json.write_text(json.dumps([{"set": s, "who": w, "runs": r} for (s, w), r in every.items()]))


if __name__ == "__main__":
    main()
