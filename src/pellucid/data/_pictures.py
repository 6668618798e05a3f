"""Folders of pictures, one folder per class."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pellucid._core import Dataset, split
from pellucid.data._build import PART_WORDS, with_validation
from pellucid.data._paths import existing_folder
from pellucid.data._scale import standardised
from pellucid.errors import InputError

GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N")
LARGEST = 224  # longer side where no size is asked for
CLUTTER = ("thumbs.db", "desktop.ini")
ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)
BROKEN = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


@dataclass(frozen=True, slots=True)
class Picture:
    """One file: what it shows, which part it belongs to (-1 where nothing says so), mode and size."""

    path: Path
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
    """Read a folder of pictures, one folder per class; names of folders are names of classes.

    ``train/CLASS`` and ``test/CLASS`` (also ``validation``) are recognised; otherwise rows are split
    70 : 15 : 15. Pixels are standardised per channel with the mean and sd of the training part, as the spec
    says. Turned photographs (EXIF) are set upright.

    Args:
        folder: holds a folder per class, or ``train`` and ``test`` with a folder per class each.
        size: side, or height and width, that all pictures are resized to; ``None`` takes the commonest size,
            at most 224 on the longer side. Proportions are not kept where they differ.
        colour: ``"grey"`` or ``"rgb"``; ``None`` is grey where all pictures are.
        skip: leave out files that are damaged or no pictures, and name them in ``notes``, instead of raising.
        seed: of the split.

    Returns:
        Pictures ``[N, C, H, W]`` with an :class:`pellucid.inputs.ImageSpec`.

    Raises:
        LoadError: if there is no such folder.
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
    root = existing_folder(folder)
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
    return Dataset(root.resolve().name, inputs, answers, spec, classes, parts, answer="class",
                   notes=(*resized, *_mode_notes(kept, grey=grey), *notes), source=str(root))  # fmt: skip


def _find(root: Path, *, skip: bool) -> tuple[list[Picture], list[str]]:
    number = {word: k for k, words in enumerate(PART_WORDS) for word in words}
    folders = _folders(root)
    parts = {entry: number[entry.name.casefold()] for entry in folders if entry.name.casefold() in number}
    notes: list[str] = []
    if 0 in parts.values():
        strange = [entry.name for entry in folders if entry not in parts]
        notes += [f"Folders beside train and test were not read: {', '.join(strange)}."] if strange else []
        places = [(label, part) for entry, part in parts.items() for label in _folders(entry)]
    else:
        places = [(label, -1) for label in folders]
    if not places:
        raise InputError(f"{root} has no folders. Expected a folder per class, each with its pictures.")
    found: list[Picture] = []
    for place, part in places:
        files = [path for path in sorted(place.rglob("*")) if _counts(path)]
        if not files:
            raise InputError(
                f"{place.relative_to(root)} in {root} holds no pictures. Fill or remove that folder."
            )
        for path in files:
            try:
                found.append(Picture(path, place.name, part, *_header(path)))
            except BROKEN as error:
                notes.append(_broken(path, root, error, skip=skip))
    if not found:
        raise InputError(f"{root}: none of its files is a picture.")
    return found, notes


def _folders(root: Path) -> list[Path]:
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _counts(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.name.casefold() not in CLUTTER


def _header(path: Path) -> tuple[str, tuple[int, int]]:
    with Image.open(path) as image:
        if image.mode == "F":
            raise ValueError("pixels are floating numbers of unknown range; save as 8 or 16 bit")
        width, height = image.size
        turned = image.getexif().get(ORIENTATION) in TURNED
        return image.mode, (width, height) if turned else (height, width)


def _pixels(picture: Picture, shape: tuple[int, int], *, grey: bool) -> NDArray[np.uint8]:
    from PIL import ImageOps

    with Image.open(picture.path) as opened, warnings.catch_warnings():
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


def _broken(path: Path, root: Path, error: BaseException, *, skip: bool) -> str:
    name = path.relative_to(root)
    what = "is no picture" if isinstance(error, Image.UnidentifiedImageError) else f"cannot be read ({error})"
    if skip:
        return f"{name} {what} and was left out."
    raise InputError(
        f"{name} in {root} {what}. Repair or remove it, or use skip=True to leave such files out."
    ) from None


def _shape(found: Sequence[Picture], size: int | tuple[int, int] | None) -> tuple[tuple[int, int], list[str]]:
    counts = Counter(picture.size for picture in found)
    common = counts.most_common(1)[0][0]
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
