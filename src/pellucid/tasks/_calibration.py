"""Calibration on four networks of the kinds that people use, trained here; or on a network of the user's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import torch

from pellucid import attribution, data, evidence, networks
from pellucid._core import PARTS, Compute, Dataset, Subject, predict
from pellucid.errors import InputError, MethodError, near_misses
from pellucid.evidence import Calibration, CalibrationRow
from pellucid.tasks._audit import usual_fills
from pellucid.tasks._explain import Method, usual_target
from pellucid.tasks._rows import held_out, sample, training_rows
from pellucid.tasks._train import train

# steps and windows that suit small inputs: the tests are calibrated, not the methods
METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "integrated_gradients": partial(attribution.integrated_gradients, steps=16),
        "input_x_gradient": attribution.input_x_gradient,
        "saliency": attribution.saliency,
        "occlusion": attribution.occlusion,
    }
)
NETWORKS = ("mlp", "cnn", "vit", "text")


def calibration(
    among: Sequence[str] | Subject = NETWORKS,
    *,
    rows: int = 200,
    fills: Sequence[str] | None = None,
    masks: int = 64,
    controls: int = 20,
    tell: Callable[[str], None] | None = None,
    watch: Callable[[CalibrationRow], None] | None = None,
    compute: Compute | None = None,
) -> Iterator[Calibration]:
    """False positives and power of the evidence on several networks, one after the other.

    What is counted is said at :func:`pellucid.evidence.calibration`.

    Args:
        among: ``mlp`` (breast cancer), ``cnn`` and ``vit`` (digits), ``text`` (a transformer that reads for a
            word which decides unless it is negated), which are trained first; or a subject with data.
        rows: most held-out rows of each.
        fills: kinds of absence beside the usual one; left out, the mean and parts of training rows, for
            texts other words.
        masks: M.
        controls: untrained networks that serve as controls.
        tell: called with what is being done, in words.
        watch: called with each finished row.
        compute: how to run.

    Yields:
        A :class:`pellucid.evidence.Calibration` for each network.

    Raises:
        InputError: for an unknown network, or a subject with fewer than 20 rows.

    Cost:
        About four minutes of one core for all four.

    Example:
        >>> next(calibration(["nonsense"]))
        Traceback (most recent call last):
        pellucid.errors.InputError: ...
    """
    how, say = compute or Compute(batch_size=256), tell or (lambda _: None)
    if isinstance(among, Subject):
        subjects: Iterator[tuple[str, Subject]] = iter([(among.name, among)])
    else:
        for name in among:
            if name not in NETWORKS:
                raise InputError(
                    f"There is no network {name!r} to calibrate on. {near_misses(name, NETWORKS)}"
                )
        subjects = (_trained(name, how.seed, say) for name in among)
    for name, subject in subjects:
        whole = held_out(subject.needs_data("calibration"))
        some = whole.rows(sample(len(whole), rows, seed=how.seed))
        say(f"{name}: {len(some)} rows")
        yield evidence.calibration(
            subject.model,
            some.inputs,
            usual_target(subject, some.inputs),
            _fitting(subject),
            spec=subject.spec,
            fills=_two(subject) if fills is None else fills,
            others=training_rows(subject.needs_data("calibration"), how.seed),
            masks=masks,
            networks=controls,
            name=name,
            accuracy=_accuracy(subject, some),
            watch=watch,
            compute=how,
        )


def _fitting(subject: Subject) -> dict[str, Method]:
    inputs = held_out(subject.needs_data("calibration")).inputs[:2]
    target, found = usual_target(subject, inputs), dict[str, Method]()
    for name, method in METHODS.items():
        try:
            method(subject.model, inputs, target, spec=subject.spec)
        except (MethodError, InputError):
            continue
        found[name] = method
    return found


def _two(subject: Subject) -> tuple[str, ...]:
    return tuple(fill for fill in usual_fills(subject) if fill in ("mean", "swap"))


def _accuracy(subject: Subject, some: Dataset) -> float:
    outputs = predict(subject.model, some.inputs, spec=subject.spec)
    if subject.task == "regression":
        return float("nan")
    given = outputs.argmax(1) if outputs.ndim == 2 and outputs.shape[1] > 1 else outputs.flatten() > 0
    return float((given == some.answers).double().mean())


def _trained(name: str, seed: int, say: Callable[[str], None]) -> tuple[str, Subject]:
    """A network of the kind, trained on part of its data so that at least 200 rows are left."""
    say(f"{name}: training")
    if name == "mlp":
        return "MLP on breast cancer", train(_parted(data.breast_cancer(), seed), epochs=30, seed=seed)
    if name == "text":
        reports = data.planted("negation", seed=seed).dataset
        size = int(reports.inputs.max()) + 1
        # every word counts here and is often seen: none is dropped, and each speaks from the start
        encoder = networks.transformer(
            size, reports.outputs, width=64, word_dropout=0.0, input_dropout=0.3, drawn=1.0, seed=seed
        )
        return "transformer on planted texts", train(
            reports, network=encoder, epochs=25, patience=None, seed=seed
        )
    digits = _parted(data.digits(), seed)
    kind = "vit" if name == "vit" else None
    title = "vision transformer on digits" if kind else "CNN on digits"
    return title, train(digits, network=kind, epochs=25 if kind else 12, seed=seed)


def _parted(dataset: Dataset, seed: int) -> Dataset:
    """The same rows with 200 of them to test on."""
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed))
    parts = torch.full((len(dataset),), PARTS.index("train"), dtype=torch.int8)
    parts[order[:200]] = PARTS.index("test")
    parts[order[200:250]] = PARTS.index("validation")
    return dataclasses.replace(dataset, parts=parts)
