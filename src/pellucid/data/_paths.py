"""From a path to a file or folder that is there, or a sentence that helps to find it."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

from pellucid.data._zipped import most, size
from pellucid.errors import LoadError, near_misses

GZIP = b"\x1f\x8b"


def existing(path: str | Path) -> Path:
    """The path, if something is there; else :class:`LoadError` with what lies near it."""
    path = Path(path).expanduser()
    if path.exists():
        return path
    folder = path.parent
    if not folder.is_dir():
        raise LoadError(f"{path} does not exist, nor does its folder {folder}.")
    raise LoadError(
        f"{path} does not exist in {folder.resolve()}. {near_misses(path.name, names_in(folder))}"
    )


def existing_file(path: str | Path) -> Path:
    """As :func:`existing`, for a file."""
    path = existing(path)
    if not path.is_file():
        raise LoadError(f"{path} is a folder; expected a file. {near_misses('', names_in(path))}")
    return path


def names_in(folder: Path) -> list[str]:
    """Names of what lies in a folder, without hidden ones; none where it cannot be read."""
    try:
        return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return []


def read_bytes(path: Path) -> bytes:
    """Content of a file, unpacked where it is packed with gzip."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not content.startswith(GZIP):
        return content
    try:
        unpacked = gzip.GzipFile(fileobj=io.BytesIO(content)).read(most(len(content)) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise LoadError(f"{path} is a damaged gzip file: {error}. Copy or download it again.") from error
    if len(unpacked) > most(len(content)):
        raise LoadError(
            f"{path} would unpack from {size(len(content))} to more than {size(len(unpacked))}, which is not "
            "read. Unpack it yourself if you trust it."
        )
    return unpacked
