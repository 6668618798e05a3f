"""Collecting slopes along the straight way from a baseline."""

from pellucid.attribution._path._adaptive import FIRST, Walked, walk
from pellucid.attribution._path._nested import LEVELS, nested

__all__ = ["FIRST", "LEVELS", "Walked", "nested", "walk"]
