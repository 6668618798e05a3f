"""Data sets: bundled real ones, files of the user's own, and planted tasks whose true reasons are known."""

from pellucid.data._arrays import arrays
from pellucid.data._bundled import breast_cancer, diabetes, digits, wine
from pellucid.data._imagenet import imagenet_classes, imagenet_spec, photograph_names, photographs
from pellucid.data._kinds import Kind
from pellucid.data._marked import Marked, marked_places
from pellucid.data._masked import Located, masked_pictures, mosaics, single_pictures
from pellucid.data._names import by_name, from_path, names
from pellucid.data._npz import npz
from pellucid.data._own import Own, own_photographs, own_sounds, own_texts
from pellucid.data._packaged import german_credit, mnist
from pellucid.data._pictures import pictures
from pellucid.data._planted import (
    Planted,
    PlantKind,
    PlantReport,
    planted,
    planted_names,
    planted_patch,
    planted_table,
    verify_plant,
)
from pellucid.data._sounds import sounds
from pellucid.data._table import frame, table
from pellucid.data._text import texts
from pellucid.data._voices import voices

__all__ = [
    "Kind",
    "Located",
    "Own",
    "PlantKind",
    "PlantReport",
    "Planted",
    "arrays",
    "breast_cancer",
    "by_name",
    "diabetes",
    "digits",
    "frame",
    "from_path",
    "german_credit",
    "imagenet_classes",
    "imagenet_spec",
    "Marked",
    "marked_places",
    "masked_pictures",
    "mnist",
    "mosaics",
    "names",
    "npz",
    "own_photographs",
    "own_sounds",
    "own_texts",
    "photograph_names",
    "photographs",
    "pictures",
    "planted",
    "planted_names",
    "planted_patch",
    "planted_table",
    "single_pictures",
    "sounds",
    "table",
    "texts",
    "verify_plant",
    "voices",
    "wine",
]
