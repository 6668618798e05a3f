"""Files made by somebody who means harm: each is refused in one sentence, and nothing of theirs runs."""

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save as to_bytes
from torch import nn

import pellucid
from pellucid import data
from pellucid._core import load, save
from pellucid.data._zipped import Zipped
from pellucid.errors import InputError, LoadError, PellucidError, StoreError
from pellucid.loading import load_weights, read_weights

FIRED = []


def fire():
    FIRED.append("fired")


class Armed:
    """A pickle that acts when it is opened."""

    def __reduce__(self):
        return fire, ()


@pytest.fixture(autouse=True)
def disarmed():
    FIRED.clear()
    yield
    FIRED.clear()


def refused(call, *given, error=PellucidError, **named):
    with pytest.raises(error) as caught:
        call(*given, **named)
    assert FIRED == []
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("wrapped", [lambda a: a, lambda a: {"state_dict": {"weight": a}}, lambda a: [a]])
def test_a_pickle_never_fires_unasked(tmp_path, wrapped):
    plain, torch_file = tmp_path / "plain.pt", tmp_path / "torch.pt"
    plain.write_bytes(pickle.dumps(wrapped(Armed())))
    torch.save(wrapped(Armed()), torch_file)
    refused(read_weights, plain, error=LoadError)
    text = refused(read_weights, torch_file, error=LoadError)
    assert "can run code" in text
    assert "run_code_in_file=True" in text
    (tmp_path / "named.safetensors").write_bytes(pickle.dumps(Armed()))
    assert "no safetensors file" in refused(read_weights, tmp_path / "named.safetensors", error=LoadError)
    assert "not a pellucid file" in refused(load, plain, error=StoreError)


def test_only_the_argument_named_for_the_danger_opens_it(tmp_path):
    file = tmp_path / "whole.pt"
    torch.save({"state_dict": nn.Linear(2, 3).state_dict(), "made by": Armed()}, file)
    assert "can run code" in refused(load_weights, nn.Linear(2, 3), file)
    torch.save({"weight": FIRED.append}, tmp_path / "bound.pt")
    assert "can run code" in refused(read_weights, tmp_path / "bound.pt")
    network = load_weights(nn.Linear(2, 3), file, run_code_in_file=True)
    assert FIRED == ["fired"]  # the warning is true
    assert torch.equal(network.weight, torch.load(file, weights_only=False)["state_dict"]["weight"])


def test_arrays_of_objects_are_not_read(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.array([Armed()], dtype=object), y=np.array([1]))
    assert "could run code" in refused(data.npz, tmp_path / "x.npz", error=InputError)


def zeros(size):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(size))
    return made.getvalue()


def test_weights_that_unpack_without_end_are_not_unpacked(tmp_path):
    (tmp_path / "bomb.pt").write_bytes(zeros(200 << 20))
    assert (tmp_path / "bomb.pt").stat().st_size < 1 << 20
    assert "would unpack from" in refused(read_weights, tmp_path / "bomb.pt", error=LoadError)


@pytest.mark.parametrize("ending", ["npz", "zip", "pt2", "csv.gz"])
def test_bombs_are_refused_wherever_archives_are_opened(tmp_path, monkeypatch, ending):
    import gzip

    monkeypatch.setattr("pellucid.data._zipped.EACH", 1 << 20)
    monkeypatch.setattr("pellucid.data._zipped.WHOLE", 1 << 21)
    file = tmp_path / f"bomb.{ending}"
    file.write_bytes(gzip.compress(bytes(8 << 20)) if ending == "csv.gz" else zeros(8 << 20))
    calls = {
        "npz": lambda: data.npz(file),
        "zip": lambda: Zipped(file).read("a/data.pkl"),
        "pt2": lambda: pellucid.open(file, data=torch.zeros(2, 2)),
        "csv.gz": lambda: data.table(file, "y"),
    }
    text = refused(calls[ending])
    assert any(words in text for words in ("unpack", "lacks models/model.json", "larger than"))


@pytest.mark.parametrize("kind", ["pictures", "sounds", "masks"])
def test_no_entry_leads_out_of_its_archive(tmp_path, kind):
    file = tmp_path / "in.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../escaped.wav", b"RIFF")
    opened = {"pictures": data.single_pictures, "sounds": data.sounds, "masks": data.masked_pictures}[kind]
    assert "leads out of it" in refused(opened, file)
    assert not (tmp_path.parent / "escaped.wav").exists()


@pytest.mark.parametrize("length", [1 << 62, 200 << 20, 101 << 20])
def test_headers_that_claim_too_much_are_not_believed(tmp_path, length):
    file = tmp_path / "long.safetensors"
    file.write_bytes(struct.pack("<Q", length) + b"{}")
    assert "damaged" in refused(read_weights, file, error=LoadError)
    assert "damaged" in refused(load, file, error=StoreError)


