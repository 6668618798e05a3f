"""Folders of pictures, one folder per class; also in a zip."""

from __future__ import annotations

import io
import re
import statistics
import warnings
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pellucid._core import Dataset, split
from pellucid.data._build import PART_WORDS, with_validation
from pellucid.data._paths import existing
from pellucid.data._scale import standardised
from pellucid.data._zipped import Zipped
from pellucid.errors import InputError, LoadError

GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N")
LARGEST = 224  # longer side where no size is asked for
CLUTTER = ("thumbs.db", "desktop.ini")
ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)
BROKEN = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)

Source = Path | Callable[[], bytes]  # where a file lies, or how it is taken out of an archive


@dataclass(frozen=True, slots=True)
class Picture:
    """One file: what it shows, which part it belongs to (-1 where nothing says so), mode and size."""

    path: PurePosixPath
    source: Source
    label: str
    part: int
    mode: str
    size: tuple[int, int]


def pictures(
    folder: str | Path,
    *,
    size: int | tuple[int, int] | None = None,
    colour: Literal["grey", "rgb"] | None = None,
    skip: bool = False,
    seed: int = 0,
) -> Dataset:
    """Read a folder, or a ``.zip``, of pictures, one folder per class; names of folders are names of classes.

    ``train/CLASS`` and ``test/CLASS`` (also ``validation``) are recognised; otherwise rows are split
    70 : 15 : 15. Pixels are standardised per channel with the mean and sd of the training part, as the spec
    says. Turned photographs (EXIF) are set upright.

    Args:
        folder: holds a folder per class, or ``train`` and ``test`` with a folder per class each. In
            an archive that may lie in one folder more.
        size: side, or height and width, that all pictures are resized to; ``None`` takes the commonest size,
            or the median height and width where no size is that of half of them, at most 224 on the longer
            side. Proportions are not kept where they differ.
        colour: ``"grey"`` or ``"rgb"``; ``None`` is grey where all pictures are.
        skip: leave out files that are damaged or no pictures, and name them in ``notes``, instead of raising.
        seed: of the split.

    Returns:
        Pictures ``[N, C, H, W]`` with an :class:`pellucid.inputs.ImageSpec`, named by their files.

    Raises:
        LoadError: if there is no such folder or archive.
        InputError: if there are fewer than two classes, a class without pictures, or a file that is
            truncated or no picture; the file is named.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> for name, shade in [("dark", 20), ("light", 230)] * 3:
        ...     (root / name).mkdir(exist_ok=True)
        ...     Image.new("L", (6, 4), shade).save(root / name / f"{len(list(root.rglob('*')))}.png")
        >>> data = pictures(root)
        >>> data.inputs.shape, data.classes
        (torch.Size([6, 1, 4, 6]), ('dark', 'light'))
    """
    root = existing(folder)
    found, notes = _find(root, skip=skip)
    shape, resized = _shape(found, size)
    grey = all(picture.mode in GREY for picture in found) if colour is None else colour == "grey"
    pixels: list[NDArray[np.uint8]] = []
    kept: list[Picture] = []
    for picture in found:
        try:
            pixels.append(_pixels(picture, shape, grey=grey))
            kept.append(picture)
        except BROKEN as error:
            notes.append(_broken(picture.path, root, error, skip=skip))
    classes = in_order({picture.label for picture in kept})
    _check_classes(kept, classes, root)
    answers = torch.tensor([classes.index(picture.label) for picture in kept])
    given = torch.tensor([picture.part for picture in kept], dtype=torch.int8)
    parts = (
        split(answers, classes=True, seed=seed)
        if int(given.max()) < 0
        else with_validation(given, answers, classes=True, seed=seed)
    )
    stack = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    inputs, spec = standardised(stack, parts)
    name = root.resolve().name.removesuffix(".zip")
    return Dataset(name, inputs, answers, spec, classes, parts, answer="class",
                   notes=(*resized, *_mode_notes(kept, grey=grey), *notes), source=str(root),
                   names=tuple(str(picture.path) for picture in kept))  # fmt: skip


def _find(root: Path, *, skip: bool) -> tuple[list[Picture], list[str]]:
    files = _packed(root) if root.is_file() else _loose(root)
    number = {word: k for k, words in enumerate(PART_WORDS) for word in words}
    folders = _folders(root, files)
    parts = {name: number[name.casefold()] for name in folders if name.casefold() in number}
    notes: list[str] = []
    if 0 in parts.values():
        strange = [name for name in folders if name not in parts]
        notes += [f"Folders beside train and test were not read: {', '.join(strange)}."] if strange else []
        places = {(top, label): part for top, part in parts.items() for label in _folders(root, files, top)}
    else:
        places = {(label,): -1 for label in folders}
    if not places:
        raise InputError(
            f"{root} has no folders. Expected a folder per class, each with its pictures or sounds."
        )
    depth = len(next(iter(places)))
    inside: dict[tuple[str, ...], list[PurePosixPath]] = defaultdict(list)
    for path in files:
        inside[path.parts[:depth] if len(path.parts) > depth else ()].append(path)
    found: list[Picture] = []
    for place, part in places.items():
        if place not in inside:
            raise InputError(
                f"{'/'.join(place)} in {root} holds no pictures or sounds. Fill or remove that folder."
            )
        for path in inside[place]:
            try:
                found.append(Picture(path, files[path], place[-1], part, *_header(files[path])))
            except BROKEN as error:
                notes.append(_broken(path, root, error, skip=skip))
    if not found:
        raise InputError(f"{root}: none of its files is a picture.")
    return found, notes


