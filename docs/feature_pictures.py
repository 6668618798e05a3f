"""Make the pictures of ``docs/features.md``: one per parametrisation, on data that install with the library.

Run: ``python docs/feature_pictures.py``; the texts need the folder of ``PELLUCID_TEST_DATA``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from sklearn.datasets import load_breast_cancer

import pellucid
from pellucid import figures
from pellucid._core import Compute
from pellucid.features import activation_maximization, token_maximization
from pellucid.inputs import Column, TabularSpec

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "benchmarks"))

from parametrisations import trials  # noqa: E402

SCALE = 1.25


def keep(name: str, figure: figures.Figure) -> None:
    """Write one picture beside the others."""
    (HERE / "pictures" / f"{name}.png").write_bytes(figure.png(scale=SCALE))


def columns_of(read: object) -> TabularSpec:
    """Names of the measurements and what a standard deviation of each is."""
    rows, names = read.data, read.feature_names.tolist()  # pyright: ignore[reportAttributeAccessIssue]
    both = zip(names, rows.mean(0), rows.std(0, ddof=1), strict=True)
    return TabularSpec(tuple(Column(name, mean=float(mean), std=float(std)) for name, mean, std in both))


def texts() -> None:
    """Spam, where it is at hand."""
    folder = os.environ.get("PELLUCID_TEST_DATA")
    if folder is None:
        return
    reader = pellucid.train(Path(folder) / "sms_spam.csv", answer="label", text="text", epochs=6)
    made = token_maximization(reader.model, "output", spec=reader.spec, data=reader.data.inputs[:2000])
    keep("features-tokens", figures.feature_tiles(made, limit=2))


def main() -> None:
    """Draw them all."""
    torch.set_num_threads(1)
    found = {trial.name.split(",")[0]: trial for trial in trials()}
    digits, table = found["digits"], found["breast cancer"]
    for statistics in (*digits.statistics, "marginals"):
        trial = table if statistics == "marginals" else digits
        made = activation_maximization(
            trial.network,
            "dense2" if statistics == "marginals" else "output",
            data=trial.data,
            spec=columns_of(load_breast_cancer()) if statistics == "marginals" else None,
            units=[0, 3, 5],
            statistics=statistics,  # pyright: ignore[reportArgumentType]
            compute=Compute(64),
        )
        keep(f"features-{statistics}", figures.feature_tiles(made, k=3, fade=False))
    texts()


if __name__ == "__main__":
    main()
