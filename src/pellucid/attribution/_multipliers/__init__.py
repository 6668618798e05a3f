"""DeepLIFT's multipliers: what a difference at an operation's input makes at its output, exactly."""

from pellucid.attribution._multipliers._differences import Differences, Rule
from pellucid.attribution._multipliers._pairing import RowsMixedError
from pellucid.attribution._multipliers._slopes import by_background, by_pairs
from pellucid.attribution._multipliers._torn import whole

__all__ = ["Differences", "RowsMixedError", "Rule", "by_background", "by_pairs", "whole"]
