"""Collecting slopes along the straight way from a baseline."""

from pellucid.attribution._path._adaptive import FIRST, Walked, walk

__all__ = ["FIRST", "Walked", "walk"]
