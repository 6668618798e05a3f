"""Progress where nobody watches: lines that go forward and come once."""

import pytest

from pellucid.cli import _say


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by a second with each look."""
    now = [0.0]

    def look():
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(_say.time, "monotonic", look)


def test_pieces_of_work_are_added_up_and_told_ever_more_seldom(clock, capsys):
    with _say.progress("rules") as compute:
        for _ in range(3):  # three pieces, each counted from the beginning
            for done in range(1, 41):
                compute.progress(10 * done, 400)
    told = capsys.readouterr().err.splitlines()
    rows = [int(line.split()[1].replace(",", "")) for line in told]
    assert len(told) == 5
    assert rows == sorted(set(rows))
    assert 400 < rows[-1] <= 1200
    assert all(line.startswith("rules: ") and "%" not in line for line in told)


def test_work_that_is_counted_as_a_whole_tells_each_tenth_once(clock, capsys):
    with _say.progress("atlas", unit="%") as compute:
        for done in (5, 30, 35, 20, 60, 95, 100, 100):
            compute.progress(done, 100)
    assert capsys.readouterr().err.splitlines() == ["atlas: 30 %", "atlas: 60 %", "atlas: 90 %"]


def test_short_work_needs_no_line(capsys):
    with _say.progress("rules") as compute:
        compute.progress(10, 10)
    assert not capsys.readouterr().err
