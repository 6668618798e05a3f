"""What may change in a row, and how: one schema for every search."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast, final

from pellucid.errors import InputError, LoadError, near_misses
from pellucid.inputs import TabularSpec

Direction = Literal[0, 1, -1]
FIELDS = ("immutable", "actionable", "most", "column", "link", "reason")
OF_COLUMN = ("immutable", "direction", "low", "high", "step", "levels")
OF_LINK = ("if", "then", "direction", "least")


@final
@dataclass(frozen=True, slots=True)
class Limit:
    """What one column may become.

    Args:
        column: its name.
        immutable: it stays as it is.
        direction: 1 where it may only rise, -1 where it may only fall; for a category along the order of
            ``levels``.
        low, high: least and greatest new value; left out, those of the training rows. What a row already has
            may lie outside and stay.
        step: a change is a multiple of it.
        levels: levels that can be reached, in their order; empty for all of the column's.

    Raises:
        InputError: where the fields contradict each other.

    Example:
        >>> Limit("age", direction=1, high=99).high
        99
    """

    column: str
    immutable: bool = False
    direction: Direction = 0
    low: float | None = None
    high: float | None = None
    step: float | None = None
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        object.__setattr__(self, "levels", tuple(self.levels))
        if self.direction not in (-1, 0, 1):
            raise InputError(f"{self.column}: direction must be 1, -1 or 0, got {self.direction!r}.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InputError(
                f"{self.column}: low {self.low:g} lies above high {self.high:g}; no value is between."
            )
        if self.step is not None and not (math.isfinite(self.step) and self.step > 0):
            raise InputError(f"{self.column}: step must be above 0, got {self.step}.")
        free = self.direction, self.low, self.high, self.step, self.levels
        if self.immutable and free != (0, None, None, None, ()):
            raise InputError(
                f"{self.column}: it is immutable and also told how it may change. Leave one of both away."
            )


@final
@dataclass(frozen=True, slots=True)
class Link:
    """If one column changes, another must change with it.

    Args:
        when: the column whose change asks for another.
        then: the column that must change as well.
        direction: 1 where ``then`` must rise, -1 where it must fall, 0 for either.
        least: by how much at least, in its unit.

    Raises:
        InputError: where both columns are one, ``direction`` is not 1, -1 or 0, or ``least`` is below 0.

    Example:
        >>> Link("education", "age", direction=1, least=2).then
        'age'
    """

    when: str
    then: str
    direction: Direction = 0
    least: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.when == self.then:
            raise InputError(f"A link needs two columns, got {self.when!r} twice.")
        if self.direction not in (-1, 0, 1):
            raise InputError(f"Link {self}: direction must be 1, -1 or 0, got {self.direction!r}.")
        if not (math.isfinite(self.least) and self.least >= 0):
            raise InputError(f"Link {self}: least must be 0 or above, got {self.least}.")

    def __str__(self) -> str:
        how = {0: "change", 1: "rise", -1: "fall"}[self.direction]
        by = f" by at least {self.least:g}" if self.least else ""
        return f"if {self.when} changes, {self.then} must {how}{by}"


@final
@dataclass(frozen=True, slots=True)
class Constraints:
    """What may change in a row and what may not: one schema for all searches.

    Args:
        limits: what each column may become; columns that are not named are free. What the data already call
            immutable (:attr:`pellucid.inputs.Column.immutable`) stays so.
        links: columns that change together.
        actionable: the only columns that may change; ``None`` for all.
        most: most columns that may change at once.

    Raises:
        InputError: where they contradict each other.

    Example:
        >>> only = Constraints((Limit("sex", immutable=True), Limit("age", direction=1)), most=2)
        >>> only.limit("age").direction
        1
    """

    limits: tuple[Limit, ...] = ()
    links: tuple[Link, ...] = ()
    actionable: tuple[str, ...] | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        object.__setattr__(self, "limits", tuple(self.limits))
        object.__setattr__(self, "links", tuple(self.links))
        names = [limit.column for limit in self.limits]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"Each column has one limit, got {', '.join(twice)} twice.")
        if self.most is not None and self.most < 1:
            raise InputError(f"most must be at least 1, got {self.most}.")

    def also(
        self,
        *,
        immutable: Sequence[str] = (),
        actionable: Sequence[str] | None = None,
        up: Sequence[str] = (),
        down: Sequence[str] = (),
        most: int | None = None,
    ) -> Constraints:
        """The same with more asked for.

        Raises:
            InputError: where that contradicts what was asked before.

        Example:
            >>> Constraints().also(immutable=["sex"], up=["age"]).words()
            ('sex cannot change', 'age can only rise')
        """
        limits = {limit.column: limit for limit in self.limits}
        for names, direction in ((up, 1), (down, -1)):
            for name in names:
                limit = limits.get(name, Limit(name))
                if limit.immutable or limit.direction == -direction or name in immutable:
                    raise InputError(f"{name}: it is told to move and to stay, or both ways. Leave one away.")
                limits[name] = replace(limit, direction=direction)
        for name in immutable:
            if limits.get(name, Limit(name, immutable=True)) != Limit(name, immutable=True):
                raise InputError(f"{name}: it is immutable and also told how it may change. Leave one away.")
            limits[name] = Limit(name, immutable=True)
        only = self.actionable if actionable is None else tuple(actionable)
        return replace(
            self,
            limits=tuple(limits.values()),
            actionable=only,
            most=self.most if most is None else most,
        )

    def limit(self, name: str) -> Limit:
        """What a column may become."""
        return next((limit for limit in self.limits if limit.column == name), Limit(name))

    def of(self, spec: TabularSpec) -> Constraints:
        """The same for all columns of a table, with what the table itself calls immutable.

        Raises:
            InputError: for columns or levels that are not there, numbers asked of categories and the other
                way round, nothing left to change, or links that nothing can fulfil.
        """
        known = [column.name for column in spec.columns]
        named = [limit.column for limit in self.limits] + [*(self.actionable or ())]
        named += [name for link in self.links for name in (link.when, link.then)]
        strange = next((name for name in named if name not in known), None)
        if strange is not None:
            raise InputError(f"No column is called {strange!r}. {near_misses(strange, known)}")
        limits = tuple(self._whole(spec, name) for name in known)
        whole = replace(self, limits=limits)
        _refuse(whole, spec)
        return whole

    def _whole(self, spec: TabularSpec, name: str) -> Limit:
        column, limit = spec.column(name), self.limit(name)
        if self.actionable is not None and limit.immutable and name in self.actionable:
            raise InputError(f"{name}: it is named both actionable and immutable. Leave one of both away.")
        if column.immutable and self.actionable is not None and name in self.actionable:
            raise InputError(f"{name}: the data call it immutable, so it cannot be actionable.")
        if column.immutable or (self.actionable is not None and name not in self.actionable):
            return Limit(name, immutable=True)
        strange = next((level for level in limit.levels if level not in column.levels), None)
        if strange is not None and column.levels:
            raise InputError(f"{name}: {strange!r} is no level. {near_misses(strange, column.levels)}")
        if limit.levels and not column.levels:
            raise InputError(f"{name}: it is a number and has no levels; give low and high.")
        if column.levels and (limit.low, limit.high, limit.step) != (None, None, None):
            raise InputError(f"{name}: it is a category; low, high and step are for numbers. Give levels.")
        return limit

    def words(self) -> tuple[str, ...]:
        """The constraints in short sentences."""
        said: list[str] = []
        fixed = [limit.column for limit in self.limits if limit.immutable]
        said += [f"{', '.join(fixed)} cannot change"] if fixed else []
        for limit in self.limits:
            said += _said(limit)
        said += [str(link) for link in self.links]
        return (*said, *([f"at most {self.most} columns change"] if self.most else []))


def _said(limit: Limit) -> list[str]:
    way = {1: "can only rise", -1: "can only fall"}.get(limit.direction)
    said = [f"{limit.column} {way}"] if way else []
    if limit.low is not None:
        said.append(f"{limit.column} at least {limit.low:g}")
    if limit.high is not None:
        said.append(f"{limit.column} at most {limit.high:g}")
    if limit.step is not None:
        said.append(f"{limit.column} in steps of {limit.step:g}")
    return said + ([f"{limit.column} one of {', '.join(limit.levels)}"] if limit.levels else [])


def _refuse(whole: Constraints, spec: TabularSpec) -> None:
    free = [limit.column for limit in whole.limits if not limit.immutable]
    if not free:
        raise InputError("Every column is immutable, so nothing can be advised. Leave some free.")
    for link in whole.links:
        if whole.limit(link.then).immutable and link.when in free:
            raise InputError(
                f"Constraints contradict each other: {link}, but {link.then} is immutable. Make {link.when} "
                "immutable as well, or leave the link away."
            )
        way = whole.limit(link.then).direction
        if way and link.direction and way != link.direction:
            raise InputError(
                f"Constraints contradict each other: {link}, but {_said(whole.limit(link.then))[0]}."
            )
        if link.least and spec.column(link.then).levels:
            raise InputError(f"{link}: {link.then} is a category; least is for numbers.")
        if whole.most is not None and whole.most < 2 and link.when in free:
            raise InputError(f"Constraints contradict each other: {link}, but at most one column may change.")


def constraints_from(path: str | Path) -> Constraints:
    """Read constraints from a TOML file.

    ::

        immutable = ["sex", "foreign_worker"]
        actionable = ["income", "savings"]      # the only ones that may change; left out, all
        most = 3                                # columns that may change at once

        [column.age]
        direction = "up"                        # or "down"
        high = 75                               # also low, step, levels

        [[link]]                                # if education changes, age must rise by 2 at least
        if = "education"
        then = "age"
        direction = "up"
        least = 2

    Raises:
        LoadError: where there is no such file, or it is no TOML.
        InputError: for keys that are not known, or where constraints contradict each other.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "rules.toml"
        >>> _ = file.write_text('immutable = ["sex"]')
        >>> constraints_from(file).limit("sex").immutable
        True
    """
    return read_constraints(read_toml(path), str(path))


def read_toml(path: str | Path) -> Mapping[str, object]:
    """The content of a TOML file.

    Raises:
        LoadError: where there is no such file, or it is no TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LoadError(f"{path} does not exist.") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LoadError(f"{path} is no TOML that can be read: {error}") from None


