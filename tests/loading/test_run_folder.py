import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import nn

from pellucid._core import Dataset, Subject, model_hash, split
from pellucid.errors import InputError, LoadError, StoreError
from pellucid.inputs import Column, ImageSpec, TabularSpec
from pellucid.loading import is_run, open_run, read_manifest, save_run

ARCHITECTURE = {"kind": "small", "params": {"width": 3}}


def build(kind: str, params: Mapping) -> nn.Module:
    if kind != "small":
        raise InputError(f"No network is of kind {kind!r}.")
    return nn.Sequential(nn.Linear(int(params["width"]), 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


@pytest.fixture
def subject():
    torch.manual_seed(0)
    columns = (Column("age", "years", mean=40.0, std=12.0, missing=True), Column("blood \U0001fa78", "g/l"))
    spec = TabularSpec(columns, background=torch.randn(4, 3))
    answers = torch.arange(20) % 2
    data = Dataset("people", torch.randn(20, 3), answers, spec, ("no", "yes"), split(answers, classes=True))
    model = build("small", {"width": 3})
    model(torch.randn(9, 3))  # moves the batch-norm statistics: buffers must come back too
    record = Column("loss", unit="nats")  # any value of ours will do
    return Subject(model, data, spec, ("no", "yes"), "first", record, "here")


def saved(subject, folder, **options):
    return save_run(subject, folder, architecture=ARCHITECTURE, **options)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_round_trip_is_equal_to_the_bit(subject, tmp_path):
    folder = saved(subject, tmp_path / "deep" / "run", metrics={"accuracy": 0.9}, notes=("two rows imputed",))
    found = open_run(folder, build=build)
    assert model_hash(found.model) == model_hash(subject.model)
    assert torch.equal(found.data.inputs, subject.data.inputs)
    assert found.spec.columns == subject.spec.columns
    assert torch.equal(found.spec.background, subject.spec.background)
    assert (found.name, found.classes, found.record) == ("first", ("no", "yes"), subject.record)
    assert found.origin == str(folder)
    assert not found.model.training
    manifest = read_manifest(folder)
    assert manifest.metrics == {"accuracy": 0.9}
    assert manifest.notes == ("two rows imputed",)
    assert manifest.origin == "here"
    assert sorted(files(folder)) == [
        "data.safetensors",
        "record.safetensors",
        "run.json",
        "weights.safetensors",
    ]


def test_the_saved_network_is_left_alone(subject, tmp_path):
    subject.model.train()
    before = model_hash(subject.model)
    saved(subject, tmp_path / "run")
    assert subject.model.training
    assert model_hash(subject.model) == before


def test_a_network_that_carries_its_architecture_needs_no_other(subject, tmp_path):
    class Described:
        kind, params = "small", {"width": 3}

    subject.model.architecture = Described()
    assert len(open_run(save_run(subject, tmp_path / "run"), build=build).data) == 20


def test_number_type_is_kept(subject, tmp_path):
    half = replace(subject, model=subject.model.double())
    assert open_run(saved(half, tmp_path / "run"), build=build).model[0].weight.dtype == torch.float64


def test_without_data_the_spec_still_comes_back(tmp_path):
    plain = Subject(build("small", {"width": 3}), None, ImageSpec(size=(4, 4)), (), "bare")
    found = open_run(saved(plain, tmp_path / "run"), build=build)
    assert found.data is None
    assert found.spec == plain.spec
    assert found.task == "regression"


def test_a_fresh_interpreter_opens_it_without_the_code_that_made_it(subject, tmp_path):
    folder = saved(subject, tmp_path / "run")
    script = (
        "import sys; from torch import nn\n"
        "from pellucid.loading import open_run\n"
        "def build(kind, params):\n"
        "    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))\n"
        "s = open_run(sys.argv[1], build=build)\n"
        "print(s.name, len(s.data), s.spec.columns[0].unit, s.record.unit)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == ["first", "20", "years", "nats"]


def test_saving_again_replaces_the_run_and_leaves_other_files(subject, tmp_path):
    folder = saved(subject, tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    saved(replace(subject, name="second", record=None), folder)
    assert open_run(folder, build=build).name == "second"
    assert sorted(files(folder)) == ["data.safetensors", "notes.txt", "run.json", "weights.safetensors"]


@pytest.mark.parametrize("fails_at", ["weights.safetensors", "data.safetensors", "run.json"])
def test_a_full_disk_leaves_the_earlier_run_as_it_was(subject, tmp_path, monkeypatch, fails_at):
    folder = saved(subject, tmp_path / "run")
    before = files(folder)
    fsync, written = os.fsync, []

    def full(handle):
        written.append(handle)
        if len(written) == {"weights.safetensors": 1, "data.safetensors": 2, "run.json": 4}[fails_at]:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        saved(replace(subject, name="second"), folder)
    assert files(folder) == before


def test_places_that_cannot_take_a_run(subject, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="is a file; give a folder"):
        saved(subject, tmp_path / "file")
    with pytest.raises(StoreError, match="Cannot write to"):
        saved(subject, tmp_path / "file" / "run")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "weights.safetensors").write_bytes(b"precious")
    with pytest.raises(StoreError, match="is no run folder; nothing was written"):
        saved(subject, tmp_path / "theirs")
    assert files(tmp_path / "theirs") == {"weights.safetensors": b"precious"}


def test_a_network_that_cannot_be_built_again_is_not_saved(subject, tmp_path):
    with pytest.raises(InputError, match="does not say how to build it again"):
        save_run(subject, tmp_path / "run")
    with pytest.raises(InputError, match="plain data"):
        save_run(subject, tmp_path / "run", architecture={"kind": "small", "params": {"f": print}})
    assert not (tmp_path / "run").exists()


def told(folder, make=build):
    with pytest.raises(LoadError) as caught:
        open_run(folder, build=make)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_folders_that_are_no_run(subject, tmp_path):
    saved(subject, tmp_path / "digits")
    assert "does not exist. Did you mean digits?" in told(tmp_path / "digit")
    assert "it has no run.json. There are: digits." in told(tmp_path)
    (tmp_path / "file").write_text("x")
    assert "is a file, not a run folder" in told(tmp_path / "file")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "run.json").write_text('{"format": "wandb"}')
    assert "was not written by pellucid" in told(tmp_path / "theirs")
    assert is_run(tmp_path / "digits")
    assert not is_run(tmp_path)


@pytest.mark.parametrize("name", ["weights.safetensors", "data.safetensors", "record.safetensors"])
def test_damaged_and_missing_files_are_named(subject, tmp_path, name):
    folder = saved(subject, tmp_path / "run")
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    assert f"is damaged: {name}" in told(folder)
    (folder / name).unlink()
    assert f"is incomplete: cannot read {name}" in told(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "format version 2, this pellucid reads 1"),
        ({"classes": [1]}, "'classes' should be a list of texts"),
        ({"architecture": {"kind": "small"}}, "'architecture' should be a table with kind and params"),
        ({"architecture": {"kind": "large", "params": {}}}, "cannot be built: No network is of kind 'large'"),
        ({"architecture": {"kind": "small", "params": {"width": 5}}}, "0.weight is [4, 3], the network"),
        ({"files": {"../x": "0"}}, "names '../x', which is no file of a run"),
        ({"files": {}}, "names no weights.safetensors"),
        ({"model": "0"}, "is not the one that was saved"),
    ],
)  # fmt: skip
def test_a_description_that_is_off_is_told(subject, tmp_path, change, words):
    folder = saved(subject, tmp_path / "run")
    table = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(table | change))
    assert words in told(folder)


def test_a_cut_description_is_told(subject, tmp_path):
    folder = saved(subject, tmp_path / "run")
    (folder / "run.json").write_bytes((folder / "run.json").read_bytes()[:90])
    assert "run.json is damaged: it is no JSON" in told(folder)
