"""Ctrl-C waits while a network is not as it came."""

from __future__ import annotations

import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signal import SIGINT, default_int_handler, getsignal, signal
else:
    # the module above looks numbers up in enumerations: 23 microseconds for each pass instead of 1.4
    from _signal import SIGINT, default_int_handler, getsignal, signal


class Held:
    """Inside, one Ctrl-C waits until the end or until :func:`let_through`; a second one comes at once.

    In the middle of a pass it could come while flags are put back or hooks taken off, and what is left of
    that would stay undone. Handlers that somebody else has put on, and other threads, are let alone.
    """

    __slots__ = ("_came", "_on")

    def __init__(self) -> None:
        self._came = self._on = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take note of a signal."""
        if self._came:
            default_int_handler(number, frame)
        self._came = True

    def __enter__(self) -> None:
        # of those inside one another the outermost holds
        default = getsignal(SIGINT) is default_int_handler
        if default and threading.current_thread() is threading.main_thread():
            signal(SIGINT, self)
            self._on = True

    def __exit__(self, *error: object) -> None:
        if self._on:
            self._on = False
            signal(SIGINT, default_int_handler)
            self.give()

    def give(self) -> None:
        """Raise what came."""
        if self._came:
            self._came = False
            raise KeyboardInterrupt


def let_through() -> None:
    """Raise here the Ctrl-C that waits, if one does: between two steps of a long stay inside."""
    holding = getsignal(SIGINT)
    if isinstance(holding, Held):
        holding.give()
