"""What another library draws on the terminal while it loads: nothing, since narration there is ours."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast


@contextmanager
def quietly(library: object) -> Generator[None]:
    """No progress bars and no reports of ``transformers`` inside; its settings are put back afterwards.

    What goes wrong is an exception, or is looked for by who loads.
    """
    logging = cast("Any", library).utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    try:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
