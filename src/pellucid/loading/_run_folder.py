"""A finished run as a folder: written whole, opened again without the code that made it, no pickle."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from pellucid import _version
from pellucid._core import Dataset, InputSpec, Json, Subject, load, model_hash, save
from pellucid._core._store import write_bytes
from pellucid.errors import InputError, LoadError, PellucidError, StoreError, near_misses
from pellucid.loading._manifest import RunManifest
from pellucid.loading._weights import refuse_misfit

MANIFEST = "run.json"
WEIGHTS = "weights.safetensors"
DATA = "data.safetensors"
RECORD = "record.safetensors"
NOTHING: Mapping[str, Json] = MappingProxyType({})

Build = Callable[[str, Mapping[str, Json]], nn.Module]


def is_run(folder: str | Path) -> bool:
    """Whether a folder holds a ``run.json``."""
    return (Path(folder) / MANIFEST).is_file()


def save_run(
    subject: Subject,
    folder: str | Path,
    *,
    architecture: Mapping[str, Json] | None = None,
    training: Mapping[str, Json] = NOTHING,
    metrics: Mapping[str, Json] = NOTHING,
    notes: tuple[str, ...] = (),
) -> Path:
    """Write a network with its data, training record and meaning to a folder.

    ``run.json`` holds what people read (architecture as data, options, metrics, versions, a hash of each
    file), ``weights.safetensors`` the weights under their own names, ``data.safetensors`` the data set and
    spec, ``record.safetensors`` the training record. All files are written beside an earlier run first and
    then put in its place, so a full disk leaves the earlier run as it was; other files in the folder stay.

    Args:
        subject: what is saved; its network is only read.
        folder: where to; made if it does not exist.
        architecture: ``{"kind": …, "params": {…}}``, what ``open_run(build=…)`` will be given; ``None``
            takes ``subject.model.architecture``, which the networks of :mod:`pellucid.networks` carry.
        training: options of the training.
        metrics: figures reached, by name.
        notes: what a reader must know, one sentence each.

    Returns:
        The folder.

    Raises:
        InputError: if the network does not say how to build it again.
        StoreError: if the folder cannot be written, or holds files of that name that are not a run's.
    """
    place = Path(folder)
    described = _architecture(subject.model, architecture)
    _refuse_foreign(place)
    staging = _staging(place)
    try:
        _write_parts(subject, staging)
        files = {part.name: _sha256(part.read_bytes()) for part in sorted(staging.iterdir())}
        manifest = RunManifest(
            subject.name,
            subject.task,
            subject.classes,
            described,
            model_hash(subject.model),
            files,
            training,
            metrics,
            notes,
            subject.origin,
            {
                "pellucid": _version.__version__,
                "torch": str(torch.__version__),
                "python": platform.python_version(),
            },
            datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_bytes(manifest.text().encode(), staging / MANIFEST)
        _put_in_place(staging, place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return place


def open_run(folder: str | Path, *, build: Build, damaged: Callable[[str], None] | None = None) -> Subject:
    """Open what :func:`save_run` wrote: the same network to the bit, in evaluation mode, with all it knew.

    Args:
        folder: the run folder.
        build: makes an untrained network from ``kind`` and ``params``.
        damaged: where given, a training record that is missing or damaged is told to it in one sentence and
            left out; network, meaning and data are usable without. Left out, it raises.

    Returns:
        The subject; ``origin`` names the folder.

    Raises:
        LoadError: if it is no run folder (near misses are listed), a file is missing or damaged, the
            network cannot be built, or the weights do not fit what was built.
    """
    place = Path(folder)
    manifest = read_manifest(place)
    contents: dict[str, bytes] = {}
    for name, digest in manifest.files.items():
        try:
            contents[name] = _checked(place, name, digest)
        except LoadError as error:
            if damaged is None or name != RECORD:
                raise
            damaged(f"{error} Opened without the training record.")
    model = _rebuilt(manifest, contents, place, build)
    meaning = _value(place, DATA)
    if not isinstance(meaning, dict):
        raise LoadError(f"{place / DATA} is damaged: it holds no data set and no spec.")
    held = cast("dict[str, object]", meaning)
    data, spec = held.get("data"), held.get("spec")
    if not isinstance(data, Dataset | None) or not isinstance(spec, InputSpec):
        raise LoadError(f"{place / DATA} is damaged: it does not say what an input means.")
    record = _value(place, RECORD) if RECORD in contents else None
    return Subject(model, data, spec, manifest.classes, manifest.name, record, str(place))


def read_manifest(folder: str | Path) -> RunManifest:
    """What ``run.json`` says, without opening the network.

    Raises:
        LoadError: if it is no run folder, or ``run.json`` is damaged.
    """
    place = Path(folder)
    if not place.is_dir():
        what = "is a file, not a run folder" if place.exists() else "does not exist"
        raise LoadError(f"{place} {what}. {_near_runs(place.parent, place.name)}")
    if not is_run(place):
        raise LoadError(f"{place} is no run folder: it has no {MANIFEST}. {_near_runs(place, '')}")
    try:
        text = (place / MANIFEST).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LoadError(f"{place / MANIFEST} is damaged: it is no text.") from error
    except OSError as error:
        raise LoadError(f"Cannot read {place / MANIFEST}: {error.strerror or error}.") from error
    return RunManifest.from_text(text, str(place / MANIFEST))


def _near_runs(folder: Path, name: str) -> str:
    if not folder.is_dir():
        return f"{folder} does not exist either."
    runs = sorted(child.name for child in folder.iterdir() if child.is_dir() and is_run(child))
    return near_misses(name, runs) if runs else f"There is no run in {folder}."


def _architecture(model: nn.Module, given: Mapping[str, Json] | None) -> dict[str, Json]:
    own = getattr(model, "architecture", None)
    found = {"kind": getattr(own, "kind", None), "params": getattr(own, "params", None)}
    kind, params = (found if given is None else {"kind": None, "params": None, **given}).values()
    if not isinstance(kind, str) or not isinstance(params, Mapping):
        raise InputError(
            f"{type(model).__name__} does not say how to build it again. Keep naming it by module:attr, "
            'or give pellucid.loading.save_run architecture={"kind": …, "params": {…}}.'
        )
    described: dict[str, Json] = {"kind": kind, "params": dict(cast("Mapping[str, Json]", params))}
    try:
        json.dumps(described, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"An architecture is plain data (numbers, texts, lists, tables): {error}."
        ) from error
    return described


def _refuse_foreign(place: Path) -> None:
    if place.exists() and not place.is_dir():
        raise StoreError(f"{place} is a file; give a folder for the run.")
    strange = [name for name in (WEIGHTS, DATA, RECORD) if (place / name).exists()]
    if strange and not is_run(place):
        raise StoreError(
            f"{place} holds {strange[0]} but is no run folder; nothing was written. Give another."
        )


def _staging(place: Path) -> Path:
    try:
        place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=place, prefix=".saving-"))
    except OSError as error:
        raise StoreError(f"Cannot write to {place}: {error.strerror or error}. Give a folder that can be "
                         "written.") from error  # fmt: skip


def _write_parts(subject: Subject, staging: Path) -> None:
    state = cast("dict[str, object]", subject.model.state_dict())
    weights = {
        name: part.detach().cpu().contiguous().clone()
        for name, part in state.items()
        if isinstance(part, Tensor)
    }
    if len(weights) < len(state):
        raise StoreError(
            f"{type(subject.model).__name__} keeps {', '.join(state.keys() - weights.keys())}, which is no "
            "tensor and cannot be saved."
        )
    write_bytes(to_bytes(weights, metadata={"format": "pt"}), staging / WEIGHTS)
    save({"data": subject.data, "spec": subject.spec}, staging / DATA)
    if subject.record is not None:
        save(subject.record, staging / RECORD)


def _put_in_place(staging: Path, place: Path) -> None:
    """Move what is complete over an earlier run, its description last."""
    moved = sorted(staging.iterdir(), key=lambda part: part.name == MANIFEST)
    try:
        for part in moved:
            part.replace(place / part.name)
        if RECORD not in {part.name for part in moved}:
            (place / RECORD).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"Cannot write to {place}: {error.strerror or error}.") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checked(place: Path, name: str, digest: str) -> bytes:
    """A file's content, if it is what ``run.json`` describes."""
    if name not in (WEIGHTS, DATA, RECORD):
        raise LoadError(f"{place / MANIFEST} is damaged: it names {name!r}, which is no file of a run.")
    try:
        if not (place / name).resolve(strict=True).is_relative_to(place.resolve()):
            raise LoadError(
                f"{place / name} is a link that leads out of the folder: not opened. Copy the file."
            )
        if not (place / name).is_file():
            raise LoadError(f"{place / name} is no file but a folder or a device: not opened.")
        content = (place / name).read_bytes()
    except (OSError, RuntimeError) as error:
        raise LoadError(
            f"{place} is incomplete: cannot read {name} ({getattr(error, 'strerror', None) or error})."
        ) from error
    if _sha256(content) != digest:
        raise LoadError(
            f"{place} is damaged: {name} is not the file that {MANIFEST} describes. "
            "Restore it, or train again."
        )
    return content


