"""``run.json``: what a run folder says about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Never, cast

from pellucid._core import Json
from pellucid.errors import LoadError

FORMAT = "pellucid run"
VERSION = 1
REBUILD = (
    "pellucid.open(this folder). By hand: build the network that 'architecture' describes, put "
    "weights.safetensors on it; 'model' is the SHA-256 of its parameters and buffers."
)


@dataclass(frozen=True, slots=True)
class RunManifest:
    """What ``run.json`` holds.

    Args:
        name: short name of the network.
        task: classification or regression.
        classes: names of the outputs; empty for regression.
        architecture: ``{"kind": …, "params": {…}}``, enough to build the network.
        model: SHA-256 of its parameters and buffers.
        files: SHA-256 of each other file in the folder.
        training: options of the training that made it.
        metrics: figures reached, by name.
        notes: what a reader must know, one sentence each.
        origin: where the network came from before it was saved.
        versions: of pellucid, torch and Python.
        created: time of saving, UTC.
    """

    name: str
    task: str
    classes: tuple[str, ...]
    architecture: Mapping[str, Json]
    model: str
    files: Mapping[str, str]
    training: Mapping[str, Json] = field(default_factory=dict[str, Json])
    metrics: Mapping[str, Json] = field(default_factory=dict[str, Json])
    notes: tuple[str, ...] = ()
    origin: str = ""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    created: str = ""

    def text(self) -> str:
        """The content of ``run.json``."""
        table = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "task": self.task,
            "classes": [*self.classes],
            "metrics": dict(self.metrics),
            "notes": [*self.notes],
            "architecture": dict(self.architecture),
            "training": dict(self.training),
            "model": self.model,
            "files": dict(self.files),
            "origin": self.origin,
            "versions": dict(self.versions),
            "created": self.created,
            "rebuild": REBUILD,
        }
        return json.dumps(table, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_text(cls, text: str, place: str) -> RunManifest:
        """From what :meth:`text` gave; ``place`` names it in errors.

        Raises:
            LoadError: if it is no JSON, not ours, of a later format, or incomplete.
        """
        try:
            held: object = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise LoadError(f"{place} is damaged: it is no JSON ({error}).") from error
        if not isinstance(held, dict) or cast("dict[str, Json]", held).get("format") != FORMAT:
            raise LoadError(f"{place} was not written by pellucid, so its folder is no run.")
        table = cast("dict[str, Json]", held)
        version = table.get("version")
        if version != VERSION:
            raise LoadError(
                f"{place} has format version {version}, this pellucid reads {VERSION}. "
                "Open it with the pellucid that wrote it, or a newer one."
            )
        read = _Reader(table, place)
        return cls(
            read.text("name"),
            read.text("task"),
            read.texts("classes"),
            read.architecture(),
            read.text("model"),
            {name: str(value) for name, value in read.table("files").items()},
            read.table("training"),
            read.table("metrics"),
            read.texts("notes"),
            read.text("origin"),
            {name: str(value) for name, value in read.table("versions").items()},
            read.text("created"),
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Entries of a JSON table, each of the type it should have."""

    held: Mapping[str, Json]
    place: str

    def text(self, name: str) -> str:
        value = self.held.get(name)
        return value if isinstance(value, str) else self._refuse(name, "a text")

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.held.get(name)
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            return self._refuse(name, "a list of texts")
        return tuple(cast("list[str]", value))

    def table(self, name: str) -> dict[str, Json]:
        value = self.held.get(name)
        return value if isinstance(value, dict) else self._refuse(name, "a table")

    def architecture(self) -> dict[str, Json]:
        value = self.table("architecture")
        if not isinstance(value.get("kind"), str) or not isinstance(value.get("params"), dict):
            return self._refuse("architecture", "a table with kind and params")
        return value

    def _refuse(self, name: str, wanted: str) -> Never:
        raise LoadError(
            f"{self.place} is damaged: {name!r} should be {wanted}, it is {self.held.get(name)!r}."
        )
