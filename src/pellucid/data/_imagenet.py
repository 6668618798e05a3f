"""ImageNet's classes and scale, and photographs to try a network on."""

from __future__ import annotations

from importlib import resources

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pellucid._core import PARTS, Dataset
from pellucid._core._installed import installed_file
from pellucid.inputs import ImageSpec

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIDE = 224
INSTALL = "pip install scikit-image"
# a fitting class for each; where several fit (tabby, tiger cat, Egyptian cat) the one that networks prefer
PHOTOGRAPHS = (
    ("a cat", "skimage", "data/chelsea.png", 285),
    ("a cup of coffee", "skimage", "data/coffee.png", 967),
    ("a photographer", "skimage", "data/camera.png", 872),
    ("a motorcycle", "skimage", "data/motorcycle_left.png", 670),
    ("a rocket on its pad", "skimage", "data/rocket.jpg", 657),
    ("a clock in motion", "skimage", "data/clock_motion.png", 409),
    ("a palace", "sklearn", "datasets/images/china.jpg", 698),
    ("a flower", "sklearn", "datasets/images/flower.jpg", 985),
)


def imagenet_classes() -> tuple[str, ...]:
    """Names of the 1,000 classes of ImageNet-1k in their usual order, all different.

    Source:
        The first word of each class's synset in WordNet 3.0 (Princeton University).

    Example:
        >>> imagenet_classes()[285]
        'Egyptian cat'
    """
    text = (resources.files("pellucid.data") / "imagenet_classes.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def imagenet_spec() -> ImageSpec:
    """Colour pictures on the scale that networks trained on ImageNet expect, in 8 × 8 removable parts.

    A part taken away becomes the mean colour.

    Example:
        >>> imagenet_spec().cell
        28
    """
    names = ("red", "green", "blue")
    return ImageSpec(
        mean=MEAN, std=STD, size=(SIDE, SIDE), absence="mean", cell=SIDE // 8, channel_names=names
    )


def photographs(*, views: int = 1) -> Dataset:
    """Eight photographs, the middle square of each at 224 × 224: a cat, coffee, a photographer, and others.

    Args:
        views: pictures of each photograph: the middle square first, then smaller squares of it, from the
            four corners inwards. Further views are validation rows, the first ones test rows.

    Returns:
        Pictures ``[8 · views, 3, 224, 224]`` with the classes of ImageNet, the views of a photograph in a
        row; answers are chosen by eye.

    Raises:
        LoadError: if the package ``scikit-image`` (extra ``pretrained``) is not installed.

    Source:
        scikit-image (chelsea, coffee, camera, motorcycle, rocket, clock) and scikit-learn (china, flower);
        mostly CC0, see their own notes.
    """
    spec, made = imagenet_spec(), list[Tensor]()
    for _, package, path, _ in PHOTOGRAPHS:
        with Image.open(installed_file(package, path, "The photographs", INSTALL)) as opened:
            made += [square(opened.convert("RGB"), view) for view in range(views)]
    answers = torch.tensor([number for *_, number in PHOTOGRAPHS]).repeat_interleave(views)
    first = torch.arange(len(made)) % views == 0
    parts = torch.where(first, PARTS.index("test"), PARTS.index("validation")).to(torch.int8)
    return Dataset(
        "photographs",
        spec.from_pixels(torch.stack(made)),
        answers,
        spec,
        imagenet_classes(),
        parts,
        answer="object",
        notes=("Answers are chosen by eye; of several classes that fit, the one that networks prefer.",),
        source="scikit-image and scikit-learn sample pictures",
    )


def photograph_names() -> tuple[str, ...]:
    """What each of the :func:`photographs` shows, in words.

    Example:
        >>> photograph_names()[0]
        'a cat'
    """
    return tuple(name for name, *_ in PHOTOGRAPHS)


def square(photograph: Image.Image, view: int = 0) -> Tensor:
    """The middle square, or a square of 5/8 of it at its middle or towards one of its corners."""
    width, height = photograph.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    if view:
        small = side * (5 + (view - 1) // 4) // 8
        right, low = (view - 1) % 2, (view - 1) // 2 % 2
        left, top, side = left + right * (side - small), top + low * (side - small), small
    cut = photograph.crop((left, top, left + side, top + side))
    return to_tensor(cut.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def to_tensor(picture: Image.Image) -> Tensor:
    """Pixels ``[C, H, W]`` in 0..1."""
    return torch.from_numpy(np.atleast_3d(np.array(picture, dtype=np.uint8))).permute(2, 0, 1).float() / 255
