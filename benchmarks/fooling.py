"""Tables: networks built to fool, and honest ones: how many come out as contradicted.

``python benchmarks/fooling.py DATA OUT [german_credit heloc]``: DATA holds german_credit.csv and
heloc.csv, OUT keeps a file of JSON for each network; what is there is not done again. At the end it prints
the tables of ``docs/fooling.md``. SEEDS (12), ROWS (100) and SECONDS_LEFT (500: when to stop, so that a later
call goes on) are environment variables.

Scaffolds after Slack et al. 2020: a trained detector tells real rows from rows with random columns at what
the spec calls absent, as LIME and KernelSHAP make them; where it says real the network decides by a column
that should not count, elsewhere by a harmless one. Honest twins decide by one of both everywhere, or are
default networks trained on the data.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path

import torch
import torch.nn.functional as F
from asked import names, words
from torch import Tensor, nn

from pellucid import training
from pellucid._core import Compute, Dataset, log_odds, predict
from pellucid.attribution import kernel_shap, lime
from pellucid.data import table
from pellucid.evidence import cards
from pellucid.evidence._case import case_of
from pellucid.evidence._exchange import exchanged, foretelling
from pellucid.evidence._held import Held, held
from pellucid.networks import default_network

# answer, the column that should not count, the harmless one
TABLES = {
    "german_credit": ("creditability", "age_in_years", "present_residence_since"),
    "heloc": ("RiskPerformance", "MSinceOldestTradeOpen", "NetFractionRevolvingBurden"),
}
KINDS = ("scaffold", "biased", "innocent", "trained")
METHODS = {"LIME": lime, "KernelSHAP": kernel_shap}
ROWS, DETAILED = (
    int(os.environ.get("ROWS", "100")),
    2,
)  # explained rows; seeds whose single cards are counted too
HOW = Compute(batch_size=512)


class Scaffold(nn.Module):
    """Decides by the sign of one column where a row looks real, of another elsewhere; a little by all."""

    def __init__(self, real: nn.Module | bool, columns: tuple[int, int], middle: Tensor, weights: Tensor):
        super().__init__()
        self.real, self.columns, self.middle = real, columns, middle
        self.weights = nn.Parameter(weights)

    def forward(self, x: Tensor) -> Tensor:
        sides = (x[:, self.columns] > self.middle).float() * 2 - 1
        real = self.real
        looks = torch.full((len(x),), real) if isinstance(real, bool) else real(x)[:, 0] > 0
        said = 2 * torch.where(looks, sides[:, 0], sides[:, 1]) + x @ self.weights
        return torch.stack([-said / 2, said / 2], 1)


def fakes(rows: Tensor, absent: Tensor, groups: Tensor, draw: torch.Generator) -> Tensor:
    """Rows with a random number of columns taken away."""
    width = int(groups.max()) + 1
    size = torch.randint(1, width, (len(rows),), generator=draw)
    turn = torch.rand(len(rows), width, generator=draw).argsort(1).argsort(1)
    return torch.where((turn < size[:, None])[:, groups], absent, rows)


def detector(rows: Tensor, absent: Tensor, groups: Tensor, seed: int) -> nn.Module:
    """A small network that tells real rows from such."""
    draw = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(rows.shape[1], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
    )
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(-(-30_000 // len(rows))):
        for batch in torch.randperm(len(rows), generator=draw).split(128):
            both = torch.cat([rows[batch], fakes(rows[batch], absent, groups, draw)])
            said = (torch.arange(len(both)) < len(batch)).float()
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(net(both)[:, 0], said).backward()
            optimizer.step()
    return net.eval()


def network(data: Dataset, name: str, kind: str, seed: int) -> tuple[nn.Module, dict[str, object]]:
    """One network on a table, and what is to be said of it."""
    torch.manual_seed(seed)
    if kind == "trained":
        net = default_network(data, seed=seed)
        for _ in training.train(net, data, epochs=12, patience=4, instruments=False, seed=seed):
            pass
        return net.eval(), {}
    learned, held_out = data.part("train").inputs, data.part("test").inputs
    groups, absent = data.spec.groups(learned[:1]), data.spec.absent(learned[:1])[0]
    names = [column.name for column in data.spec.columns]
    first, second = (int((groups == names.index(one)).nonzero()[0]) for one in TABLES[name][1:])
    weights = 0.05 * torch.randn(learned.shape[1], generator=torch.Generator().manual_seed(seed + 5))
    weights[[first, second]] = 0
    real: nn.Module | bool = kind == "biased"
    said: dict[str, object] = {}
    if kind == "scaffold":
        real = detector(learned, absent, groups, seed)
        made = fakes(held_out, absent, groups, torch.Generator().manual_seed(seed + 9))
        with torch.no_grad():
            said = {
                "real": float((real(held_out) > 0).float().mean()),
                "made": float((real(made) <= 0).float().mean()),
            }
    columns = (first, second)
    return Scaffold(real, columns, learned[:, columns].median(0).values, weights).eval(), said


def on_table(folder: Path, name: str, kind: str, seed: int) -> dict[str, object]:
    """A network of one kind: the verdict on each method, and on single rows."""
    data = table(folder / f"{name}.csv", TABLES[name][0], seed=seed)
    net, said = network(data, name, kind, seed)
    x, learned = data.part("test").inputs[:ROWS], data.part("train").inputs
    donors = learned[torch.randperm(len(learned), generator=torch.Generator().manual_seed(seed))[:256]]
    top = log_odds(predict(net, x).argmax(1))
    groups, names = data.spec.groups(x), data.spec.group_names(x)
    asked = exchanged(net, x, top, groups, donors, spec=data.spec, compute=HOW)
    found: dict[str, object] = {}
    for title, method in METHODS.items():
        why = method(net, x, top, spec=data.spec, compute=HOW)
        case = case_of(net, why, method, target=top, spec=data.spec, others=donors, compute=HOW)
        units = torch.zeros(len(x), len(names)).index_add_(1, groups, why.values.float())
        told = foretelling(case, why, asked, units)
        assert told is not None
        over = held(asked, told, names, 0)
        shown = [one.name for one in sorted(over.columns, key=lambda c: -c.shown)]
        found[title] = {"word": over.word, "reason": over.reason, "least": least(over)}
        if kind == "scaffold":
            found[title]["rank"] = shown.index(TABLES[name][1]) + 1  # pyright: ignore
        if seed < DETAILED:
            one = cards(
                net, why, method, target=top, spec=data.spec, others=donors, on_data=True, compute=HOW
            )
            found[title]["verdicts"] = Counter(card.verdict for card in one)  # pyright: ignore
    return {"name": name, "kind": kind, "seed": seed, **said, "methods": found}


def least(over: Held) -> float | None:
    """Upper end of what is told of the column told least, of those that matter."""
    return min((one.told.high for one in over.columns if one.matters), default=None)


def main(data: Path, out: Path, wanted: list[str]) -> None:
    """All networks that are not there yet, then the tables."""
    seeds, until = (
        int(os.environ.get("SEEDS", "12")),
        time.time() + float(os.environ.get("SECONDS_LEFT", "500")),
    )
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        for name in wanted:
            for kind in KINDS:
                path = out / f"{name}-{kind}-{seed}.json"
                if path.is_file():
                    continue
                if time.time() > until:
                    print("Time is up; call again to go on.")
                    return
                path.write_text(json.dumps(on_table(data, name, kind, seed)))
                print(path.stem, flush=True)
    told([json.loads(path.read_text()) for path in sorted(out.glob("*.json"))])


def told(lines: list[dict]) -> None:  # type: ignore[type-arg]
    """The tables."""
    print("| table | network | method | methods contradicted | least told, upper end | detector right |"
          " rank shown | cards contradicted | cards supported |\n" + 9 * "|---" + "|")  # fmt: skip
    for name in TABLES:
        for kind in KINDS:
            for title in METHODS:
                mine = [one for one in lines if one["name"] == name and one.get("kind") == kind]
                if not mine:
                    continue
                each = [one["methods"][title] for one in mine]
                wrong = sum(one["word"] == "failed" for one in each)
                ends = [one["least"] for one in each if one["least"] is not None]
                said = [one["verdicts"] for one in each if "verdicts" in one]
                counts = [sum(one.get(word, 0) for one in said) for word in ("contradicted", "supported")]
                rows = sum(sum(one.values()) for one in said)
                right = [(one["real"] + one["made"]) / 2 for one in mine if "real" in one]
                seen = f"{min(right):.0%} to {max(right):.0%}" if right else "–"
                ends_said = f"{min(ends):.2f} to {max(ends):.2f}" if ends else "–"
                ranks = [one["rank"] for one in each if "rank" in one]
                rank = f"{sum(ranks) / len(ranks):.1f}" if ranks else "–"
                print(f"| {name} | {kind} | {title} | {wrong}/{len(each)} | {ends_said} | {seen} | {rank} |"
                      f" {counts[0]}/{rows} | {counts[1]}/{rows} |")  # fmt: skip


if __name__ == "__main__":
    data, out, *given = words(__doc__, least=2)
    main(Path(data), Path(out), names(given, list(TABLES)))
