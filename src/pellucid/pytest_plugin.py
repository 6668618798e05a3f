"""The pytest plugin: files ``*.pellucid.toml`` are collected, each expectation is one test.

Nothing of pellucid but this file is imported in a suite that holds no such file. Undecided expectations are
skipped with their numbers, unless the file says ``undecided = "fail"``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import TracebackStyle

    from pellucid.tasks._check import Examined, Expectations, Outcome

ENDING = ".pellucid.toml"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the files of expectations, leave all others."""
    if not file_path.name.endswith(ENDING):
        return None
    return ExpectationFile.from_parent(parent, path=file_path)


class BrokenExpectationError(Exception):
    """An expectation that is broken; its text is what the command line prints."""


class ExpectationFile(pytest.File):
    """A file of expectations; its network is opened when the first of them runs."""

    _asked: Expectations | None = None
    _seen: Examined | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """One item per expectation."""
        from pellucid.errors import PellucidError
        from pellucid.tasks._check import read_expectations

        try:
            asked = read_expectations(self.path)
        except PellucidError as error:
            raise self.CollectError(str(error)) from error
        if not asked.model:
            raise self.CollectError(f'{self.path} names no network. Add model = "RUN" on top of it.')
        self._asked = asked
        for expectation in asked.expectations:
            title = expectation.title
            yield ExpectationItem.from_parent(self, name=" ".join(title.split()), title=title)

    def outcome(self, title: str) -> Outcome:
        """What came of an expectation."""
        if self._seen is None:
            self._seen = self._opened()
        return self._seen.outcome(title)

    def _opened(self) -> Examined:
        from pellucid.tasks._check import examination, opened

        assert self._asked is not None
        return examination(opened(self._asked), self._asked)


class ExpectationItem(pytest.Item):
    """One expectation."""

    def __init__(self, *, name: str, parent: ExpectationFile, title: str) -> None:
        super().__init__(name, parent)
        self._file, self._title = parent, title

    def runtest(self) -> None:
        """Judge it."""
        from pellucid.figures import check_text

        outcome = self._file.outcome(self._title)
        if outcome.broken:
            raise BrokenExpectationError(check_text(outcome))
        if outcome.word == "undecided":
            pytest.skip(check_text(outcome))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: TracebackStyle | None = None
    ) -> str:
        """The text of the command line in place of a traceback."""
        from pellucid.errors import PellucidError

        if isinstance(excinfo.value, BrokenExpectationError | PellucidError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, 0, f"{self.path.name}: {self.name}"
