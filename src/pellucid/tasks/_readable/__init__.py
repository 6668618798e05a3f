"""Readable networks beside plain ones, boosting and InterpretML's EBM, in nested folds."""

from pellucid.tasks._readable._models import MODELS as READABLE_MODELS
from pellucid.tasks._readable._run import Contest, Entry, Fold, kept_contest, readable_contest
from pellucid.tasks._readable._sets import SETS as READABLE_SETS

__all__ = [
    "READABLE_MODELS",
    "READABLE_SETS",
    "Contest",
    "Entry",
    "Fold",
    "kept_contest",
    "readable_contest",
]
