"""Pictures with masks of the things that lie in them, concept by concept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from pellucid._core import brief
from pellucid.data._imagenet import to_tensor
from pellucid.data._masked import PICTURES, Files
from pellucid.data._paths import existing
from pellucid.errors import InputError

IMAGES, MASKS = "images", "masks"
ALONE = "marked"  # name of the only concept where masks lie in no folder of their own


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """Pictures, and where each concept lies in them.

    Args:
        name: of the folder.
        pixels: ``[N, C, H, W]`` in 0..1.
        masks: by concept, bool ``[N, H, W]``.
        names: of the pictures.
    """

    name: str
    pixels: Tensor
    masks: Mapping[str, Tensor]
    names: tuple[str, ...]

    __repr__ = brief


def marked_places(
    source: str | Path, *, size: tuple[int, int], colour: Literal["grey", "rgb"] = "rgb"
) -> Marked:
    """Read pictures with a mask for each concept that they show.

    Args:
        source: a folder or a ``.zip`` with ``images/NAME.jpg`` and ``masks/CONCEPT/NAME.png``, bright where
            the concept lies; a picture without a mask does not show it. Masks right under ``masks`` are
            those of one concept.
        size: height and width that all are resized to; proportions are not kept.
        colour: of the pictures.

    Returns:
        :class:`Marked`.

    Raises:
        LoadError: if there is no such place, or a file is damaged.
        InputError: if it holds no pictures or no masks, or a mask belongs to no picture.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("images/a.png", "images/b.png", "masks/sky/a.png"):
        ...     (root / name).parent.mkdir(parents=True, exist_ok=True)
        ...     Image.new("L", (6, 4), 255).save(root / name)
        >>> found = marked_places(root, size=(4, 6))
        >>> found.pixels.shape, found.masks["sky"].flatten(1).any(1).tolist()
        (torch.Size([2, 3, 4, 6]), [True, False])
    """
    place = existing(source)
    files = Files(place)
    pictured = [PurePosixPath(name) for name in files.names() if name.lower().endswith(PICTURES)]
    images = {path.stem: path for path in pictured if path.parts[0] == IMAGES and len(path.parts) == 2}
    drawn = [path for path in pictured if path.parts[0] == MASKS and len(path.parts) in (2, 3)]
    if not images or not drawn:
        raise InputError(
            f"{place.name} should hold images/NAME.jpg and masks/CONCEPT/NAME.png; it holds "
            f"{len(images)} such pictures and {len(drawn)} such masks."
        )
    strange = [str(path) for path in drawn if path.stem not in images]
    if strange:
        raise InputError(f"{place.name}: no picture in images belongs to the mask {strange[0]}.")
    mode = "L" if colour == "grey" else "RGB"
    stems = list(images)
    pixels = torch.stack([_read(files, images[stem], mode, size) for stem in stems])
    masks: dict[str, Tensor] = {}
    for path in drawn:
        concept = path.parts[1] if len(path.parts) == 3 else ALONE
        if concept not in masks:
            masks[concept] = torch.zeros(len(stems), *size, dtype=torch.bool)
        masks[concept][stems.index(path.stem)] |= _read(files, path, "L", size)[0] > 0.5
    return Marked(place.stem, pixels, masks, tuple(stems))


def _read(files: Files, path: PurePosixPath, mode: str, size: tuple[int, int]) -> Tensor:
    smooth = Image.Resampling.NEAREST if path.parts[0] == MASKS else Image.Resampling.BILINEAR
    return to_tensor(files.picture(str(path), mode, (size[1], size[0]), smooth))


__all__ = ["Marked", "marked_places"]