def test_words_nested_without_end_are_told(tmp_path):
    for deep in ("[" * 100_000 + "]" * 100_000, '{"list":' * 20_000 + "1" + "}" * 20_000):
        content = to_bytes({}, metadata={"format": "pellucid 1", "value": deep})
        (tmp_path / "deep").write_bytes(content)
        refused(load, tmp_path / "deep", error=StoreError)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    subject = pellucid.train("breast-cancer", epochs=1)
    return pellucid.save_run(subject, tmp_path_factory.mktemp("safety") / "run")


@pytest.fixture
def copy(run, tmp_path):
    import shutil

    return shutil.copytree(run, tmp_path / "copy")


@pytest.mark.parametrize("where", ["/dev/zero", "/etc/hostname", "elsewhere"])
def test_a_run_folder_does_not_follow_links_out_of_it(run, copy, tmp_path, where):
    """A device has no end: to read it would fill the memory."""
    target = tmp_path / where
    if where == "elsewhere":
        target.write_bytes((run / "weights.safetensors").read_bytes())
    (copy / "weights.safetensors").unlink()
    (copy / "weights.safetensors").symlink_to(target)
    text = refused(pellucid.open, copy, error=LoadError)
    assert "a link that leads out of the folder" in text or "incomplete" in text


def test_a_run_folder_opens_no_pipe(copy):
    import os

    (copy / "data.safetensors").unlink()
    os.mkfifo(copy / "data.safetensors")
    assert "no file but a folder or a device" in refused(pellucid.open, copy, error=LoadError)


def test_a_manifest_names_only_files_of_a_run(copy):
    table = json.loads((copy / "run.json").read_text())
    for name in ("../../etc/passwd", "/etc/passwd", "run.json", "weights.safetensors/../../x"):
        (copy / "run.json").write_text(json.dumps(table | {"files": {**table["files"], name: "0"}}))
        assert "which is no file of a run" in refused(pellucid.open, copy, error=LoadError)


def test_a_changed_number_is_told(tmp_path):
    file = save({"numbers": torch.arange(50.0), "words": "abc"}, tmp_path / "value")
    before = load(file)
    content = bytearray(file.read_bytes())
    for place in (len(content) - 1, len(content) - 100):
        torn = content.copy()
        torn[place] ^= 1
        (tmp_path / "torn").write_bytes(torn)
        assert "is damaged" in refused(load, tmp_path / "torn", error=StoreError)
    assert torch.equal(load(file)["numbers"], before["numbers"])


def test_a_run_without_its_record_is_told_and_usable(run, copy):
    content = bytearray((copy / "record.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "record.safetensors").write_bytes(content)
    assert "is damaged: record.safetensors" in refused(pellucid.open_run, copy, error=LoadError)
    told = []
    subject = pellucid.open_run(copy, damaged=told.append)
    assert len(told) == 1
    assert "Opened without the training record" in told[0]
    whole = pellucid.open_run(run)
    assert subject.record is None
    assert torch.equal(subject.model(whole.data.inputs), whole.model(whole.data.inputs))


@pytest.fixture(scope="module")
def shards(run, tmp_path_factory):
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("shards") / "why"
    return pellucid.explain_to(
        folder, pellucid.open(run), "0-39", methods=["saliency"], cards=False, shard=10
    )


def test_whole_results_reopen_equal_to_the_bit(run, shards):
    subject = pellucid.open(run)
    for rows, why in pellucid.load_explanations(shards):
        again = pellucid.explain(subject, subject.data.inputs[rows], method="saliency", cards=False)
        assert torch.equal(why.values, again.values)


@pytest.mark.parametrize("kind", ["missing", "last missing", "cut", "flipped"])
def test_shards_that_survive_are_read_and_the_others_told(shards, tmp_path, kind):
    import shutil

    folder = shutil.copytree(shards, tmp_path / "why")
    hurt = folder / ("part-000003.parquet" if kind == "last missing" else "part-000001.parquet")
    content = bytearray(hurt.read_bytes())
    if "missing" in kind:
        hurt.unlink()
    elif kind == "cut":
        hurt.write_bytes(content[: len(content) // 2])
    else:
        for place in range(200, 260):  # inside the numbers
            content[place] ^= 1
        hurt.write_bytes(content)
    text = refused(lambda: list(pellucid.load_explanations(folder)), error=StoreError)
    assert hurt.name in text
    told = []
    found = list(pellucid.load_explanations(folder, damaged=told.append))
    assert len(told) == 1
    assert hurt.name in told[0]
    assert sum(len(why) for _, why in found) == 30
    assert all(torch.isfinite(why.values).all() for _, why in found)
