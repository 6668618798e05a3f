"""Where results go: looked at while options are read, so that nobody waits for what cannot be written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pellucid.errors import StoreError

PAGE, FIGURE = (".html", ".htm"), (".png", ".svg", ".pdf", ".html", ".json")
Check = Callable[[Path | None], Path | None]


def file_of(what: str, *endings: str, hint: str = "") -> Check:
    """A check of an option that names a file: its ending, and whether it can be put there.

    Example:
        >>> file_of("A page", ".html")(Path("page.txt"))
        Traceback (most recent call last):
        pellucid.errors.StoreError: A page is written as .html; got page.txt.
    """

    def checked(place: Path | None) -> Path | None:
        if place is None:
            return None
        if endings and place.suffix.lower() not in endings:
            raise StoreError(f"{what} is written as {', '.join(endings)}; got {place.name}.{hint}")
        if place.is_dir():
            raise StoreError(
                f"{place} is a folder; name a file in it, such as {place / 'found'}{place.suffix}."
            )
        room_for(place)
        return place

    return checked


def folder_of(place: Path | None) -> Path | None:
    """A check of an option that names a folder, which is made where it does not exist."""
    if place is None:
        return None
    if place.is_file():
        raise StoreError(f"{place} is a file; name a folder.")
    room_for(place)
    return place


def room_for(place: Path) -> None:
    """Whether a file or folder can be made there, or written into where it is."""
    there = place if place.is_dir() else next(each for each in place.parents if os.path.lexists(each))
    if not there.is_dir():
        raise StoreError(f"Cannot write {place}: {there} is no folder. Choose another place.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise StoreError(f"Cannot write {place}: no permission to write into {there}. Choose another place.")


page_file = file_of("A page", *PAGE)
page_of_figures = file_of("A page", *PAGE, hint=" --svg FOLDER writes its figures.")
figure_file = file_of("A figure", *FIGURE)
drawn_file = file_of("A page or figure", *dict.fromkeys(PAGE + FIGURE))
any_file = file_of("A file")
