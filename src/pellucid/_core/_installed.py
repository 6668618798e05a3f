"""Files inside other packages, found without importing those packages."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from pellucid.errors import LoadError


def installed_file(package: str, path: str, what: str, install: str) -> Path:
    """A file inside an installed package.

    Args:
        package: its name as it would be imported.
        path: of the file, inside the package's folder.
        what: what comes with it, in words that begin a sentence.
        install: the command that installs it.

    Raises:
        LoadError: where the package or the file is absent, with the command.

    Example:
        >>> installed_file("torch", "version.py", "The version", "pip install torch").name
        'version.py'
    """
    spec = importlib.util.find_spec(package)
    places: Sequence[str] = (spec.submodule_search_locations or ()) if spec else ()
    if not places:
        raise LoadError(f"{what} comes with the package {package}, which is not installed: {install}.")
    file = Path(places[0]) / path
    if not file.is_file():
        raise LoadError(f"{what}: this version of {package} has no {path}. Try a newer one: {install}.")
    return file
