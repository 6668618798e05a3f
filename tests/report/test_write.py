import importlib
import os

import pytest

from pellucid.errors import StoreError
from pellucid.report import Dossier, write

SMALL = Dossier("net", "classification", classes=("a", "b"))


def test_write_returns_the_path_of_the_page(tmp_path):
    path = write(SMALL, tmp_path / "deep" / "net.html")
    assert path.read_text().startswith("<!doctype html>")


@pytest.mark.skipif(os.name != "posix", reason="needs a folder that is a file, as POSIX systems refuse it")
def test_an_unwritable_place_ends_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"^Cannot write .*net\.html: .*choose a folder that can be written"):
        write(SMALL, tmp_path / "file" / "net.html")


def test_a_full_disk_leaves_the_earlier_page(tmp_path, monkeypatch):
    path = tmp_path / "net.html"
    path.write_text("earlier")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        write(SMALL, path)
    assert path.read_text() == "earlier"
    assert [file.name for file in tmp_path.iterdir()] == ["net.html"]


@pytest.mark.parametrize("place", ["pellucid.report._page:front", "os:fsync"])
def test_ctrl_c_leaves_the_earlier_page(tmp_path, monkeypatch, place):
    path = tmp_path / "net.html"
    path.write_text("earlier")

    def stop(_):
        raise KeyboardInterrupt

    module, name = place.split(":")
    monkeypatch.setattr(importlib.import_module(module), name, stop)
    with pytest.raises(KeyboardInterrupt):
        write(SMALL, path)
    assert path.read_text() == "earlier"
    assert [file.name for file in tmp_path.iterdir()] == ["net.html"]


def test_a_page_over_its_budget_is_not_written(tmp_path):
    with pytest.raises(StoreError, match="budget"):
        write(SMALL, tmp_path / "net.html", budget=100)
    assert not list(tmp_path.iterdir())
