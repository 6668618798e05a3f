"""Zip archives from strangers: nothing is read whose name leads elsewhere, or that unpacks without end."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from pellucid.errors import LoadError

EACH, WHOLE = 2**30, 2**32  # bytes that one file, and all that are read, may unpack to in any case
GROWTH = (
    20  # times its size on disk that more than that may unpack to: sounds, pictures and tables stay below
)
LOCKED = 0x1  # the flag of a file with a password


class Zipped:
    """The files of an archive, by name; read one by one, never unpacked to disk.

    Args:
        place: a ``.zip`` file.

    Raises:
        LoadError: where it is none, or a name in it leads out of it.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.zip"
        >>> with zipfile.ZipFile(file, "w") as made:
        ...     made.writestr("low/1.wav", b"RIFF")
        >>> Zipped(file).names, Zipped(file).read("low/1.wav")
        (('low/1.wav',), b'RIFF')
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._read = 0
        try:
            self._size = place.stat().st_size
            self._archive = zipfile.ZipFile(place)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise LoadError(
                f"{place} is neither a folder nor a .zip archive that can be read: {error}."
            ) from error
        self.names = tuple(info.filename for info in self._archive.infolist() if not info.is_dir())
        for info in self._archive.infolist():
            inside(info.filename, place)

    def read(self, name: str) -> bytes:
        """Content of one file.

        Raises:
            LoadError: where there is none, it is locked, or unpacks to more than is read.
            ValueError: where it is damaged.
        """
        inside(name, self.place)
        try:
            info = self._archive.getinfo(name)
        except KeyError:
            raise LoadError(f"{self.place} has no {name}.") from None
        self._count(info)
        if info.flag_bits & LOCKED:
            raise LoadError(f"{name} in {self.place} is locked with a password. Unlock the archive first.")
        try:
            # zipfile never gives more than the size that was just looked at
            return self._archive.read(info)
        except (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError) as error:
            raise ValueError(f"it is damaged: {error}") from None

    def bounded(self) -> None:
        """Raise unless all files together may be read."""
        for info in self._archive.infolist():
            self._count(info)

    def _count(self, info: zipfile.ZipInfo) -> None:
        self._read += info.file_size
        packed = min(info.compress_size, self._size)
        if info.file_size > most(packed):
            raise LoadError(
                f"{info.filename} in {self.place} would unpack from {size(packed)} to {size(info.file_size)}"
                ", which is not read. Unpack it to a folder if you trust it."
            )
        if self._read > most(self._size, WHOLE):
            raise LoadError(
                f"{self.place} would unpack from {size(self._size)} to {size(self._read)} or more, which is "
                "not read. Unpack it to a folder if you trust it."
            )

    def close(self) -> None:
        """Let go of the file."""
        self._archive.close()


def inside(name: str, place: Path) -> None:
    """Raise where a name leads out of the folder or archive that it belongs to."""
    windows = PureWindowsPath(name)
    if ".." in windows.parts or PurePosixPath(name).is_absolute() or windows.anchor or "\0" in name:
        raise LoadError(f"{place} names {name!r}, which leads out of it: not opened.")


def most(packed: int, least: int | None = None) -> int:
    """Bytes that so many packed ones may unpack to."""
    return max(EACH if least is None else least, GROWTH * packed)


def size(count: int) -> str:
    """A number of bytes in words."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 1000)):
        if count >= step:
            return f"{count / step:.3g} {unit}"
    return f"{count} bytes"
