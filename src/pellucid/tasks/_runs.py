"""Run folders: a trained network that opens again without the code that made it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import nn

from pellucid import loading
from pellucid._core import Json, Subject
from pellucid.networks import Architecture, build
from pellucid.tasks._performance import performance
from pellucid.training import TrainingRecord


def save_run(subject: Subject, folder: str | Path) -> Path:
    """Write a subject to a folder from which :func:`open_run` opens it again; no pickle.

    Args:
        subject: its network must be one of :mod:`pellucid.networks`, whose architecture is data.
        folder: where to; an earlier run there is replaced only when the new one is complete.

    Raises:
        InputError: where the network does not say how to build it again.
        StoreError: where the folder cannot be written.

    Example:
        >>> import pellucid, tempfile
        >>> subject = pellucid.train("breast-cancer", epochs=1)
        >>> pellucid.open_run(pellucid.save_run(subject, tempfile.mkdtemp())).classes
        ('malignant', 'benign')
    """
    record = subject.record
    options = record.options if isinstance(record, TrainingRecord) else {}
    metrics = performance(subject).to_json() if subject.data is not None else {}
    notes = subject.data.notes if subject.data is not None else ()
    return loading.save_run(subject, folder, training=options, metrics=metrics, notes=notes)


def open_run(folder: str | Path, *, damaged: Callable[[str], None] | None = None) -> Subject:
    """Open a run folder that training or :func:`save_run` left.

    Args:
        folder: of the run.
        damaged: where given, a training record that is missing or damaged is told to it and left out.

    Raises:
        LoadError: where the folder is no run, or is damaged.

    Example:
        >>> import pellucid
        >>> pellucid.open_run("no/such/run")
        Traceback (most recent call last):
        pellucid.errors.LoadError: ...
    """
    return loading.open_run(folder, build=_build, damaged=damaged)


def _build(kind: str, params: Mapping[str, Json]) -> nn.Module:
    return build(Architecture(kind, params))
