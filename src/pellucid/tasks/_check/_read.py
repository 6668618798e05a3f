"""Expectations from a TOML file, with a sentence for every mistake."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args, get_origin, get_type_hints

from pellucid.errors import InputError, LoadError, PellucidError, near_misses
from pellucid.tasks._check._expectation import Expectation
from pellucid.tasks._check._kinds import KINDS
from pellucid.tasks._check._part import Part

Undecided = Literal["told", "fail"]
DATA = ("data", "answer", "text", "tokenizer", "sound")
SETTINGS = ("model", *DATA, "weights", "baseline", "rows", "seed", "undecided", "expect")
TYPES = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Part: "a name, or a table such as {region = [0, 0, 4, 4]}",
}


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a file of expectations says.

    Args:
        expectations: in their order.
        rows: most held-out rows that are explained.
        seed: the only source of chance.
        undecided: whether an interval across a bound is only told, or counts as broken.
        model, weights: what is checked where the command line names nothing, as :func:`pellucid.open` takes
            it; paths start at the file.
        data, answer, text, tokenizer, sound: what it is checked on, as the command line takes it.
        baseline: file of the approved run.
        path: the file; empty where it was none.

    Raises:
        InputError: where nothing is expected, two have one name, or ``no-worse`` names none of them.
    """

    expectations: tuple[Expectation, ...]
    rows: int = 256
    seed: int = 0
    undecided: Undecided = "told"
    model: str = ""
    data: str = ""
    answer: str = ""
    text: str = ""
    tokenizer: str = ""
    sound: tuple[str, ...] = ()
    weights: str = ""
    baseline: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        """Refuse what no check can be made of."""
        if not self.expectations:
            raise InputError(
                f"{self.path} expects nothing. Add a table [[expect]]."
                if self.path
                else "No expectation is given. Give at least one, such as pellucid.expect.Accuracy(0.9)."
            )
        if self.rows < 2:
            raise InputError(f"rows is 2 or more, got {self.rows}.")
        titles = [each.title for each in self.expectations]
        twice = next((title for title in titles if titles.count(title) > 1), None)
        if twice is not None:
            raise InputError(f"Two expectations are called {twice!r}. Give each its own name.")
        for each in self.expectations:
            for title in getattr(each, "of", ()) if each.kind == "no-worse" else ():
                if title not in titles:
                    raise InputError(
                        f"no-worse: no expectation is called {title!r}. {near_misses(title, titles)}"
                    )


