"""DeepLIFT's multipliers: what a difference at an operation's input makes at its output, exactly."""

from pellucid.attribution._multipliers._along import Along
from pellucid.attribution._multipliers._crossed import by_background
from pellucid.attribution._multipliers._differences import Rule
from pellucid.attribution._multipliers._pairing import RowsMixedError
from pellucid.attribution._multipliers._slopes import by_pairs
from pellucid.attribution._multipliers._torn import whole

__all__ = ["Along", "RowsMixedError", "Rule", "by_background", "by_pairs", "whole"]
