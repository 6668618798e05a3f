"""Small values, put together by hand, that figures and reports are tested with."""

from __future__ import annotations

import torch
from sklearn.datasets import load_breast_cancer, load_digits
from torch import Tensor

from pellucid._core import Card, Check, Dataset, Explanation, Fingerprint, Provenance, split
from pellucid.features import FeaturePictures
from pellucid.inputs import Column, ImageSpec, TabularSpec
from pellucid.layers import Exemplars, LayerRow, LayerSummary
from pellucid.rules import Condition, Rule, RuleSet
from pellucid.training import Epoch, LayerHealth, TrainingRecord

QUESTIONS = (
    "Does it matter to the model?",
    "Is it about this model?",
    "Is it stable?",
    "Does it add up?",
)
PASSED = ("passed", "passed", "mixed", "passed")
FAILED = ("passed", "failed", "mixed", "not run")


def provenance(method: str, target: str = "logit of 7", at: str | None = None) -> Provenance:
    model, inputs = Fingerprint.known("a" * 64), Fingerprint.known("b" * 64)
    return Provenance(
        method, {}, target, at, model, inputs, 0, 51, 50, 0.1, {"pellucid": "0.1.0", "torch": "2.13.0"}
    )


def check(question: str, word: str, value: float = 0.85) -> Check:
    shown = None if word == "not run" else value
    ends = (None, None) if shown is None else (value - 0.07, value + 0.05)
    test = "Removal test: removing what the map names changes the answer no more than removing random places"
    note = "The map looks the same in a network that was never trained." if word == "failed" else ""
    return Check(
        question, test, word, shown, 0.02, "maps at random places", 64, *ends, p=0.01, rows=64, note=note
    )


def card(verdict: str = "supported", words: tuple[str, ...] = PASSED) -> Card:
    reason = "All gates passed." if verdict == "supported" else "The map survives in an untrained network."
    checks = tuple(check(q, w, 0.85 - 0.1 * i) for i, (q, w) in enumerate(zip(QUESTIONS, words, strict=True)))
    return Card(verdict, reason, checks, "zero", 80)


def digits() -> Dataset:
    read = load_digits()
    inputs = (torch.tensor(read.images, dtype=torch.float32) / 16)[:, None]
    answers = torch.tensor(read.target)
    names = tuple(str(i) for i in range(10))
    spec = ImageSpec(size=(8, 8))
    return Dataset(
        "digits", inputs, answers, spec, names, split(answers, classes=True), "digit", source="scikit-learn"
    )


def explained_picture(
    method: str = "integrated_gradients",
    verdict: str = "supported",
    words: tuple[str, ...] = PASSED,
    row: int = 3,
    size: int = 1,
) -> Explanation:
    data = digits()
    x = data.inputs[row : row + 1].repeat_interleave(size, 2).repeat_interleave(size, 3)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(len(method) + row))
    values = noise * (x > 0.2)
    label = int(data.answers[row])
    score = values.sum((1, 2, 3)) + 0.11
    return Explanation(
        values,
        x,
        score,
        provenance(method, f"logit of {label}"),
        gap=torch.tensor([0.01]),
        reference=torch.tensor([0.1]),
        spec=ImageSpec(size=(8 * size, 8 * size)),
        cards=(card(verdict, words),),
        classes=torch.tensor([label]),
        class_names=data.classes,
    )


def table_data() -> Dataset:
    read = load_breast_cancer()
    raw = torch.tensor(read.data)
    mean, sd = raw.mean(0), raw.std(0)
    units = {"radius": "µm", "perimeter": "µm", "area": "µm²"}
    columns = tuple(
        Column(name, unit=units.get(name.split()[-1], ""), mean=float(m), std=float(s))
        for name, m, s in zip(read.feature_names.tolist(), mean, sd, strict=True)
    )
    answers = torch.tensor(read.target)
    inputs = ((raw - mean) / sd).float()
    parts = split(answers, classes=True)
    return Dataset(
        "breast cancer", inputs, answers, TabularSpec(columns), ("malignant", "benign"), parts, "diagnosis"
    )


def explained_row(
    method: str = "integrated_gradients",
    verdict: str = "supported",
    words: tuple[str, ...] = PASSED,
    row: int = 0,
) -> Explanation:
    data = table_data()
    x = data.inputs[row : row + 1]
    values = torch.randn(1, 30, generator=torch.Generator().manual_seed(len(method) + row)) * x
    return Explanation(
        values,
        x,
        values.sum(1) + 0.11,
        provenance(method, "logit of malignant"),
        gap=torch.tensor([0.01]),
        reference=torch.tensor([0.1]),
        stderr=values.abs() * 0.1,
        spec=data.spec,
        cards=(card(verdict, words),),
        classes=torch.tensor([0]),
        class_names=data.classes,
    )