def read_expectations(path: str | Path) -> Expectations:
    """Read a file of expectations.

    Args:
        path: a TOML file with tables ``[[expect]]``; see ``docs/check.md``.

    Returns:
        What it says.

    Raises:
        LoadError: where there is no such file, or it is no TOML.
        InputError: for unknown keys and kinds, values of a wrong type, missing ones; with near misses.

    Example:
        >>> read_expectations("no/such.toml")
        Traceback (most recent call last):
        pellucid.errors.LoadError: ...
    """
    place = Path(path)
    try:
        whole = tomllib.loads(place.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        beside = [each.name for each in place.parent.glob("*.toml")] if place.parent.is_dir() else []
        hint = near_misses(place.name, beside) if beside else "No .toml file lies beside it."
        raise LoadError(f"There is no file {place}. {hint}") from None
    except OSError as error:
        raise LoadError(f"Cannot read {place}: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LoadError(f"{place} is no TOML: {error}.") from error
    try:
        return expectations_of(whole, path=str(place))
    except PellucidError as error:
        raise InputError(f"{place}: {error}") from error


def expectations_of(whole: Mapping[str, object], *, path: str = "") -> Expectations:
    """Expectations from the tables of a file.

    Example:
        >>> found = expectations_of({"rows": 64, "expect": [{"kind": "accuracy", "at_least": 0.7}]})
        >>> found.expectations[0].title
        'accuracy is at least 70\\xa0%'
    """
    _refuse_unknown(whole, SETTINGS, "setting")
    tables = whole.get("expect", [])
    if not isinstance(tables, list) or not all(
        isinstance(each, dict) for each in cast("list[object]", tables)
    ):
        raise InputError("expect is written as tables: [[expect]].")
    found = [_expectation(table, k) for k, table in enumerate(cast("list[dict[str, object]]", tables), 1)]
    hints = get_type_hints(Expectations)
    given = {
        key: converted(value, hints[key], key)
        for key, value in whole.items()
        if key not in ("expect", "path")
    }
    return dataclasses.replace(Expectations(tuple(found), path=path), **given)  # pyright: ignore[reportArgumentType]


def _expectation(table: Mapping[str, object], place: int) -> Expectation:
    kind = table.get("kind")
    where = f"expectation {place}" + (f" ({table['name']})" if isinstance(table.get("name"), str) else "")
    if not isinstance(kind, str):
        raise InputError(f"{where}: kind is a text, one of {', '.join(KINDS)}.")
    if kind not in KINDS:
        raise InputError(f"{where}: there is no kind {kind!r}. {near_misses(kind, KINDS)}")
    made, where = KINDS[kind], f"{where}, {kind}"
    fields = {each.name: each for each in dataclasses.fields(made)}
    _refuse_unknown({key: v for key, v in table.items() if key != "kind"}, list(fields), "key", where)
    needed = [
        name
        for name, each in fields.items()
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    ]
    absent = [name for name in needed if name not in table]
    if absent:
        raise InputError(f"{where}: {' and '.join(absent)} is missing.")
    hints = get_type_hints(made)
    try:
        given = {key: converted(value, hints[key], key) for key, value in table.items() if key != "kind"}
        return made(**given)  # pyright: ignore[reportArgumentType, reportCallIssue]
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _refuse_unknown(given: Mapping[str, object], known: Sequence[str], what: str, where: str = "") -> None:
    for key in given:
        if key not in known:
            raise InputError(
                f"{where + ': ' if where else ''}there is no {what} {key!r}. {near_misses(key, known)}"
            )


def converted(value: object, hint: object, key: str) -> object:
    """A TOML value as a field takes it; raises :class:`InputError` where its type is another.

    Example:
        >>> converted(1, float, "at_least"), converted(["a"], tuple[str, ...], "methods")
        (1.0, ('a',))
    """
    args = [each for each in get_args(hint) if each is not type(None)]
    if get_origin(hint) is Literal:
        if value not in args:
            wanted = [str(each) for each in args if each]
            hint_text = near_misses(str(value), wanted)
            raise InputError(f"{key} is one of {', '.join(wanted)}; got {value!r}. {hint_text}")
        return value
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise InputError(f"{key} is a list, such as [{_example(args[0])}]; got {value!r}.")
        return tuple(converted(each, args[0], key) for each in cast("list[object]", value))
    if Part in args and isinstance(value, dict):
        return _part(cast("dict[str, object]", value), key)
    if Part in args:
        hint = str
    kind = args[0] if args and Part not in args else hint
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, cast("type", kind)) or (isinstance(value, bool) and kind is not bool):
        wanted = TYPES[Part] if Part in args else TYPES[cast("type", kind)]
        raise InputError(f"{key} is {wanted}, got {value!r}.")
    if isinstance(value, float) and value != value:
        raise InputError(f"{key} is a number, got nan.")
    return value


def _part(value: Mapping[str, object], key: str) -> Part:
    _refuse_unknown(value, [each.name for each in dataclasses.fields(Part)], "part", key)
    hints = get_type_hints(Part)
    return Part(**{name: converted(each, hints[name], f"{key}.{name}") for name, each in value.items()})  # pyright: ignore[reportArgumentType]


def _example(kind: object) -> str:
    return '"a", "b"' if kind is str else "1, 2"
