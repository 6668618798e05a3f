"""Refusals in the words of the command line: what Python calls ``pattern=`` is typed ``--pattern``."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

# arguments of Python that the commands call otherwise
ELSEWHERE = {"types": "--type", "network": "--network"}
# of sounds, where one option takes them all
SOUND = ("front", "rate", "seconds", "scale", "pattern", "held_out")
VALUE = r"\{[^}]*\}|\([^)]*\)|'[^']*'|\"[^\"]*\"|[\w…+-]+(?:\.\d+)?"
GIVEN = re.compile(rf"(?<![\w'\"-])([a-z][a-z_]*)=(?![=>])({VALUE})?")
WORD = (
    re.compile(r"^([a-z_]+)(?=: | is for | names '| must be | has to be )"),  # "held_out: no sound has …"
    re.compile(r"(?<=\()([a-z_]+)(?=\))"),  # "say which column is to be learned (target)"
    re.compile(r"(?<=' for )([a-z_]+)(?=\. )"),  # "has no column 'x' for target. …"
)
VERB = re.compile(r"\bpellucid\.([a-z]+)\b(?!\()")


class Command(Protocol):
    """What is asked of a command."""

    @property
    def params(self) -> Sequence[object]: ...


Running = tuple[Callable[[], Command], Sequence[str]]  # all commands, and what was typed
_RUNNING: ContextVar[Running | None] = ContextVar("running", default=None)


@contextmanager
def running(commands: Callable[[], Command], arguments: Sequence[str]) -> Generator[None]:
    """Inside, notes speak in the words of the command that was typed."""
    before = _RUNNING.set((commands, arguments))
    try:
        yield
    finally:
        _RUNNING.reset(before)


def as_typed(text: str, command: Command, arguments: Sequence[str]) -> str:
    """A refusal, with the options of the running command in the place of Python's arguments.

    Example:
        >>> import typer
        >>> from pellucid.cli._app import app
        >>> train = typer.main.get_command(app)
        >>> as_typed('say how: pattern="{label}_{take}".', train, ["train", "sounds.zip"])
        'say how: --pattern "{label}_{take}".'
    """
    text, options = _said(text, command, arguments), _options(command, arguments)
    # where --answer names the column of a table, --target is a class
    column = {**options, "target": options["answer"]} if "answer" in options else options
    for word in WORD:
        text = word.sub(lambda found: column.get(found[1], found[0]), text)
    return text


def noted(text: str) -> str:
    """A note that is shown while a command runs, in that command's words; elsewhere as it is."""
    known = _RUNNING.get()
    if known is None or not (GIVEN.search(text) or VERB.search(text)):
        return text
    commands, arguments = known
    return _said(text, commands(), arguments)


def _said(text: str, command: Command, arguments: Sequence[str]) -> str:
    """Arguments and verbs of Python as options and commands."""
    options = _options(command, arguments)
    text = GIVEN.sub(lambda found: _option(found, options), text)
    verbs: Mapping[str, object] = getattr(command, "commands", {})
    return VERB.sub(lambda found: f"pellucid {found[1]}" if found[1] in verbs else found[0], text)


def _options(command: Command, arguments: Sequence[str]) -> dict[str, str]:
    for part in arguments:
        command = getattr(command, "commands", {}).get(part, command)
    return ELSEWHERE | _spelled(command, arguments)


def _spelled(command: Command, arguments: Sequence[str]) -> dict[str, str]:
    falls = any(part.startswith("--falls") for part in arguments)
    spelled: dict[str, str] = {"monotone": "--falls" if falls else "--rises"}
    if any(getattr(each, "name", "") == "sound" for each in command.params):
        spelled |= {name: f"--sound {name}" for name in SOUND}
    for each in command.params:
        name, opts = getattr(each, "name", ""), getattr(each, "opts", [])
        if name and any(opt.startswith("--") for opt in opts):
            spelled[name] = next(opt for opt in opts if opt.startswith("--"))
        if "--ways" in opts:  # k is all that Python calls it
            spelled["k"] = "--ways"
    return spelled


def _option(found: re.Match[str], options: Mapping[str, str]) -> str:
    name, value = found[1], found[2] or ""
    before, after = found.string[: found.start()], found.string[found.end() :]
    written = re.search(r"--[\w-]+ $|Python $|\w\([^()]*$", before) or after.startswith(" in Python")
    if written:  # already for the command line, said to be Python's, or inside a call
        return found[0]
    if name not in options:
        alone = before.endswith("(") and after.startswith(")")
        return found[0] if value else f"{name}= in Python" if alone else f"{name}= (in Python)"
    many = value.startswith(("{", "("))  # columns were named one by one
    if " " in options[name]:
        return f"{options[name]}={value}"
    return options[name] if not value or many or name == "types" else f"{options[name]} {value}"
