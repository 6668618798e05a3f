"""A run that was stopped goes on, and ends as if it had not been."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pellucid._core import Compute
from pellucid.errors import CancelledError, StoreError
from pellucid.features import Channel, FeaturePictures, activation_maximization


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def run(keep: Path | None, progress: object = None, **changed: object) -> FeaturePictures:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 9), nn.Tanh())
    how = Compute(4) if progress is None else Compute(4, progress=progress)  # pyright: ignore
    given = {"data": noise(80, 6), "steps": 20, "keep": keep, "compute": how, **changed}
    return activation_maximization(net, "1", **given)  # pyright: ignore


def same(one: FeaturePictures, other: FeaturePictures) -> None:
    for name in ("pictures", "reached", "ratio", "distance", "agreement", "steps", "importance", "rows"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    for name in ("untrained_ratio", "untrained_agreement"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert (one.words, one.params, one.note) == (other.words, other.params, other.note)


@pytest.mark.parametrize("share", [0.1, 0.45, 0.8])
def test_a_cancelled_run_goes_on_and_is_the_same_to_the_bit(tmp_path: Path, share: float) -> None:
    whole, seen = run(None), []

    def stop(done: int, total: int) -> None:
        if done > share * total:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        run(tmp_path / "kept", stop)
    before = {file: file.read_bytes() for file in (tmp_path / "kept").iterdir()}
    assert len(before) > 1
    same(run(tmp_path / "kept", lambda done, total: seen.append((done, total))), whole)
    assert all(file.read_bytes() == content for file, content in before.items())
    # progress jumps over what was there, and ends at the end
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_nothing_passes_the_network_again_but_what_statistics_need(tmp_path: Path) -> None:
    first = run(tmp_path / "kept")
    rows = [0]

    class Counted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            rows[0] += len(x)
            return x

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 9), nn.Tanh())
    net[1].register_forward_hook(lambda _, x, __: rows.__setitem__(0, rows[0] + len(x[0])))
    again = activation_maximization(
        net, "1", data=noise(80, 6), steps=20, keep=tmp_path / "kept", compute=Compute(4)
    )
    same(first, again)
    assert rows[0] < 20


KILLED = """
import os, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from features.test_kept import run
run(Path({folder!r}), lambda done, total: os._exit(9) if done > total // 2 else None)
"""


def test_a_killed_process_leaves_what_it_finished(tmp_path: Path) -> None:
    code = KILLED.format(tests=str(Path(__file__).parents[1]), folder=str(tmp_path / "kept"))
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=120)
    assert ended.returncode == 9, ended.stderr.decode()
    assert not [file for file in (tmp_path / "kept").iterdir() if file.name.startswith(".")]
    same(run(tmp_path / "kept"), run(None))


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    run(tmp_path / "kept")
    with pytest.raises(StoreError, match="steps 20, now 21"):
        run(tmp_path / "kept", steps=21)
    with pytest.raises(StoreError, match="objectives"):
        run(tmp_path / "kept", objectives=[Channel(2)])
    with pytest.raises(StoreError, match="data"):
        run(tmp_path / "kept", data=noise(80, 6, seed=1))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("mine")
    with pytest.raises(StoreError, match="not empty"):
        run(tmp_path / "other")
    with pytest.raises(StoreError, match="is a file"):
        run(tmp_path / "other" / "letter.txt")


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    run(tmp_path / "kept")
    next((tmp_path / "kept").glob("climb-*")).write_bytes(b"nothing")
    with pytest.raises(StoreError, match="damaged"):
        run(tmp_path / "kept")
