"""Finished parts of a long run in a folder, so that a stopped one goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

from pellucid._core import Json, load, save
from pellucid._core._store import write_bytes
from pellucid.errors import StoreError

SETTINGS = "settings.json"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """Where parts are kept; nowhere without a folder.

    Args:
        folder: holds one file per part, each whole or not there.
        prefix: of the names of parts.
    """

    folder: Path | None = None
    prefix: str = ""

    def under(self, name: str) -> Kept:
        """For parts of a part."""
        return replace(self, prefix=f"{self.prefix}{name}-")

    def once(self, name: str, make: Callable[[], T]) -> T:
        """A part as it was kept, or made and kept now."""
        if self.folder is None:
            return make()
        file = self.folder / f"{self.prefix}{name}.safetensors"
        if file.exists():
            return cast("T", load(file))
        made = make()
        save(made, file)
        return made


def kept_in(
    path: str | Path | None, asked: Callable[[], Mapping[str, Json]], size: Callable[[], int]
) -> tuple[Kept, int]:
    """A folder for the parts of a run with these settings, and how many inputs make a portion in it.

    ``asked`` gives the settings, which are hashed only where there is a folder. The size of a portion is that
    of the run that began, because rounding depends on it.

    Raises:
        StoreError: where the folder holds something else, or parts of a run with other settings.
    """
    if path is None:
        return Kept(), size()
    folder, file = Path(path), Path(path) / SETTINGS
    if folder.is_file():
        raise StoreError(f"{folder} is a file. Name a folder, new or of an earlier run.")
    settings = asked()
    if not file.exists():
        if folder.exists() and any(folder.iterdir()):
            raise StoreError(f"{folder} is not empty and holds no feature pictures. Name another folder.")
        plan = {**settings, "portion": size()}
        write_bytes(json.dumps(plan, indent=1).encode(), file)
        return Kept(folder), int(cast("int", plan["portion"]))
    try:
        before = cast("dict[str, Json]", json.loads(file.read_text()))
    except (OSError, ValueError) as error:
        raise StoreError(f"{file} cannot be read: {error}. Remove the folder to begin anew.") from error
    changed = [name for name in settings if before.get(name) != settings[name]]
    if changed:
        told = "; ".join(
            f"{name} {_short(before.get(name))}, now {_short(settings[name])}" for name in changed
        )
        raise StoreError(
            f"{folder} was made with other settings: {told}. Use the same ones, name another folder, or "
            "remove it."
        )
    return Kept(folder), int(cast("int", before["portion"]))


def _short(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


__all__ = ["Kept", "kept_in"]
