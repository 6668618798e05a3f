"""Importing somebody's code: a file by its path, or a module by its dotted name."""

from __future__ import annotations

import hashlib
import importlib
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from itertools import islice
from pathlib import Path
from types import ModuleType

from pellucid.errors import LoadError, near_misses

LOOK_AT = 400  # files at most, when looking for what may have been meant


def import_file(place: str, folder: Path) -> ModuleType:
    """Run a file as a module of its own, fresh each time."""
    path = (folder / place).resolve()
    if not path.is_file():
        raise LoadError(f"{place} does not exist in {folder}. {_near_files(path)}")
    spec = spec_from_file_location(_free_name(path), path)
    if spec is None or spec.loader is None:
        raise LoadError(f"{place} is not a Python file; give file.py:attr.")
    code = module_from_spec(spec)
    beside, before = str(path.parent), sys.modules.get(spec.name)
    sys.path.insert(0, beside)  # the file may import its neighbours; the caller restores the path
    sys.modules[spec.name] = code  # dataclasses and typing look their own module up
    try:
        spec.loader.exec_module(code)
    except BaseException:
        del sys.modules[spec.name]
        if before is not None:
            sys.modules[spec.name] = before
        raise
    return code


def import_dotted(place: str, folder: Path) -> ModuleType:
    """Import a module by name, from ``folder`` where it has one of that name."""
    top = place.partition(".")[0]
    expected = PathFinder.find_spec(top, [str(folder)])
    try:
        code = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise  # their code imports something that is not installed
        raise LoadError(
            f"No module is called {place!r}, neither in {folder} nor installed. "
            f"{near_misses(place, _modules_below(folder))}"
        ) from None
    known = getattr(sys.modules[top], "__file__", None)
    if expected is not None and expected.origin is not None and known is not None:
        wanted = Path(expected.origin).resolve()
        if Path(known).resolve() != wanted:
            raise LoadError(
                f"{top!r} is already imported from {known}, so {wanted} was not read. Name the file instead: "
                f"{wanted}:attr."
            )
    return code


def _free_name(path: Path) -> str:
    """The file's own name, or one that is not taken by another module."""
    holder = sys.modules.get(path.stem)
    file = getattr(holder, "__file__", None)
    ours = holder is None or (file is not None and Path(file).resolve() == path)
    importable = path.stem.isidentifier() and path.stem not in sys.stdlib_module_names
    if ours and importable:
        return path.stem
    return f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _near_files(path: Path) -> str:
    here = path.parent
    while not here.is_dir():
        here = here.parent
    files = [str(f.relative_to(here)) for f in islice(sorted(here.glob("*.py")), LOOK_AT)]
    if not files:
        return f"There is no Python file in {here}."
    return near_misses(path.name, files)


def _modules_below(folder: Path) -> list[str]:
    """Dotted names of the modules in a folder and its packages, two levels deep."""
    found: list[str] = []
    for pattern in ("*.py", "*/*.py", "*/*/*.py"):
        for file in islice(folder.glob(pattern), LOOK_AT):
            steps = file.relative_to(folder).with_suffix("").parts
            steps = steps[:-1] if steps[-1] == "__init__" else steps
            if steps and all(step.isidentifier() for step in steps):
                found.append(".".join(steps))
    return sorted(set(found))
