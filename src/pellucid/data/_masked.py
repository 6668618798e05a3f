"""Pictures whose objects are marked, and mosaics of pictures: where the reason for a class lies is known."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from pellucid._core import PARTS, Dataset, brief
from pellucid.data._imagenet import SIDE, imagenet_classes, imagenet_spec, to_tensor
from pellucid.data._paths import existing
from pellucid.data._zipped import Zipped, inside
from pellucid.errors import InputError, LoadError

PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """Pictures with the place of what they show.

    Args:
        dataset: ``relevant`` bool ``[N, 1, H, W]`` marks the place; ``answers`` hold one fitting class.
        fitting: all classes of ImageNet that fit each row.
        clusters: int64 ``[N]``, rows that belong together: frames of one film, quadrants of one mosaic.
    """

    dataset: Dataset
    fitting: tuple[tuple[int, ...], ...]
    clusters: Tensor

    __repr__ = brief


def masked_pictures(source: str | Path) -> Located:
    """Pictures with masks of the object that they show, such as frames of DAVIS.

    Args:
        source: a folder or a ``.zip`` with ``images/NAME.jpg``, ``masks/NAME.png`` (bright where the object
            is) and ``index.csv`` with the columns ``name``, ``sequence`` and ``imagenet_ok``: numbers of
            the ImageNet classes that fit, with blanks between them. Rows where none fits are left out.

    Returns:
        Pictures resized to 224 × 224, proportions not kept, with their masks.

    Raises:
        LoadError: where nothing is there, or a file is absent or damaged.
        InputError: where the index has other columns, or no row has a fitting class.

    Source:
        Perazzi et al. 2016, A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation
        (DAVIS 2016).
    """
    files = Files(existing(source))
    lines = list(csv.DictReader(io.StringIO(files.read("index.csv").decode("utf-8"))))
    if not lines or not {"name", "sequence", "imagenet_ok"} <= lines[0].keys():
        raise InputError(
            f"{files.place.name}: index.csv should have the columns name, sequence and imagenet_ok, it has "
            f"{', '.join(lines[0]) if lines else 'no rows'}."
        )
    kept = [line for line in lines if line["imagenet_ok"].strip()]
    if not kept:
        raise InputError(f"{files.place.name}: no row of index.csv names a class that fits.")
    fitting = tuple(_numbers(line["imagenet_ok"], files.place.name) for line in kept)
    pixels = [to_tensor(files.picture(f"images/{line['name']}.jpg", "RGB")) for line in kept]
    masks = [to_tensor(files.picture(f"masks/{line['name']}.png", "L")) > 0.5 for line in kept]
    films = list(dict.fromkeys(line["sequence"] for line in kept))
    note = f"{len(kept)} of {len(lines)} frames show an object with a class of ImageNet."
    made = _dataset(files.place, pixels, [few[0] for few in fitting], torch.stack(masks), note)
    return Located(made, fitting, torch.tensor([films.index(line["sequence"]) for line in kept]))


def mosaics(source: str | Path, *, count: int = 16, among: Tensor | None = None, seed: int = 0) -> Located:
    """Mosaics of 2 × 2 pictures of four classes; each is there four times, once for each of its classes.

    Args:
        source: a folder or a ``.zip`` of pictures whose names begin with the number of their ImageNet class.
        count: mosaics.
        among: numbers of the pictures to use, in the order of :func:`single_pictures`; ``None`` is all.
        seed: which pictures meet.

    Returns:
        ``4 · count`` rows of 224 × 224 pixels; the place is the quadrant of the class.

    Raises:
        LoadError: where nothing is there, or a file is damaged.
        InputError: where there are too few pictures.

    Source:
        Arias-Duart et al. 2022, Focus! Rating XAI Methods and Finding Biases, arXiv 2109.15035.
    """
    single = single_pictures(source)
    usable = torch.arange(len(single)) if among is None else among
    if count < 1 or len(usable) < 4 * count:
        raise InputError(f"{count} mosaics need {4 * count} pictures, there are {len(usable)}. Give fewer.")
    order = torch.randperm(len(usable), generator=torch.Generator().manual_seed(seed))
    chosen = usable[order[: 4 * count]]
    half = SIDE // 2
    small = F.interpolate(single.inputs[chosen], size=(half, half), mode="bilinear", antialias=True)
    # [count, row, column, C, H, W] to [count, C, row · H, column · W]
    tiles = small.view(count, 2, 2, 3, half, half).permute(0, 3, 1, 4, 2, 5)
    pictures = tiles.reshape(count, 3, SIDE, SIDE)
    quarter = torch.eye(4, dtype=torch.bool).view(4, 1, 2, 2)
    place = quarter.repeat_interleave(half, -1).repeat_interleave(half, -2).repeat(count, 1, 1, 1)
    answers = single.answers[chosen]
    made = Dataset(
        f"mosaics of {single.name}",
        pictures.repeat_interleave(4, 0),
        answers,
        single.spec,
        single.classes,
        torch.full((4 * count,), PARTS.index("test"), dtype=torch.int8),
        answer="object",
        notes=(f"{count} mosaics of {len(usable)} pictures.",),
        source=single.source,
        relevant=place,
    )
    return Located(
        made, tuple((number,) for number in answers.tolist()), torch.arange(count).repeat_interleave(4)
    )


def single_pictures(source: str | Path) -> Dataset:
    """Pictures whose names begin with the number of their ImageNet class, resized to 224 × 224.

    Raises:
        InputError: where no picture is named by a class number.
        LoadError: where there is no such file or folder.
    """
    files = Files(existing(source))
    named = [(name, re.match(r"\d+", Path(name).name)) for name in files.names()]
    usable = [(name, int(found[0])) for name, found in named if found and name.lower().endswith(PICTURES)]
    if not usable:
        raise InputError(
            f"{files.place.name} holds no pictures whose names begin with a class number (285_cat.jpg)."
        )
    pixels = [to_tensor(files.picture(name, "RGB")) for name, _ in usable]
    return _dataset(files.place, pixels, [number for _, number in usable], None, "")


def _dataset(
    place: Path, pixels: Sequence[Tensor], answers: Sequence[int], relevant: Tensor | None, note: str
) -> Dataset:
    spec, classes = imagenet_spec(), imagenet_classes()
    outside = [number for number in answers if number >= len(classes)]
    if outside:
        raise InputError(f"{place.name}: ImageNet has classes 0 to {len(classes) - 1}, got {outside[0]}.")
    return Dataset(
        place.stem,
        spec.from_pixels(torch.stack(list(pixels))),
        torch.tensor(answers),
        spec,
        classes,
        torch.full((len(answers),), PARTS.index("test"), dtype=torch.int8),
        answer="object",
        notes=(note,) if note else (),
        source=str(place),
        relevant=relevant,
    )


def _numbers(text: str, place: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split())
    except ValueError:
        raise InputError(f"{place}: imagenet_ok should hold class numbers, it holds {text!r}.") from None


class Files:
    """Files of a folder or of a zip archive, by name."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._archive = None if place.is_dir() else Zipped(place)

    def names(self) -> list[str]:
        """All files, sorted."""
        if self._archive is not None:
            return sorted(self._archive.names)
        return sorted(str(p.relative_to(self.place)) for p in self.place.rglob("*") if p.is_file())

    def read(self, name: str) -> bytes:
        """The content of one."""
        inside(name, self.place)
        try:
            return (self.place / name).read_bytes() if self._archive is None else self._archive.read(name)
        except (OSError, ValueError) as error:
            raise LoadError(f"{self.place} has no {name} that can be read.") from error

    def picture(
        self,
        name: str,
        mode: str,
        size: tuple[int, int] = (SIDE, SIDE),
        smooth: Image.Resampling | None = None,
    ) -> Image.Image:
        """One picture at a width and height; masks are not smoothed."""
        try:
            with Image.open(io.BytesIO(self.read(name))) as opened:
                usual = Image.Resampling.BILINEAR if mode == "RGB" else Image.Resampling.NEAREST
                return opened.convert(mode).resize(size, usual if smooth is None else smooth)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            if isinstance(error, LoadError):
                raise
            raise LoadError(f"{name} in {self.place} is no picture that can be read: {error}.") from error
