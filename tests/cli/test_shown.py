"""The demos of networks that others trained, on inputs of one's own: what the page is asked for."""

import importlib
import importlib.util
import wave

import numpy as np
import pytest

from pellucid.cli import _shown


@pytest.fixture
def asked(monkeypatch):
    """What a page was asked for, in place of the page."""
    found = {}

    def showcase(subject, rows, methods, **options):
        found.update(options, subject=subject, rows=list(rows), methods=methods)
        return "page"

    monkeypatch.setattr(importlib.import_module("pellucid.report"), "showcase", showcase)
    monkeypatch.setattr(_shown, "_written", lambda found, page: page)
    return found


@pytest.mark.skipif(importlib.util.find_spec("silero_vad") is None, reason="not installed: silero_vad")
def test_recordings_of_ones_own_are_explained_one_by_one_and_not_judged(call, asked, tmp_path):
    noise = np.random.default_rng(0).normal(0, 3000, 8 * 44_100)
    with wave.open(str(tmp_path / "my talk.wav"), "wb") as file:
        file.setparams((1, 2, 44_100, 0, "NONE", ""))
        file.writeframes(noise.astype("<i2").tobytes())
    code, out, err = call("demo", "speech", "--data", str(tmp_path / "my talk.wav"), "--out", str(tmp_path))
    assert code == 0, err
    assert "resampled from 44,100 to 16,000" in err
    assert "my talk.wav, 0.0 to 3.2 s:" in out
    assert asked["rows"] == [0, 1, 2]
    assert asked["names"][2] == "my talk.wav, 6.4 to 8.0 s"
    assert asked["surveyed"] == {}
    assert len(asked["others"]) == 48
    assert f"--data '{tmp_path}/my talk.wav'" in asked["command"]
    assert any("nobody told" in limit for limit in asked["limits"])
    assert set(asked["tested"]) <= set(asked["methods"])
