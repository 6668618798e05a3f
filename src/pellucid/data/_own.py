"""Inputs without answers, as a person has them at hand: sounds, photographs, texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from pellucid._core import brief
from pellucid.data._csv import read_csv
from pellucid.data._frame import read_parquet
from pellucid.data._imagenet import SIDE, square
from pellucid.data._paths import existing, read_bytes
from pellucid.data._pictures import BROKEN, CLUTTER
from pellucid.data._raw import RawTable, text_of
from pellucid.data._sounds import resampled
from pellucid.data._wav import SOUNDS, decoded
from pellucid.data._zipped import Zipped
from pellucid.errors import InputError, LoadError, near_misses

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
TEXTS, TABLES = (".txt",), (".csv", ".tsv", ".parquet", ".pq")
MOST = 24  # inputs that are taken
RATES = (2_000, 400_000)  # samples per second that a recording can have
SHORTEST, TAIL = 0.05, 0.5  # seconds that a sound must last, and that its last stretch must

Files = list[tuple[str, Callable[[], bytes]]]


@dataclass(frozen=True, slots=True, eq=False)
class Own:
    """Inputs of somebody's own, and what was done to them.

    Args:
        names: of each, as the person knows it.
        inputs: sounds ``[N, 1, T]`` or pixels ``[N, 3, H, W]``; texts are a tuple.
        notes: sentences.
    """

    names: tuple[str, ...]
    inputs: Tensor | tuple[str, ...]
    notes: tuple[str, ...]

    __repr__ = brief


def own_sounds(path: str | Path, *, rate: int, seconds: float) -> Own:
    """A sound, or a folder or ``.zip`` of them, in stretches of one length at one rate, as loud as they are.

    Args:
        path: ``.wav``, and with soundfile ``.flac`` and ``.ogg``; any rate and number of channels.
        rate: samples per second wanted.
        seconds: length wanted; longer sounds are cut into stretches, the last one and shorter sounds get
            silence behind them.

    Returns:
        At most 24 waveforms ``[N, 1, T]``.

    Raises:
        LoadError: if nothing is there, or soundfile is needed and missing.
        InputError: if a file is damaged, no sound, silent, or too short; the file is named.
    """
    files, notes = _listed(existing(path), SOUNDS, "sounds")
    length, made, names = round(seconds * rate), list[Tensor](), list[str]()
    left = 0
    for name, read in files:
        wave, told = _heard(name, read, rate)
        notes += told
        over = len(wave) % length if len(wave) > length else 0
        if 0 < over < TAIL * rate:
            notes.append(f"The last {over / rate:.2f} s of {name} were left out.")
            wave = wave[: len(wave) - over]
        for k in range(math.ceil(len(wave) / length)):
            if len(made) == MOST:
                left += 1
                continue
            row = torch.zeros(1, length)
            part = torch.from_numpy(wave[k * length : (k + 1) * length])
            row[0, : len(part)] = part
            start, end = k * seconds, min((k + 1) * seconds, len(wave) / rate)
            made.append(row)
            names.append(name if len(wave) <= length else f"{name}, {start:.1f} to {end:.1f} s")
            if len(part) < length:
                notes.append(f"{names[-1]} lasts {len(part) / rate:.2f} s and got silence behind it.")
    if left:
        notes.append(f"The first {MOST} stretches of {seconds:g} s were taken; {left} more were left out.")
    return Own(tuple(names), torch.stack(made), tuple(dict.fromkeys(notes)))


def _heard(name: str, read: Callable[[], bytes], rate: int) -> tuple[np.ndarray, list[str]]:
    """One sound at the rate wanted, its channels mixed, and what was done to it."""
    try:
        samples, own = decoded(read(), name)
    except (ValueError, OSError) as error:
        raise InputError(f"{name} is no sound that can be read: {error}.") from None
    wave, notes = samples.mean(1), list[str]()
    if not RATES[0] <= own <= RATES[1]:
        raise InputError(
            f"{name} says {own:,} samples per second; expected {RATES[0]:,} to {RATES[1]:,}. Save it anew."
        )
    if len(wave) < SHORTEST * own:
        raise InputError(f"{name} lasts {len(wave) / own:.3f} s; at least {SHORTEST} s are needed.")
    if not np.isfinite(wave).all() or not np.abs(wave).max() > 0:
        raise InputError(f"{name} holds no sound: every sample is 0, or some are not finite.")
    if samples.shape[1] > 1:
        notes.append(f"{name}: {samples.shape[1]} channels were mixed to one.")
    if own != rate:
        notes.append(f"{name} was resampled from {own:,} to {rate:,} samples per second.")
    return np.asarray(resampled(wave, own, rate), np.float32), notes


def own_photographs(path: str | Path) -> Own:
    """A photograph, or a folder or ``.zip`` of them: the middle square of each at 224 × 224, in colour.

    Returns:
        At most 24, pixels ``[N, 3, 224, 224]`` in 0..1.

    Raises:
        LoadError: if nothing is there.
        InputError: if a file is damaged or no picture; the file is named.
    """
    import io
    import warnings

    files, notes = _listed(existing(path), PICTURES, "pictures")
    notes += _shortened(files, "pictures")
    made: list[Tensor] = []
    for name, read in files[:MOST]:
        try:
            with Image.open(io.BytesIO(read())) as opened, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which are not used
                made.append(square(ImageOps.exif_transpose(opened).convert("RGB")))
        except LoadError:
            raise
        except BROKEN as error:
            raise InputError(f"{name} is no picture that can be read: {error}.") from None
    notes.append(f"The middle square of each, at {SIDE} × {SIDE}: what lies outside is not seen.")
    return Own(tuple(name for name, _ in files[:MOST]), torch.stack(made), tuple(notes))


def own_texts(path: str | Path, *, text: str | None = None) -> Own:
    """Texts: the lines of a ``.txt``, a column of a table, or a folder or ``.zip`` of ``.txt`` files.

    Args:
        path: ``.txt``, ``.csv``, ``.tsv``, ``.parquet``, a folder or a ``.zip``.
        text: the column, where a table has several.

    Returns:
        At most 24 texts.

    Raises:
        LoadError: if nothing is there.
        InputError: if there is no text, or no such column.
    """
    place = existing(path)
    if place.is_file() and place.suffix.lower() in TABLES:
        found = _cells(place, text)
    elif text is not None:
        raise InputError(f"--text names a column of a table; {place.name} is none ({', '.join(TABLES)}).")
    elif place.is_file() and place.suffix.lower() in TEXTS:
        lines = _plain(place.name, read_bytes(place)).splitlines()
        found = [(f"{place.name}, line {k}", line) for k, line in enumerate(lines, 1)]
    else:
        files, _ = _listed(place, TEXTS, "texts")
        found = [(name, _plain(name, read())) for name, read in files]
    kept = [(name, " ".join(words.split())) for name, words in found if words.strip()]
    if not kept:
        raise InputError(f"{place} holds no text.")
    return Own(
        tuple(name for name, _ in kept[:MOST]),
        tuple(words for _, words in kept[:MOST]),
        tuple(_shortened(kept, "texts")),
    )


def _shortened(found: Iterable[object], what: str) -> list[str]:
    count = len(list(found))
    return [f"The first {MOST} of {count:,} {what} were taken."] if count > MOST else []


def _cells(place: Path, text: str | None) -> list[tuple[str, str]]:
    parquet = place.suffix.lower() in (".parquet", ".pq")
    raw: RawTable = (
        read_parquet(place, ("",))
        if parquet
        else read_csv(place, separator=None, encoding=None, missing=("",))
    )
    names = list(raw.columns)
    if text is None and len(names) > 1 and "text" not in names:
        raise InputError(
            f"{place.name} is a table: say which column holds the text, --text COLUMN. Columns: "
            f"{', '.join(names)}."
        )
    wanted = text or ("text" if "text" in names else names[0])
    if wanted not in names:
        raise InputError(f"{place.name} has no column {wanted!r}. {near_misses(wanted, names)}")
    cells = raw.columns[wanted]
    return [(f"{place.name}, row {k}", text_of(cell)) for k, cell in enumerate(cells, 1) if cell is not None]


def _plain(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text. Save it as UTF-8.") from None


def _listed(place: Path, endings: tuple[str, ...], what: str) -> tuple[Files, list[str]]:
    """Files of a kind, with the way to read each, in order of their names."""
    if place.is_file() and place.suffix.lower() != ".zip":
        if place.suffix.lower() not in endings:
            raise InputError(
                f"{place.name} is not known as one of the {what} ({', '.join(endings)}); give such a file, "
                "or a folder or .zip of them."
            )
        return [(place.name, place.read_bytes)], []
    if place.is_file():
        packed = Zipped(place)
        every: Files = [(name, _reader(packed, name)) for name in packed.names]
    else:
        paths = [path for path in place.rglob("*") if path.is_file()]
        every = [(path.relative_to(place).as_posix(), path.read_bytes) for path in paths]
    files = sorted(
        (pair for pair in every if _counts(PurePosixPath(pair[0]), endings)),
        key=lambda pair: PurePosixPath(pair[0]).parts,
    )
    if not files:
        raise InputError(f"{place} holds no {what} ({', '.join(endings)}).")
    others = sum(1 for name, _ in every if not name.rpartition("/")[2].startswith(".")) - len(files)
    return files, [f"{others} other files were not read."] if others else []


def _reader(packed: Zipped, name: str) -> Callable[[], bytes]:
    return lambda: packed.read(name)


def _counts(path: PurePosixPath, endings: tuple[str, ...]) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not hidden and path.name.casefold() not in CLUTTER and path.suffix.lower() in endings
