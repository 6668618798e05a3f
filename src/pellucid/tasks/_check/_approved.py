"""The approved run: a JSON file that later runs are compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from pellucid._core import Json
from pellucid._core._store import write_bytes
from pellucid._version import __version__
from pellucid.errors import LoadError

if TYPE_CHECKING:
    from pellucid.tasks._check._outcome import Checked, Line

FORMAT, VERSION = "pellucid approved run", 1


@dataclass(frozen=True, slots=True, eq=False)
class ApprovedLine:
    """A number of the approved run, with the numbers of single rows behind it where it has any."""

    value: float
    low: float | None
    high: float | None
    n: int
    each: Tensor | None = None
    rows: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Approved:
    """What an approved run measured.

    Args:
        path: the file.
        name: of the network.
        model, data: hashes of the network and of the held-out rows.
        lines: by expectation and label.
    """

    path: str
    name: str
    model: str
    data: str
    lines: Mapping[tuple[str, str], ApprovedLine] = field(default_factory=dict[tuple[str, str], ApprovedLine])


def approve(found: Checked, path: str | Path) -> Path:
    """Write what a check measured as the run that later ones are compared with.

    Args:
        found: from :func:`pellucid.check`.
        path: a ``.json`` file; an earlier one is replaced when the new one is complete.

    Raises:
        StoreError: if the file cannot be written.
    """
    whole: dict[str, Json] = {
        "format": FORMAT,
        "version": VERSION,
        "pellucid": __version__,
        "approved": datetime.now(UTC).isoformat(timespec="seconds"),
        "name": found.name,
        "model": found.model,
        "data": found.data,
        "seed": found.seed,
        "expectations": [
            {
                "name": outcome.name,
                "kind": outcome.kind,
                "word": outcome.word,
                "lines": [_line(line) for line in outcome.lines if line.value is not None],
            }
            for outcome in found.outcomes
            if outcome.kind != "no-worse"
        ],
    }
    write_bytes((json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode(), path)
    return Path(path)


def _line(line: Line) -> Json:
    told: dict[str, Json] = {
        "label": line.label,
        "value": line.value,
        "low": line.low,
        "high": line.high,
        "n": line.n,
    }
    if line.each is not None and line.rows is not None:
        # one text a line keeps the file readable
        told["each"] = " ".join(f"{value:.6g}" for value in line.each.tolist())
        told["rows"] = " ".join(map(str, line.rows.tolist()))
    return told


def approved_run(path: str | Path) -> Approved:
    """Read an approved run.

    Raises:
        LoadError: where there is no such file, or it is none.
    """
    place = Path(path)
    try:
        whole = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LoadError(f"There is no approved run {place}; write one with --approve.") from None
    except OSError as error:
        raise LoadError(f"Cannot read {place}: {error.strerror or error}.") from error
    except ValueError as error:
        raise LoadError(f"{place} is no approved run: {error}.") from error
    try:
        return _read(place, cast("dict[str, Json]", whole))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LoadError(
            f"{place} is no approved run, or is damaged ({type(error).__name__}: {error}). Write it with "
            "--approve."
        ) from error


def _read(place: Path, whole: Mapping[str, Json]) -> Approved:
    if whole["format"] != FORMAT or whole["version"] != VERSION:
        raise ValueError(f"format {whole['format']!r}, version {whole['version']!r}")
    lines: dict[tuple[str, str], ApprovedLine] = {}
    for expectation in cast("Sequence[dict[str, Json]]", whole["expectations"]):
        for told in cast("Sequence[dict[str, Json]]", expectation["lines"]):
            lines[str(expectation["name"]), str(told["label"])] = ApprovedLine(
                float(cast("float", told["value"])),
                _number(told["low"]),
                _number(told["high"]),
                int(cast("int", told["n"])),
                _numbers(told.get("each"), torch.float64),
                _numbers(told.get("rows"), torch.int64),
            )
    return Approved(str(place), str(whole["name"]), str(whole["model"]), str(whole["data"]), lines)


def _number(told: Json) -> float | None:
    return None if told is None else float(cast("float", told))


def _numbers(told: Json, kind: torch.dtype) -> Tensor | None:
    if told is None:
        return None
    return torch.tensor([float(part) for part in str(told).split()], dtype=torch.float64).to(kind)
