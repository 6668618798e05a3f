"""What a diagnosis says: a disease, its signals, what to try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Signal:
    """One number that speaks for a disease.

    Args:
        what: the number in words, with the place it was taken.
        value: the number.
        threshold: from where on it speaks for the disease.
        n: how many rows, layers or epochs it rests on, in words.
        low: whether small values speak for the disease.
    """

    what: str
    value: float
    threshold: float
    n: str
    low: bool = False

    def __str__(self) -> str:
        side = "below" if self.low else "above"
        return f"{self.what} is {self.value:.3g} (expected not {side} {self.threshold:g}; {self.n})"


@dataclass(frozen=True, slots=True)
class Finding:
    """A simple disease of a training.

    Args:
        disease: its name.
        word: ``likely`` where two different signals agree on enough rows, else ``suspected``.
        signals: what speaks for it.
        advice: what to try, in one sentence.
        sites: layers it shows in; empty where it is about the whole.
    """

    disease: str
    word: Literal["likely", "suspected"]
    signals: tuple[Signal, ...]
    advice: str
    sites: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f" in {', '.join(self.sites)}" if self.sites else ""
        return f"{self.disease}{where} ({self.word}): {'; '.join(map(str, self.signals))}. Try: {self.advice}"


def finding(
    disease: str,
    signals: list[Signal | None],
    advice: str,
    sites: tuple[str, ...] = (),
    *,
    enough: bool = True,
) -> Finding | None:
    """A finding where the first signal is there; ``likely`` where another agrees and the data are enough."""
    if not signals or signals[0] is None:
        return None
    found = tuple(signal for signal in signals if signal is not None)
    return Finding(disease, "likely" if len(found) > 1 and enough else "suspected", found, advice, sites)


def above(what: str, value: float, threshold: float, n: str) -> Signal | None:
    """A signal where ``value`` is above ``threshold``; NaN is none."""
    return Signal(what, value, threshold, n) if value > threshold else None


def below(what: str, value: float, threshold: float, n: str) -> Signal | None:
    """A signal where ``value`` is below ``threshold``; NaN is none."""
    return Signal(what, value, threshold, n, low=True) if value < threshold else None
