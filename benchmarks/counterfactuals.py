"""Counterfactuals beside DiCE's on refused applicants. Prints one table for each data set.

Run: python benchmarks/counterfactuals.py FOLDER [--rows 25] [--ways 4]
FOLDER holds german_credit.csv and heloc.csv. Needs dice-ml (extra ``peers``).

All methods ask the same network through the same vectorised encoder and are told the same immutable columns;
one line more shows DiCE's random search without being told. Every answer is re-scored from its raw values.
Processor time of one thread; ours holds everything, DiCE's its search only.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from asked import folder

import pellucid
from pellucid import training
from pellucid._core import Dataset, predict
from pellucid.data import table
from pellucid.networks import default_network
from pellucid.rules import counterfactuals
from pellucid.rules._recourse._codes import Codes, codes_of, read
from pellucid.rules._recourse._realism import Realism, realism_of

SETS = {
    "german_credit": (
        "creditability",
        "good",
        ("personal_status_and_sex", "age_in_years", "foreign_worker", "credit_history"),
    ),
    "heloc": (
        "RiskPerformance",
        "Good",
        ("MSinceOldestTradeOpen", "MSinceMostRecentDelq", "MaxDelq2PublicRecLast12M", "MaxDelqEver"),
    ),
}


@dataclass
class Case:
    data: Dataset
    model: torch.nn.Module
    good: int
    fixed: tuple[str, ...]
    x: torch.Tensor
    now: np.ndarray
    codes: Codes
    realism: Realism
    mad: np.ndarray


def case(folder: Path, name: str, rows: int) -> Case:
    target, good, fixed = SETS[name]
    data = table(folder / f"{name}.csv", target, immutable=fixed)
    model = default_network(data, seed=0)
    for _ in training.train(model, data, epochs=20, patience=5, instruments=False):
        pass
    real = read(data.spec, data.part("train").inputs)
    codes = codes_of(data.spec, real)
    held, number = data.part("test").inputs, data.classes.index(good)
    x = held[predict(model, held).argmax(1) != number][:rows]
    numbers = (data.parts == 0).nonzero()[:, 0].numpy()
    middle = np.median(real, 0)
    mad = np.median(np.abs(real - middle), 0)
    mad[(mad == 0) | codes.levels] = 1.0
    return Case(data, model, number, fixed, x, codes.read(x), codes, realism_of(codes, real, numbers, 0), mad)


def frame(one: Case, rows: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            c.name: [c.levels[int(v)] for v in rows[:, k]] if c.levels else rows[:, k]
            for k, c in enumerate(one.codes.columns)
        }
    )


def coded(one: Case, raw: pd.DataFrame) -> np.ndarray:
    made = np.empty((len(raw), len(one.codes.columns)))
    for k, column in enumerate(one.codes.columns):
        if column.levels:
            made[:, k] = pd.Categorical(raw[column.name], categories=list(column.levels)).codes
        else:
            made[:, k] = raw[column.name].astype(float)
            if column.integer:
                made[:, k] = np.round(made[:, k])
    return made


class Shares:
    """What DiCE asks for probabilities."""

    def __init__(self, one: Case) -> None:
        self.one = one

    def predict_proba(self, raw: pd.DataFrame) -> np.ndarray:
        with torch.no_grad():
            outputs = self.one.model(self.one.codes.encode(coded(self.one, raw)))
        return outputs.softmax(1).numpy()

    def predict(self, raw: pd.DataFrame) -> np.ndarray:
        return self.predict_proba(raw).argmax(1)


def dice(one: Case, method: str, ways: int, *, told: bool) -> tuple[list[np.ndarray], float]:
    import dice_ml

    train = one.data.part("train")
    raw = frame(one, one.codes.read(train.inputs))
    raw["answer"] = predict(one.model, train.inputs).argmax(1).numpy()
    numeric = [c.name for c in one.codes.columns if not c.levels]
    holds = dice_ml.Data(dataframe=raw, continuous_features=numeric, outcome_name="answer")
    asks = dice_ml.Model(model=Shares(one), backend="sklearn")
    explainer = dice_ml.Dice(holds, asks, method=method)
    free = [c.name for c in one.codes.columns if c.name not in one.fixed] if told else "all"
    found, seconds = [], 0.0
    for row in one.now:
        began = time.process_time()
        try:
            more = {"random_seed": 0} if method == "random" else {}
            made = explainer.generate_counterfactuals(
                frame(one, row[None]), total_CFs=ways, desired_class=one.good, features_to_vary=free, **more
            )
            answers = made.cf_examples_list[0].final_cfs_df
        except Exception as error:  # it raises where it finds none
            if "No counterfactuals" not in str(error):
                raise
            answers = None
        seconds += time.process_time() - began
        found.append(np.empty((0, len(row))) if answers is None else coded(one, answers))
    return found, seconds


def ours(one: Case, ways: int) -> tuple[list[np.ndarray], float]:
    began = time.process_time()
    made = counterfactuals(one.model, one.data, one.x, wanted=one.good, k=ways, semifactuals=False)
    seconds = time.process_time() - began
    return [
        one.codes.read(torch.stack([a.inputs for a in each.found])) if each.found else np.empty((0, len(row)))
        for each, row in zip(made, one.now, strict=True)
    ], seconds


def measured(one: Case, found: list[np.ndarray], seconds: float) -> dict[str, float]:
    fixed = [c.name in one.fixed for c in one.codes.columns]
    rows = [(now, answer) for now, each in zip(one.now, found, strict=True) for answer in each]
    if not rows:
        return {"rows answered": 0.0}
    now, answers = (np.stack(part) for part in zip(*rows, strict=True))
    changed = now != answers
    whole = one.codes.encode(answers)
    valid = predict(one.model, whole).argmax(1).numpy() == one.good
    apart = np.where(one.codes.levels, changed, np.abs(now - answers) / one.mad).sum(1)
    plausible = np.array([[v[0] for v in one.realism.of(b[None], a)[:2]] for a, b in rows])
    # the first answer of each row, as a person would be told one
    first = np.cumsum([0, *[len(each) for each in found if len(each)]])[:-1]
    return {
        "rows answered": np.mean([len(each) > 0 for each in found]),
        "ways": np.mean([len(each) for each in found]),
        "valid": valid.mean(),
        "immutable changed": changed[:, fixed].any(1).mean(),
        "columns": changed.sum(1).mean(),
        "columns, first": changed[first].sum(1).mean(),
        "usual ranges": one.codes.steps(answers, now).sum(1).mean(),
        "MADs": apart.mean(),
        "plausibility": plausible[:, 0].mean(),
        "to nearest real": plausible[:, 1].mean(),
        "CPU s a row": seconds / len(found),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=folder)
    parser.add_argument("--rows", type=int, default=25)
    parser.add_argument("--ways", type=int, default=4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name in SETS:
        one = case(args.folder, name, args.rows)
        lines = {"pellucid": measured(one, *ours(one, args.ways))}
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            for told, method in ((True, "random"), (True, "genetic"), (False, "random")):
                title = f"DiCE {method}" + ("" if told else ", not told")
                lines[title] = measured(one, *dice(one, method, args.ways, told=told))
        print(f"\n{name}: {len(one.x)} refused rows, {args.ways} ways each (pellucid {pellucid.__version__})")
        print(pd.DataFrame(lines).T.to_string(float_format=lambda v: f"{v:.3f}"))


if __name__ == "__main__":
    main()
