"""Data and how they are read, as people write it: on a command line, in a file of expectations."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from pellucid._core import Subject
from pellucid.errors import InputError, near_misses
from pellucid.tasks._open import open as open_subject
from pellucid.tasks._train import Heard

NUMBERS = ("rate", "seconds")  # of what is said of sounds


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of data, each part as it is written.

    Args:
        data: a path, a bundled name, or ``file.py:attr``.
        answer: the column to predict; ``COLUMN=A,B`` where the network has its outputs in that order.
        text: the column to read.
        tokenizer: what makes numbers of texts.
        sound: how sounds are read, ``NAME=VALUE`` each.
    """

    data: str | None = None
    answer: str | None = None
    text: str | None = None
    tokenizer: str | None = None
    sound: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the outputs in their order, where the answer says it.

        Example:
            >>> Told(answer="label=good,bad").order, Told(answer="label").order
            (('good', 'bad'), ())
        """
        _, _, order = (self.answer or "").partition("=")
        return tuple(part.strip() for part in order.split(",") if part.strip())

    def open(self, model: str, weights: str | Path | None = None) -> Subject:
        """The network of that name on these data.

        Raises:
            InputError: where what is said of data cannot be read, or is said of none.
            LoadError: where network, weights or data cannot be opened.
        """
        read = {"text": self.text, "tokenizer": self.tokenizer, "sound": self.sound}
        alone = next((name for name, said in read.items() if said), None)
        if self.data is None and alone is not None:
            raise InputError(f"{alone}= says how data are read: give data= too.")
        column, _, _ = (self.answer or "").partition("=")
        return open_subject(
            model,
            data=self.data,
            answer=column or None,
            classes=self.order,
            text=self.text,
            tokenizer=self.tokenizer,
            heard=_heard(self.sound),
            weights=weights,
        )


def _heard(settings: tuple[str, ...]) -> Heard | None:
    """``("rate=8000",)`` as what it says of sounds."""
    known = [field.name for field in dataclasses.fields(Heard)]
    said = dict[str, str | float]()
    for setting in settings:
        name, sign, value = setting.partition("=")
        key = name.strip().replace("-", "_")
        if not sign or not value.strip():
            raise InputError(f"sound= takes NAME=VALUE, such as rate=16000; got {setting!r}.")
        if key not in known:
            raise InputError(f"sound= knows no {name!r}. {near_misses(key, known)}")
        said[key] = _number(key, value) if key in NUMBERS else value.strip()
    if "rate" in said:
        said["rate"] = round(float(said["rate"]))
    return Heard(**said) if said else None  # pyright: ignore[reportArgumentType] (the reader refuses others)


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"{name}= takes a number, got {value!r}.") from None
