"""What cannot be written is refused before a network is opened."""

import pytest

from pellucid.cli._given import GivenData

WORK = [
    *("layers", "layer SITE", "features SITE --unit 1", "patch --from 0 --to 1"),
    *("audit", "shortcuts", "compare run", "decision"),
]
PICTURES = ["influence", "importance", "anchor", "reasons", "nearest", "shapes"]
BOTH = ["features SITE", "atlas SITE", "dissect SITE --masks m", "concepts SETS --target 1", "counterfactual"]


@pytest.fixture
def asked(call, monkeypatch, tmp_path):
    """A command with a network that is never opened, in a folder with one file."""

    def opened(*_):
        raise AssertionError("the network was opened")

    monkeypatch.setattr(GivenData, "subject", opened)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()

    def run(typed, *more):
        name, *rest = typed.split()
        return call(name, *["run"] * (name != "bench"), *rest, *more)

    return run


@pytest.mark.parametrize("typed", [*WORK, *PICTURES, *BOTH])
def test_wrong_endings_and_places(asked, typed):
    kind = "page" if typed in WORK else "figure" if typed in PICTURES else "page or figure"
    if "--unit" not in typed:  # of one unit a page alone is written
        code, _, err = asked(typed, "--out", "found.txt")
        assert (code, f"A {kind} is written as" in err) == (7, True), err
    ending = ".png" if typed in PICTURES else ".html"
    code, _, err = asked(typed, "--out", f"file/found{ending}")
    assert (code, "file is no folder" in err) == (7, True), err


@pytest.mark.parametrize("typed", [*WORK[:4], *BOTH[:2], "compare run", "counterfactual"])
def test_drawings_go_into_a_folder(asked, typed):
    code, _, err = asked(typed, "--svg", "file")
    assert (code, "file is a file; name a folder." in err) == (7, True), err


@pytest.mark.parametrize(
    "typed",
    ["train --out file", "train --out file/run", "rules --out file/rules.sql", "report --out file/page.html",
     "check --junit file/x.xml", "check --html page.txt", "explain --out file/why.png",
     "explain --rows all --out file/why.parquet", "bench calibration --out file/table.md",
     "bench truth --out file", "bench readable --out file", "demo --out file/new"],
)  # fmt: skip
def test_what_else_is_written(asked, typed):
    code, _, err = asked(typed)
    assert (code, "file" in err or "page.txt" in err) == (7, True), err


def test_a_new_folder_and_an_old_file_may_be_named(asked, tmp_path):
    (tmp_path / "old.html").touch()
    for place in ("new/folder/page.html", "old.html"):
        assert "the network was opened" in asked("audit", "--out", place)[2]
    assert not (tmp_path / "new").exists()
