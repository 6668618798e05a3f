"""What kind of column cells make: a number, a category, or nothing to learn from."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pellucid.data._raw import Cell, text_of
from pellucid.errors import InputError

Kind = Literal["number", "category", "ignore"]
KINDS: tuple[Kind, ...] = ("number", "category", "ignore")

FEW = 10  # text with at most this many different values is a category, however short the table
MANY = 500  # more levels than this make a slot per row rather than a category
SURE = 20  # rows from which a run of numbers looks like a key and not like chance
CODE = re.compile(r"0\d+")
KEY = re.compile(r"(^|[\s_.-])(id|index|idx|key|uuid|row)$|^column \d+$|^unnamed", re.IGNORECASE)
CAMEL = re.compile(r"[a-z](ID|Id)$")
DATE = re.compile(r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3(\d{4}|\d\d))([ T]\d{1,2}:\d\d.*)?")
COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True, slots=True)
class Read:
    """A column as it was understood; ``reason`` says why where that is no matter of course."""

    kind: Kind
    numbers: tuple[float | None, ...] = ()
    texts: tuple[str | None, ...] = ()
    reason: str = ""


def read_column(name: str, cells: Sequence[Cell], asked: Kind | None, *, comma: bool = False) -> Read:
    """The kind that was asked for, or the one that the cells suggest."""
    known = [cell for cell in cells if cell is not None]
    if asked == "ignore":
        return Read("ignore", reason="as asked")
    if not known:
        return Read("ignore", reason="it holds no value")
    texts = tuple(None if cell is None else text_of(cell) for cell in cells)
    if asked is None and len({*texts}) == 1:
        return Read("ignore", reason=f"it holds {texts[0]!r} in every row")
    if asked == "category":
        return Read("category", texts=texts)
    numbers = tuple(None if cell is None else number_of(cell, comma) for cell in cells)
    strange = [k for k, (cell, value) in enumerate(zip(cells, numbers, strict=True))
               if cell is not None and value is None]  # fmt: skip
    if strange and (asked == "number" or len(strange) <= len(known) / 2):
        raise _text_among_numbers(name, texts, strange, len(known))
    if not strange:
        return _numeric(name, numbers, texts, asked)
    return _textual(texts)


def number_of(cell: str | float, comma: bool = False) -> float | None:
    """A finite number, or ``None``; ``"1,5"`` counts where commas may be decimal points."""
    if isinstance(cell, str):
        if "_" in cell:  # Python's own digit groups, no table means them
            return None
        cell = cell.replace(",", ".") if comma and COMMA.fullmatch(cell) else cell
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _numeric(
    name: str, numbers: tuple[float | None, ...], texts: tuple[str | None, ...], asked: Kind | None
) -> Read:
    if asked is None and any(text is not None and CODE.fullmatch(text) for text in texts):
        code = next(text for text in texts if text is not None and CODE.fullmatch(text))
        read = _textual(texts)
        return Read(
            read.kind, texts=read.texts, reason=read.reason or f"codes such as {code!r} are no amounts"
        )
    if asked is None and _is_key(name, numbers):
        return Read("ignore", reason="it looks like a row number or key")
    return Read("number", numbers=numbers)


def _textual(texts: tuple[str | None, ...]) -> Read:
    known = [text for text in texts if text is not None]
    if all(DATE.fullmatch(text) for text in known):
        when = f"dates such as {known[0]!r} are no amounts and hardly ever come again"
        return Read("ignore", reason=f"{when}; a number made from it (age, days before) can be learned from")
    different = len(set(known))
    every = different == len(known) >= FEW / 2
    if every or different > max(FEW, len(known) / 2) or different > MANY:
        seen = f"{different} different texts in {len(known)} rows"
        return Read("ignore", reason=f"{seen} look like names or free text")
    return Read("category", texts=texts)


def quoted(text: str | None) -> str:
    """A word as a command line takes it."""
    return shlex.quote(text or "")


def _is_key(name: str, numbers: tuple[float | None, ...]) -> bool:
    known = [value for value in numbers if value is not None]
    if len(known) < len(numbers) or len(set(known)) < len(known) or any(v != int(v) for v in known):
        return False
    named = bool(KEY.search(name) or CAMEL.search(name))
    run = max(known) - min(known) == len(known) - 1
    return named or (run and len(known) >= SURE)


def _text_among_numbers(name: str, texts: Sequence[str | None], strange: list[int], known: int) -> InputError:
    shown = ", ".join(f"{texts[k]!r} (row {k + 1})" for k in strange[:4])
    more = f" and {len(strange) - 4} more" if len(strange) > 4 else ""
    return InputError(
        f"{name}: {len(strange)} of {known} values are no numbers: {shown}{more}. Correct them, say that "
        f"they are missing (--missing {quoted(texts[strange[0]])}, in Python missing=), or read the column "
        f"as text (--type {quoted(f'{name}=category')}, in Python types=)."
    )
