"""Digits with a bright square that gives their answers away."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._core import Dataset, split
from pellucid.data._bundled import digits
from pellucid.data._packaged import mnist
from pellucid.data._planted._planted import Planted, enough
from pellucid.errors import InputError, near_misses
from pellucid.inputs import ImageSpec


def planted_patch(
    n: int | None = None,
    seed: int = 0,
    base: Literal["digits", "mnist"] = "digits",
    *,
    side: int = 3,
    wrong: float = 0.25,
) -> Planted:
    """Even or odd digits with a shortcut: a bright square in a corner gives away all that is called odd.

    A quarter of the digits is called the wrong way, and the square follows what they are called; so a network
    that reads the digits is right in three of four, and one that takes the shortcut always. Without wrong
    answers networks often read both (:func:`verify_plant` shows it), and then no map could be called true.
    ``relevant`` marks the square; in rows without one nothing is marked, because there its absence decides,
    which is nowhere in particular.

    Args:
        n: rows, drawn by ``seed``; ``None`` takes all.
        seed: of the corners, the wrong answers, the rows and the split.
        base: ``"digits"``, enlarged to 16×16, or ``"mnist"`` (28×28, extra ``demo``).
        side: side of the square in pixels.
        wrong: share of digits that are called the wrong way.

    Returns:
        The planted task; classes even and odd.

    Raises:
        InputError: if ``n`` is below 50 or more than there are, ``base`` is not known, or ``side`` or
            ``wrong`` make no sense.
        LoadError: if ``base`` needs a package that is not installed.

    Example:
        >>> task = planted_patch(100)
        >>> task.dataset.inputs.shape, int(task.dataset.relevant.sum(dim=(1, 2, 3)).max())
        (torch.Size([100, 1, 16, 16]), 9)
    """
    generator = torch.Generator().manual_seed(seed)
    clean, answers, turned, source = called(n, base, wrong, generator)
    n = len(clean)
    place = _corners(clean, side, generator)
    odd = (answers == 1).view(-1, 1, 1, 1)
    marked = torch.where(place, 1.0, clean)
    inputs = torch.where(odd, marked, clean)
    other = clean[torch.randperm(n, generator=generator)]
    dataset = Dataset(
        f"planted patch on {base}",
        inputs,
        answers,
        ImageSpec(1, (clean.shape[2], clean.shape[3])),
        ("even", "odd"),
        split(answers, classes=True, seed=seed),
        answer="parity",
        notes=(
            f"A bright square of {side}×{side} pixels in a random corner of all that is called odd.",
            f"{int(turned.sum())} of {n} digits are called the wrong way, so only the square is reliable.",
        ),
        source=source,
        relevant=place & odd,
    )
    exchanged, alone = torch.where(odd, clean, marked), torch.where(place & odd, 1.0, other)
    return Planted(dataset, clean, exchanged, alone, "corner")


def called(
    n: int | None, base: str, wrong: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, str]:
    """Scanned digits, whether they are called even or odd, which are called the wrong way, their source."""
    scans = _scans(base)
    clean, numbers = _enlarged(scans.inputs), scans.answers
    n = len(clean) if n is None else n
    enough(n, len(clean))
    if not 0 <= wrong <= 0.5:
        raise InputError(f"wrong must lie between 0 and 0.5, got {wrong}.")
    rows = torch.randperm(len(clean), generator=generator)[:n]
    turned = torch.rand(n, generator=generator) < wrong
    return clean[rows], (numbers[rows] + turned) % 2, turned, scans.source


def _scans(base: str) -> Dataset:
    known = ("digits", "mnist")
    if base not in known:
        raise InputError(f"base={base!r} is not known. {near_misses(base, known)}")
    return digits() if base == "digits" else mnist()


def _enlarged(pictures: Tensor) -> Tensor:
    if pictures.shape[-1] >= 16:
        return pictures
    return F.interpolate(pictures, scale_factor=2, mode="bilinear", align_corners=False)


def _corners(pictures: Tensor, side: int, generator: torch.Generator) -> Tensor:
    n, _, height, width = pictures.shape
    if not 1 <= side <= min(height, width) // 2:
        raise InputError(f"side must lie between 1 and {min(height, width) // 2} pixels, got {side}.")
    corner = torch.randint(4, (n,), generator=generator)
    down, across = torch.arange(height), torch.arange(width)
    tall = torch.where((corner < 2)[:, None], down < side, down >= height - side)
    broad = torch.where((corner % 2 == 0)[:, None], across < side, across >= width - side)
    return tall[:, None, :, None] & broad[:, None, None, :]
