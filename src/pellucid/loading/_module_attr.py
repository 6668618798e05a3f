"""From ``package.module:attr`` or ``file.py:attr`` to a network."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, TracebackType
from typing import cast

from torch import Tensor, nn

from pellucid.errors import LoadError, near_misses
from pellucid.loading._source import import_dotted, import_file
from pellucid.loading._weights import load_weights


def module_attr(name: str, *, app_dir: str | Path = ".", weights: str | Path | None = None) -> nn.Module:
    """The network that a name in somebody's code stands for.

    The code is imported, so it runs; ``app_dir`` is on the import path while it does, and no longer.

    Args:
        name: ``"package.module:attr"`` or ``"path/to/file.py:attr"``; ``attr`` is an ``nn.Module``, or a
            function (or class) that makes one and needs no arguments. Dots in ``attr`` reach into objects.
        app_dir: folder from which modules and relative paths are looked up.
        weights: file of weights to put on it, as :func:`load_weights` reads it.

    Returns:
        The network: the very object for an attribute, a new one for a function.

    Raises:
        LoadError: if there is no such file, module or attribute (near misses are listed), if it is no
            network, or if the user's code raises: then its own error is told in one sentence.

    Limits:
        A file given by path is read anew each time; a dotted module that was imported before is not.

    Example:
        >>> type(module_attr("torch.nn:Identity")).__name__
        'Identity'
    """
    found = object_named(name, "network", app_dir=app_dir)
    with _importable(Path(app_dir).resolve()), _told(name.rpartition(":")[0], f"Calling {name}"):
        network = _network(found, name)
    return network if weights is None else load_weights(network, weights)


def object_named(name: str, what: str, *, app_dir: str | Path = ".") -> object:
    """What a name in somebody's code stands for, as :func:`module_attr`; ``what`` it should be, in a word."""
    place, attr = _parted(name, what)
    folder = Path(app_dir).resolve()
    with _importable(folder), _told(place, f"Importing {place}"):
        code = import_file(place, folder) if _is_file(place) else import_dotted(place, folder)
    return _attribute(code, place, attr, what)


def called(found: Callable[..., object], name: str, *, app_dir: str | Path = ".") -> object:
    """What a function of no arguments in somebody's code returns."""
    with _importable(Path(app_dir).resolve()), _told(name.rpartition(":")[0], f"Calling {name}"):
        return found()


def _is_file(place: str) -> bool:
    return place.endswith(".py") or "/" in place or "\\" in place


def _parted(name: str, what: str) -> tuple[str, str]:
    place, colon, attr = name.rpartition(":")
    whole = not colon or attr.startswith(("\\", "/"))  # the colon of "C:\net.py" parts nothing
    if whole or not place or not attr:
        given = name.strip(":") or "module"
        raise LoadError(
            f"Expected 'package.module:attr' or 'file.py:attr', got {name!r}. "
            f"Name the {what} after a colon: {given}:{'model' if what == 'network' else what}."
        )
    return place, attr


@contextmanager
def _importable(folder: Path) -> Generator[None]:
    """``folder`` first on the import path inside; the path as it was afterwards."""
    before = list(sys.path)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


@contextmanager
def _told(place: str, doing: str) -> Generator[None]:
    """The user's own error in one sentence, with the line of their code where it arose."""
    try:
        yield
    except LoadError:
        raise
    except SystemExit as error:
        raise LoadError(
            f"{doing} ended the program (exit code {error.code}). Guard what runs as a script with "
            "if __name__ == '__main__'."
        ) from error
    except Exception as error:
        message = (str(error).strip().splitlines() or ["no message"])[0][:300].rstrip(".")
        where = "" if isinstance(error, SyntaxError) else _line(error.__traceback__)
        raise LoadError(f"{doing} raised {type(error).__name__}{where}: {message}.") from error


def _line(trace: TracebackType | None) -> str:
    """Where their code stood: the last line that is neither ours nor an installed library's."""
    ours = (str(Path(__file__).parent), "<frozen")
    frames = [frame for frame in traceback.extract_tb(trace) if not frame.filename.startswith(ours)]
    own = [frame for frame in frames if not {"site-packages", "lib"} & set(Path(frame.filename).parts)]
    last = (own or frames)[-1:]
    return "".join(f" in {Path(frame.filename).name}, line {frame.lineno}" for frame in last)


def _attribute(code: ModuleType, place: str, attr: str, what: str) -> object:
    found: object = code
    for step in attr.split("."):
        try:
            found = getattr(found, step)
        except AttributeError:
            options = _candidates(code, what)
            raise LoadError(
                f"{place} has no {attr!r}. {near_misses(attr, options)}"
                if options
                else f"{place} has no {attr!r}, and no {what} or function of no arguments at all."
            ) from None
    return found


def _candidates(code: ModuleType, what: str) -> list[str]:
    """Names that could be meant: networks, and what the module itself defines and takes no arguments."""
    if what != "network":
        return [name for name in vars(code) if not name.startswith("_")]
    found: list[str] = []
    for name, value in vars(code).items():
        own = getattr(value, "__module__", None) == code.__name__ and not name.startswith("_")
        if isinstance(value, nn.Module) or (own and callable(value) and not needed(value)):
            found.append(name)
    return found


def needed(function: Callable[..., object]) -> list[str]:
    """Names of the arguments that a call cannot go without."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in optional]


def _network(found: object, name: str) -> nn.Module:
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise LoadError(f"{name} should be a network, it is {_kind(found)}.{_hint(found)}")
    arguments = needed(found)
    if arguments:
        raise LoadError(
            f"{name} needs {', '.join(arguments)}, and there is nobody to give them. Write a function of no "
            "arguments that returns the network, and name that."
        )
    made = found()
    if not isinstance(made, nn.Module):
        raise LoadError(f"{name}() should return a network, it returned {_kind(made)}.{_hint(made)}")
    return made


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _hint(value: object) -> str:
    if isinstance(value, Mapping):
        parts = cast("Mapping[object, object]", value).values()
        if any(isinstance(part, Tensor) for part in parts):
            return " These are weights: name the network that they belong to, and save them for weights=."
    if isinstance(value, tuple | list):
        parts = cast("tuple[object, ...]", value)
        if any(isinstance(part, nn.Module) for part in parts):
            return " Return the network alone."
    return ""
