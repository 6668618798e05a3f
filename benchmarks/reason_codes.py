"""Would another sample give the same reasons? The additive network beside logistic regression.

Run: python benchmarks/reason_codes.py FOLDER [--refits 10] [--rows 100] [--members 8] [--sets heloc]
FOLDER holds german_credit.csv and heloc.csv. Both models learn from the train rows and again from the same
bootstraps of them; reasons are those of ``pellucid reasons`` for held-out rows that both models count among
the riskiest 30 %.
Printed for each model: mean share of a row's principal reasons that a refit names too, share of refits with
the same first reason and with the same set; and the difference of the mean shares with its 95 % interval over
rows (paired bootstrap).
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from asked import folder, one_of
from torch import nn

from pellucid._core import Subject, predict
from pellucid.data import table
from pellucid.networks._additive_for import additive_for
from pellucid.networks._anew import made_anew
from pellucid.readable import train_readable
from pellucid.tasks import reason_codes

SETS = {"german_credit": ("creditability", "bad"), "heloc": ("RiskPerformance", "Bad")}


RISKY = 0.3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=folder)
    parser.add_argument("--refits", type=int, default=10)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument(
        "--pairs", type=int, default=10, help="most pairs of the additive network; 0 for none"
    )
    parser.add_argument("--penalty", type=float, help="one pull to 0 for the additive network; else chosen")
    parser.add_argument("--members", type=int, help="networks whose mean the additive one is; left out, 8")
    parser.add_argument("--sets", nargs="*", type=one_of([*SETS]), default=list(SETS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.sets:
        target, adverse = SETS[name]
        one_set(table(args.folder / f"{name}.csv", target), adverse, args)


def one_set(data, adverse, args) -> None:
    began = time.process_time()
    train = (data.parts == 0).nonzero()[:, 0]
    chance = torch.Generator().manual_seed(0)
    drawn = [train[torch.randint(0, len(train), (len(train),), generator=chance)] for _ in range(args.refits)]
    others = (data.parts == 1).nonzero()[:, 0]
    samples = [data.rows(torch.cat([rows, others])) for rows in (train, *drawn)]
    first = additive(samples[0], args)
    models = {
        "additive": [first, *(learned(first, s, k + 1) for k, s in enumerate(samples[1:]))],
        "logistic regression": [logistic(s) for s in samples],
    }
    held, bad = data.part("test").inputs, data.classes.index(adverse)
    risks = [predict(m[0], held).softmax(1)[:, bad] for m in models.values()]
    refused = torch.stack([risk >= risk.quantile(1 - RISKY) for risk in risks]).all(0)
    rows = held[refused][: args.rows]
    shares = {}
    print(f"{data.name}: pull to 0 {first.plan.penalties[0]:g}, pairs {len(first.plan.pairs)}")
    for kind, (own, *again) in models.items():
        subject = Subject(own, data, data.spec, data.classes, kind)
        found = reason_codes(subject, rows, adverse=adverse, refits=again)
        shares[kind] = np.array([each.overlap for each in found])
        print(
            f"{data.name} {kind}: {shares[kind].mean():.3f} of the reasons are shared · same first "
            f"{np.mean([each.first_same / each.refits for each in found]):.3f} · same set "
            f"{np.mean([each.all_same / each.refits for each in found]):.3f} · reasons "
            f"{np.mean([len(each.reasons) for each in found]):.2f} · exact "
            f"{np.mean([each.exact for each in found]):.0%} · AUC {auc(own, data, bad):.3f}"
        )
    gap = shares["additive"] - shares["logistic regression"]
    means = np.random.default_rng(0).choice(gap, (2000, len(gap))).mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    print(
        f"{data.name}: additive − logistic regression {gap.mean():+.3f} [{low:+.3f}, {high:+.3f}] · "
        f"{len(rows)} rows, {args.refits} refits · {time.process_time() - began:.0f} CPU s"
    )


def additive(rows, args) -> nn.Module:
    penalties = None if args.penalty is None else (args.penalty,)
    made = additive_for(rows, most_pairs=args.pairs, penalties=penalties, members=args.members)
    train_readable(made, rows, instruments=False)
    return made.eval()


def learned(network, rows, seed) -> nn.Module:
    again = made_anew(network, rows, seed=seed)
    train_readable(again, rows, seed=seed, instruments=False)
    return again.eval()


def logistic(rows) -> nn.Module:
    from sklearn.linear_model import LogisticRegression

    known = rows.part("train")
    fit = LogisticRegression(max_iter=3000).fit(known.inputs.numpy(), known.answers.numpy())
    network = nn.Linear(rows.inputs.shape[1], 2)
    with torch.no_grad():
        network.weight.zero_()
        network.bias.zero_()
        network.weight[1] = torch.from_numpy(fit.coef_[0]).float()
        network.bias[1] = float(fit.intercept_[0])
    return network.eval()


def auc(model, data, bad) -> float:
    from sklearn.metrics import roc_auc_score

    held = data.part("test")
    return float(roc_auc_score(held.answers == bad, predict(model, held.inputs).softmax(1)[:, bad]))


if __name__ == "__main__":
    main()