def record(epochs: int = 12) -> TrainingRecord:
    sites = ("conv1", "conv2", "hidden", "output")
    made = tuple(
        Epoch(
            i,
            2.3 * 0.75**i,
            2.2 * 0.78**i + 0.05,
            1 - 0.9 * 0.7**i,
            0.97 - 0.87 * 0.72**i,
            0.8,
            tuple(
                LayerHealth(
                    s,
                    0.1,
                    1.0,
                    None if s == "output" else 0.02 * i * (j + 1) / 4,
                    None,
                    0.5 * 0.8**i / (j + 1),
                    1e-3,
                )
                for j, s in enumerate(sites)
            ),
            best=i == epochs - 2,
            stopped="no better for 3 epochs" if i == epochs - 1 else "",
        )
        for i in range(epochs)
    )
    return TrainingRecord(made, {"learning_rate": 0.001, "baseline": 0.1}, "accuracy", epochs - 2, 9.6, 20522)


def summary() -> LayerSummary:
    def row(
        site: str, kind: str, shape: tuple[int, ...], field: tuple[int, ...], dead: float, rank: float
    ) -> LayerRow:
        return LayerRow(
            site=site,
            kind=kind,
            shape=shape,
            parameters=1000,
            field=field,
            stride=(1, 1),
            mean=0.2,
            sd=0.8,
            dead=dead,
            saturated=None,
            rank=rank,
            units=shape[0],
            rank_units=shape[0],
            untrained_dead=0.01,
            untrained_rank=rank * 0.6,
        )

    rows = (
        row("conv1", "Conv2d", (8, 28, 28), (3, 3), 0.0, 5.2),
        row("conv2", "Conv2d", (16, 14, 14), (8, 8), 0.19, 9.8),
        row("hidden", "Linear", (64,), (28, 28), 0.05, 21.0),
        row("output", "Linear", (10,), (28, 28), 0.0, 8.1),
    )
    return LayerSummary(rows, 512)


def pictures(units: int = 6, *, tabular: bool = False) -> FeaturePictures:
    generator = torch.Generator().manual_seed(0)
    shape = (units, 3, 30) if tabular else (units, 3, 1, 8, 8)
    made = torch.rand(shape, generator=generator) * (2 if tabular else 1) - (1 if tabular else 0)
    words = ("supported", "weak", "not better than an untrained network", "did not start")
    return FeaturePictures(
        site="conv2",
        units=torch.arange(units),
        pictures=made,
        reached=torch.rand(units, 3, generator=generator),
        largest=torch.ones(units),
        ratio=torch.linspace(0.8, 2.0, units),
        distance=torch.linspace(0.9, 1.4, units),
        agreement=torch.linspace(0.3, 0.9, units),
        untrained_ratio=torch.full((units,), 1.1),
        untrained_distance=torch.full((units,), 2.0),
        untrained_agreement=torch.full((units,), 0.4),
        started=torch.tensor([i % 4 != 3 for i in range(units)]),
        words=tuple(words[i % 4] for i in range(units)),
        spec=table_data().spec if tabular else ImageSpec(size=(8, 8)),
        real=made[:, :1].repeat(1, 4, *([1] * (made.ndim - 2))),
        rows=torch.zeros(units, 4, dtype=torch.int64),
        steps=torch.full((units, 3), 100),
        total=16,
        n=512,
        seconds=2.1,
        params={},
        note="",
    )


def found(units: int = 6, k: int = 9) -> Exemplars:
    rows = torch.arange(units * k).reshape(units, k)
    values = torch.linspace(3, 1, k).repeat(units, 1)
    boxes = torch.tensor([0, 0, 5, 5]).expand(units, k, 4)
    return Exemplars("conv2", torch.arange(units), values, rows, boxes, 16, 512)


def condition(column: str, op: str, value: object) -> Condition:
    return Condition(column, op, value)


def rules() -> RuleSet:
    a, b = condition("worst area", "<=", 884.75), condition("worst area", ">", 884.75)
    c, d = condition("mean texture", "<=", 16.1), condition("mean texture", ">", 16.1)
    made = (
        Rule(
            conditions=(a, condition("worst concave points", "<=", 0.135)),
            outcome="benign",
            support=240,
            precision=0.99,
        ),
        Rule(
            conditions=(a, condition("worst concave points", ">", 0.135)),
            outcome="malignant",
            support=31,
            precision=0.87,
        ),
        Rule(conditions=(b, c), outcome="benign", support=9, precision=0.78),
        Rule(conditions=(b, d), outcome="malignant", support=118, precision=1.0),
    )
    return RuleSet(
        rules=made,
        classes=("malignant", "benign"),
        task="classification",
        columns=table_data().spec.columns,
        fidelity=0.95,
        fidelity_low=0.89,
        fidelity_high=0.98,
        null_fidelity=0.93,
        excess_low=-0.02,
        excess_high=0.06,
        majority=0.63,
        coverage=1.0,
        accuracy=0.93,
        network_accuracy=0.96,
        n_train=398,
        n_test=85,
    )


def matrix(k: int = 10) -> Tensor:
    counts = torch.diag(torch.full((k,), 70))
    counts[k - 1, 0] = 3
    if k == 10:
        counts[3, 5], counts[8, 1], counts[9, 4], counts[9, 0] = 4, 6, 2, 0
    return counts