def read_constraints(content: Mapping[str, object], where: str) -> Constraints:
    """Constraints from what a TOML file holds."""
    _known(content, FIELDS, where)
    of_columns = _table(content.get("column", {}), f"{where}: column")
    limits = [_limit(name, _table(given, f"{where}: {name}")) for name, given in of_columns.items()]
    named = {limit.column for limit in limits}
    fixed = _texts(content.get("immutable", ()), f"{where}: immutable")
    both = sorted(named & set(fixed))
    if both:
        raise InputError(
            f"{both[0]}: it is immutable and also told how it may change. Leave one of both away."
        )
    limits += [Limit(name, immutable=True) for name in fixed]
    links = [
        _link(_table(given, f"{where}: link")) for given in cast("Sequence[object]", content.get("link", ()))
    ]
    actionable = _texts(content["actionable"], f"{where}: actionable") if "actionable" in content else None
    most = content.get("most")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int)):
        raise InputError(f"{where}: most takes a whole number, got {most!r}.")
    return Constraints(tuple(limits), tuple(links), actionable, most)


def _limit(name: str, given: Mapping[str, object]) -> Limit:
    _known(given, OF_COLUMN, name)
    low, high, step = (_number(given.get(key), f"{name}: {key}") for key in ("low", "high", "step"))
    levels = _texts(given.get("levels", ()), f"{name}: levels")
    way = _direction(given.get("direction", 0), name)
    return Limit(name, bool(given.get("immutable", False)), way, low, high, step, levels)


