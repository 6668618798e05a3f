"""What was typed wrongly, answered in the words of all other refusals."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, cast

import typer
from typer.core import TyperGroup

from pellucid.errors import CancelledError, InputError, near_misses

if TYPE_CHECKING:
    from typer._click.core import Context

# typer exports its leaves only, and some of its versions bring a click of their own
UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])
COMMAND = re.compile(r"No such command '(.*?)'")
EXTRA = re.compile(r"extra argument.*? \((.*)\)")
CHOICE = re.compile(r"'(.*)' is not one of (.+)")
NUMBERS = {"integer": "a whole number", "number": "a number", "float": "a number"}


class _Parameter(Protocol):
    opts: Sequence[str]
    help: str | None


class Commands(TyperGroup):
    """A group of commands whose refusals are pellucid's own, with what may have been meant."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Options before the command."""
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            raise _told(error) from None

    def invoke(self, ctx: Context) -> object:
        """The command with its options."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            raise _told(error) from None
        except KeyboardInterrupt:
            # versions of typer end here without a word, or with another exit code
            raise CancelledError("interrupted; what was finished before is kept.") from None


def _told(error: Exception) -> Exception:
    """The same in our words; help that was asked for by typing nothing stays what it is."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return error
    message = str(getattr(error, "message", error)).rstrip(".")
    context = cast("Context | None", getattr(error, "ctx", None))
    if context is None:
        return InputError(f"{message}.")
    return InputError(f"{_said(error, message, context)} Try: {context.command_path} --help")


def _said(error: Exception, message: str, context: Context) -> str:
    command, path = context.command, context.command_path
    option = getattr(error, "option_name", "")
    parameter = cast("_Parameter | None", getattr(error, "param", None))
    if option:
        known = [name for each in command.params for name in each.opts if name.startswith("--")]
        # without its dashes, which would make all options alike
        return f"{path} has no option {option}. {near_misses(option.lstrip('-'), known)}"
    if found := COMMAND.search(message):
        return f"There is no command {found[1]!r}. {near_misses(found[1], getattr(command, 'commands', ()))}"
    if found := EXTRA.search(message):
        return f"{path} has no place for {found[1]!r}."
    if parameter is None:
        return f"{message}."
    name = _name(parameter)
    if type(error).__name__ == "MissingParameter":
        return f"{name} is missing: {(parameter.help or 'it has to be given').rstrip('.')}."
    if found := CHOICE.search(message):
        choices = re.findall(r"'(.*?)'", found[2])
        return f"{name} has no choice {found[1]!r}. {near_misses(found[1], choices)}"
    wanted = next((words for kind, words in NUMBERS.items() if kind in message), None)
    if wanted is not None:
        return f"{name} takes {wanted}, got {_typed(parameter.opts, sys.argv)!r}."
    return f"{name}: {message}."


def _name(parameter: _Parameter) -> str:
    longest = max(parameter.opts, key=len)
    return longest if longest.startswith("-") else getattr(parameter, "metavar", None) or longest.upper()


def _typed(options: Iterable[str], arguments: Sequence[str]) -> str:
    """What stands behind an option."""
    for part, behind in zip(arguments, [*arguments[1:], ""], strict=True):
        name, sign, value = part.partition("=")
        if name in options:
            return value if sign else behind
    return ""
