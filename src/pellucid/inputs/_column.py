"""One column of a table: what its values mean and which slots of the network's input carry them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, near_misses

MISSING = "(missing)"
OTHER = "(other)"
DIGITS = range(-9, 16)  # places after the point that decoding tries, fewest first


@final
@dataclass(frozen=True, slots=True)
class Column:
    """What one column of a table means.

    A number takes one slot, ``(value − mean) / std``, and a second one, 0 or 1, if it can be missing. A
    category takes one slot per level, 1 for its own and 0 for the others.

    Args:
        name: what people call it.
        unit: unit of a number, such as ``"mg/dL"``.
        levels: names of the categories; empty for a number. ``"(missing)"`` is a level like any other,
            ``"(other)"`` one that takes every value that no other level names.
        mean, std: of the training rows, in the column's unit.
        immutable: nobody can change it (age, birthplace), so no advice may.
        monotone: 1 where more can only raise the answer, -1 where it can only lower it.
        low, high: smallest and largest value in training.
        missing: a number that can be missing and then has its own slot.
        integer: only whole numbers make sense.
        median: of the training rows; stands in for a missing number. ``None`` takes ``mean``.
        shares: share of each level in training; empty means equal shares.

    Raises:
        InputError: if the fields contradict each other.

    Example:
        >>> Column("mean radius", "µm").text(14.1)
        '14.1 µm'
    """

    name: str
    unit: str = ""
    levels: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    immutable: bool = False
    monotone: Literal[0, 1, -1] = 0
    low: float | None = None
    high: float | None = None
    missing: bool = False
    integer: bool = False
    median: float | None = None
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if not self.name:
            raise InputError("A column needs a name.")
        if not (_finite(self.mean) and _finite(self.std) and self.std > 0):
            raise InputError(
                f"{self.name}: std must be above 0 and mean finite, got {self.std!r} and {self.mean!r}."
            )
        if isinstance(self.levels, str):
            raise InputError(
                f"{self.name}: levels are several names, such as ('own', 'rent'); got {self.levels!r}."
            )
        if len(set(self.levels)) < len(self.levels):
            raise InputError(f"{self.name}: each level needs its own name, got {', '.join(self.levels)}.")
        if self.shares and len(self.shares) != len(self.levels):
            raise InputError(f"{self.name}: {len(self.levels)} levels, but {len(self.shares)} shares.")
        if self.levels and (self.missing or self.monotone):
            raise InputError(
                f"{self.name}: missing and monotone belong to numbers; "
                f"a missing category is the level {MISSING!r}."
            )
        if self.monotone not in (-1, 0, 1):
            raise InputError(f"{self.name}: monotone must be -1, 0 or 1, got {self.monotone}.")

    @property
    def width(self) -> int:
        """Number of slots."""
        return len(self.levels) or 1 + self.missing

    @property
    def slots(self) -> tuple[str, ...]:
        """Name of each slot: ``"age"``, ``"age is missing"``, ``"housing = own"``."""
        if self.levels:
            return tuple(f"{self.name} = {level}" for level in self.levels)
        return (self.name, f"{self.name} is missing") if self.missing else (self.name,)

    def encode(self, values: Sequence[object]) -> NDArray[np.float32]:
        """Slots ``[N, width]`` of raw values.

        Raises:
            InputError: for a level that training never saw, text in a number, a number missing where none
                was missing in training, or an infinite one.
        """
        return self._encode_levels(values) if self.levels else self._encode_numbers(values)

    def decode(self, slots: NDArray[np.floating]) -> list[object]:
        """Raw values of slots ``[N, width]``; a missing number is ``None``.

        Of all numbers that have exactly these slots, the one with the fewest digits is taken, so what was
        read as 14.1 comes back as 14.1.
        """
        if self.levels:
            return [self.levels[k] for k in slots.argmax(1)]
        numbers = self._shortest(slots[:, 0])
        gone = slots[:, 1] >= 0.5 if self.missing else np.zeros(len(slots), dtype=bool)
        whole = self.integer
        return [
            None if g else int(v) if whole and math.isfinite(v) else float(v)
            for v, g in zip(numbers, gone, strict=True)
        ]

    def text(self, value: object) -> str:
        """A value as people read it: ``"14.1 µm"``, ``"own"``, ``"missing"``."""
        if value is None or value == MISSING:
            return "missing"
        if value == OTHER:
            return "other"
        if self.levels or not isinstance(value, int | float | np.number):
            return str(value)
        return f"{_readable(float(value))} {self.unit}".rstrip()

    def _encode_levels(self, values: Sequence[object]) -> NDArray[np.float32]:
        place = {level: k for k, level in enumerate(self.levels)}
        texts = [MISSING if is_missing(value) else str(value) for value in values]
        if OTHER in place:
            texts = [text if text in place else OTHER for text in texts]
        unknown = next((k for k, text in enumerate(texts) if text not in place), None)
        if unknown is not None:
            raise InputError(
                f"{self.name}: {texts[unknown]!r} in row {unknown + 1} is not a known level. "
                f"{near_misses(texts[unknown], self.levels)}"
            )
        return np.eye(len(self.levels), dtype=np.float32)[[place[text] for text in texts]]

    def _encode_numbers(self, values: Sequence[object]) -> NDArray[np.float32]:
        gone = np.array([is_missing(value) for value in values], dtype=bool)
        if gone.any() and not self.missing:
            raise InputError(
                f"{self.name}: missing in row {int(gone.argmax()) + 1}, but never in training, so the net "
                "has no slot that says so. Give a value."
            )
        fill = self.mean if self.median is None else self.median
        numbers = [
            fill if g else self._number(v, k) for k, (v, g) in enumerate(zip(values, gone, strict=True))
        ]
        slot = self.slot(np.array(numbers, dtype=np.float64))
        return np.stack([slot, gone.astype(np.float32)], 1) if self.missing else slot[:, None]

    def _number(self, value: object, row: int) -> float:
        try:
            number = float(value)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            unit = f" in {self.unit}" if self.unit else ""
            raise InputError(f"{self.name}: expected a finite number{unit} in row {row + 1}, got {value!r}.")
        return number

    def slot(self, numbers: NDArray[np.float64]) -> NDArray[np.float32]:
        """Standardised numbers."""
        return ((numbers - self.mean) / self.std).astype(np.float32)

    def _shortest(self, slots: NDArray[np.floating]) -> NDArray[np.float64]:
        exact = slots.astype(np.float64) * self.std + self.mean
        if self.integer:
            return np.round(exact)
        found, open_ = exact.copy(), np.isfinite(exact)
        for digits in DIGITS:
            tried = np.round(exact, digits)
            same = open_ & (((tried - self.mean) / self.std).astype(slots.dtype) == slots)
            found[same] = tried[same]
            open_ &= ~same
            if not open_.any():
                break
        return found


def is_missing(value: object) -> bool:
    """Whether a raw value stands for nothing: ``None``, NaN, an empty text or ``"(missing)"``."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip() in ("", MISSING)
    return value != value  # NaN of any library


def level_of(value: object) -> str:
    """A raw value as the name of a level: whole numbers without a point, booleans as true and false."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and value == int(value):
        return str(int(value))
    return str(value)


def _readable(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.6g}"


def _finite(number: object) -> bool:
    try:
        return math.isfinite(number)  # pyright: ignore[reportArgumentType]
    except TypeError:
        return False
