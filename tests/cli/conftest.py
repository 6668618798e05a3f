import csv
import math

import pytest
import torch


@pytest.fixture(scope="session")
def patients(tmp_path_factory):
    """A small table with a number, a category, missing values and a learnable outcome."""
    path = tmp_path_factory.mktemp("tables") / "patients.csv"
    draw = torch.Generator().manual_seed(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "smoker", "pressure", "outcome"])
        for _ in range(240):
            age, pressure = torch.rand(2, generator=draw).tolist()
            smokes = torch.rand(1, generator=draw).item() < 0.5
            risk = 1 / (1 + math.exp(-(10 * age - 5 + (2 if smokes else -2))))
            ill = torch.rand(1, generator=draw).item() < risk
            shown = "" if torch.rand(1, generator=draw).item() < 0.05 else f"{90 + 60 * pressure:.0f}"
            writer.writerow(
                [f"{20 + 60 * age:.0f}", "yes" if smokes else "no", shown, "ill" if ill else "well"]
            )
    return path


@pytest.fixture(scope="session")
def run(patients, tmp_path_factory):
    """A run folder that `pellucid train` left."""
    from pellucid import tasks

    folder = tmp_path_factory.mktemp("runs") / "patients"
    tasks.train(patients, answer="outcome", epochs=8, out=folder)
    return folder