def _loose(root: Path) -> dict[PurePosixPath, Source]:
    """Every file of a folder that counts, in order of their names."""
    paths = {PurePosixPath(p.relative_to(root).as_posix()): p for p in root.rglob("*") if p.is_file()}
    return {path: paths[path] for path in sorted(paths) if _counts(path)}


def _packed(root: Path) -> dict[PurePosixPath, Source]:
    """Every file of an archive that counts, without the folders that all of them share above the classes."""
    if not zipfile.is_zipfile(root):
        raise LoadError(f"{root} is a file; expected a folder with one folder per class, or a .zip of one.")
    packed = Zipped(root)
    paths = {PurePosixPath(name): name for name in packed.names}
    known = sorted(path for path in paths if _counts(path))
    cut = 0
    while known and all(p.parts[cut] == known[0].parts[cut] and len(p.parts) > cut + 2 for p in known):
        cut += 1
    return {PurePosixPath(*path.parts[cut:]): partial(packed.read, paths[path]) for path in known}


def _folders(root: Path, files: Mapping[PurePosixPath, Source], *above: str) -> list[str]:
    """Names of the folders right below one; in a folder also those that hold nothing."""
    if root.is_dir():
        entries = root.joinpath(*above).iterdir()
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    k = len(above)
    return sorted({path.parts[k] for path in files if len(path.parts) > k + 1 and path.parts[:k] == above})


def _counts(path: PurePosixPath) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not hidden and path.name.casefold() not in CLUTTER


def _open(source: Source) -> Image.Image:
    return Image.open(source if isinstance(source, Path) else io.BytesIO(source()))


def _header(source: Source) -> tuple[str, tuple[int, int]]:
    with _open(source) as image:
        if image.mode == "F":
            raise ValueError("pixels are floating numbers of unknown range; save as 8 or 16 bit")
        width, height = image.size
        turned = image.getexif().get(ORIENTATION) in TURNED
        return image.mode, (width, height) if turned else (height, width)


def _pixels(picture: Picture, shape: tuple[int, int], *, grey: bool) -> NDArray[np.uint8]:
    from PIL import ImageOps

    with _open(picture.source) as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which are not used
        image = ImageOps.exif_transpose(opened)
        if image.mode.startswith("I"):  # 16 bit; Pillow would clip instead of scale
            wide = np.asarray(image).astype(np.float64)
            image = Image.fromarray((wide / (257 if wide.max() > 255 else 1)).round().astype(np.uint8))
        image = image.convert("L" if grey else "RGB")
        if image.size != (shape[1], shape[0]):
            image = image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
        array = np.asarray(image, dtype=np.uint8)
    return array[:, :, None] if grey else array


def _broken(path: PurePosixPath, root: Path, error: BaseException, *, skip: bool) -> str:
    what = "is no picture" if isinstance(error, Image.UnidentifiedImageError) else f"cannot be read ({error})"
    if skip:
        return f"{path} {what} and was left out."
    raise InputError(
        f"{path} in {root} {what}. Repair or remove it, or leave such files out "
        "(--skip, in Python skip=True)."
    ) from None


def _shape(found: Sequence[Picture], size: int | tuple[int, int] | None) -> tuple[tuple[int, int], list[str]]:
    counts = Counter(picture.size for picture in found)
    common, often = counts.most_common(1)[0]
    if 2 * often < len(found):
        common = (
            _middle(picture.size[0] for picture in found),
            _middle(picture.size[1] for picture in found),
        )
    if size is not None:
        shape = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        if min(shape) < 1:
            raise InputError(f"size must be at least 1 pixel, got {size}.")
    else:
        scale = min(1.0, LARGEST / max(common))
        shape = (max(1, round(common[0] * scale)), max(1, round(common[1] * scale)))
    if len(counts) == 1 and shape == common:
        return shape, []
    what = (
        f"Pictures have {len(counts)} sizes" if len(counts) > 1 else f"Pictures are {common[0]}×{common[1]}"
    )
    return shape, [f"{what}; all were resized to {shape[0]}×{shape[1]} (height × width)."]


def _middle(sides: Iterable[int]) -> int:
    return round(statistics.median(sides))


def _check_classes(kept: Sequence[Picture], classes: Sequence[str], root: Path) -> None:
    if len(classes) < 2:
        raise InputError(
            f"{root} has one class only ({', '.join(classes)}); expected a folder for each of several."
        )
    learned = {picture.label for picture in kept if picture.part <= 0}
    strange = [label for label in classes if label not in learned]
    if strange:
        raise InputError(f"{root}: class {strange[0]} has pictures for testing but none for training.")


def _mode_notes(kept: Sequence[Picture], *, grey: bool) -> list[str]:
    clear = sum(picture.mode in ("LA", "RGBA", "PA") for picture in kept)
    coloured = sum(picture.mode not in GREY for picture in kept)
    notes = [f"Transparency of {clear} pictures was dropped."] if clear else []
    if grey and coloured:
        notes.append(f"{coloured} coloured pictures were turned grey.")
    if not grey and coloured < len(kept):
        notes.append(f"{len(kept) - coloured} grey pictures were read as colour pictures.")
    return notes


def in_order(labels: set[str]) -> tuple[str, ...]:
    """Class names sorted with numbers by their size."""
    return tuple(
        sorted(labels, key=lambda label: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", label)])
    )
