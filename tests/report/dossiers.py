"""Dossiers put together from small values, for the tests of the report."""

from __future__ import annotations

import dataclasses

import torch

from figures import made
from pellucid._core import Explanation
from pellucid.evidence import MethodEvidence, Survey
from pellucid.report import Case, Dossier, Origin
from pellucid.tasks import FeaturePage, Performance

FAILED = "not supported"
ORIGIN = Origin(
    "3f" * 32,
    "9c" * 32,
    {"pellucid": "0.1.0", "torch": "2.13.0"},
    0,
    "pellucid report runs/digits --out digits.html",
    "2026-01-31",
    "runs/digits",
)


def survey() -> Survey:
    def method(name: str, hits: int, median: float, *, free: bool = False) -> MethodEvidence:
        supported = torch.arange(32) < hits
        agreement, p = torch.full((32,), median), torch.full((32,), 0.01)
        low, high = max(0.0, hits / 32 - 0.15), min(1.0, hits / 32 + 0.1)
        return MethodEvidence(name, free, supported, hits / 32, low, high, agreement, median, p, 0.05, 51)

    methods = (
        method("integrated_gradients", 31, 0.85),
        method("grad_cam", 18, 0.4),
        method("saliency", 2, 0.1),
        method("input_alone", 0, 0.3, free=True),
    )
    reason = "integrated_gradients is supported on 31 of 32 inputs."
    return Survey(methods, (), "integrated_gradients", reason, 32, 32, "zero", "logit", 64, 499, 2, 0.1, 300)


def _explained(row: int, *, table: bool) -> tuple[Explanation, ...]:
    explained = made.explained_row if table else made.explained_picture
    weak = explained("occlusion" if table else "grad_cam", "partly supported", row=row)
    failed = explained("saliency", FAILED, made.FAILED, row=row)
    return (explained(row=row), weak, failed)


def cases(n: int = 6, *, table: bool = False) -> tuple[Case, ...]:
    data = made.table_data() if table else made.digits()
    why = ("worst: the largest error", "least certain", "drawn at random")
    found: list[Case] = []
    for i in range(n):
        true = data.classes[int(data.answers[i])]
        given = true if i % 3 else data.classes[(int(data.answers[i]) + 1) % len(data.classes)]
        explained = _explained(i, table=table)
        found.append(Case(i, data.inputs[i : i + 1], true, given, why[i % 3], explained, 0.9))
    return tuple(found)


def digits(n: int = 6) -> Dossier:
    matrix = made.matrix()
    hits, rows = int(matrix.diagonal().sum()), int(matrix.sum())
    score = Performance("accuracy", hits / rows, 0.971, 0.99, 0.114, "always '1'", rows, matrix)
    page = FeaturePage(made.pictures(), made.found(), made.digits())
    return Dossier(
        "digits",
        "classification",
        spec=made.digits().spec,
        answer="digit",
        classes=made.digits().classes,
        origin=ORIGIN,
        data=made.digits(),
        performance=score,
        record=made.record(),
        layers=made.summary(),
        pages=(page, dataclasses.replace(page)),
        cases=cases(n),
        survey=survey(),
        rules=made.rules(),
        timings={"training": 9.6, "cases": 3.2, "ranking": 2e-5},
        notes=("occlusion could not be computed: the network has no spatial layer.",),
    )


def table() -> Dossier:
    matrix = torch.tensor([[28, 4], [1, 52]])
    score = Performance("accuracy", 80 / 85, 0.87, 0.975, 0.63, "always 'benign'", 85, matrix)
    page = FeaturePage(made.pictures(tabular=True), made.found(), made.table_data())
    return dataclasses.replace(
        digits(),
        name="breast cancer",
        spec=made.table_data().spec,
        answer="diagnosis",
        classes=("malignant", "benign"),
        data=made.table_data(),
        performance=score,
        pages=(page,),
        cases=cases(6, table=True),
        purpose="Teaching example: aspirated cell nuclei, measured on microscope pictures.",
    )