def _rebuilt(manifest: RunManifest, contents: Mapping[str, bytes], place: Path, build: Build) -> nn.Module:
    described = manifest.architecture
    if not contents.keys() >= {WEIGHTS, DATA}:
        raise LoadError(f"{place / MANIFEST} is damaged: it names no {WEIGHTS} or no {DATA}.")
    try:
        model = build(str(described["kind"]), cast("Mapping[str, Json]", described["params"]))
        weights = from_bytes(contents[WEIGHTS])
    except (PellucidError, TypeError) as error:
        raise LoadError(f"{place}: its network cannot be built: {error}") from error
    except SafetensorError as error:
        raise LoadError(f"{place / WEIGHTS} is damaged: {error}.") from error
    refuse_misfit(model, weights, str(place / WEIGHTS))
    model.load_state_dict(weights, assign=True)  # keeps the number type that was saved
    if model_hash(model) != manifest.model:
        raise LoadError(
            f"{place}: the network built from kind {described['kind']!r} is not the one that was saved, "
            f"by pellucid {manifest.versions.get('pellucid', 'of unknown version')}."
        )
    return model.eval()


def _value(place: Path, name: str) -> object:
    try:
        return load(place / name)
    except (StoreError, TypeError) as error:
        raise LoadError(f"{place}: {name} cannot be read: {error}") from error