def _link(given: Mapping[str, object]) -> Link:
    _known(given, OF_LINK, "link")
    if "if" not in given or "then" not in given:
        raise InputError(f"A link needs if and then, got {', '.join(given) or 'nothing'}.")
    least = _number(given.get("least", 0.0), "link: least") or 0.0
    return Link(str(given["if"]), str(given["then"]), _direction(given.get("direction", 0), "link"), least)


def _direction(given: object, where: str) -> Direction:
    if given in ("up", 1):
        return 1
    if given in ("down", -1):
        return -1
    if given == 0:
        return 0
    raise InputError(f"{where}: direction is 'up' or 'down', got {given!r}.")


def _number(given: object, where: str) -> float | None:
    if given is None or (isinstance(given, int | float) and not isinstance(given, bool)):
        return given
    raise InputError(f"{where} takes a number, got {given!r}.")


def _texts(given: object, where: str) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InputError(f"{where} takes a list of texts, got {given!r}.")
    return tuple(str(part) for part in cast("Sequence[object]", given))


def _table(given: object, where: str) -> Mapping[str, object]:
    if not isinstance(given, Mapping):
        raise InputError(f"{where} takes a table of keys, got {given!r}.")
    return cast("Mapping[str, object]", given)


def _known(given: Mapping[str, object], keys: Sequence[str], where: str) -> None:
    strange = next((key for key in given if key not in keys), None)
    if strange is not None:
        raise InputError(f"{where}: {strange!r} is not known. {near_misses(strange, keys)}")
