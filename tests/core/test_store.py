"""Values survive the disk to the bit; damaged or foreign files are refused in one sentence."""

import errno
import json
import os
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as to_bytes

import zoo
from pellucid._core import Card, Check, Compute, Explanation, Subject, load, save
from pellucid._core._store import write_bytes
from pellucid.attribution import integrated_gradients
from pellucid.errors import StoreError
from pellucid.inputs import ImageSpec

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.lists(st.integers(-100, 100), max_size=4).map(lambda x: torch.tensor(x, dtype=torch.int64))
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=12,
)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@settings(max_examples=60, deadline=None)
@given(trees)
def test_round_trip_of_any_tree(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "tree.safetensors"
    assert same(load(save(tree, path)), tree)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float64, torch.bool, torch.uint8, torch.int8]
)
def test_every_type_of_number(tmp_path, dtype):
    x = torch.arange(6).reshape(2, 3).T.to(dtype)
    back = load(save({"x": x, "same": x, "empty": x[:0]}, tmp_path / "x"))
    assert torch.equal(back["x"], x)
    assert torch.equal(back["same"], x)
    assert back["empty"].shape == (0, 2)


def test_not_a_number_and_infinity(tmp_path):
    back = load(save([float("nan"), float("inf"), -float("inf")], tmp_path / "x"))
    assert back[0] != back[0]
    assert back[1:] == [float("inf"), -float("inf")]


def explanation(model):
    spec = ImageSpec(channels=2, size=(8, 8))
    found = integrated_gradients(
        model, zoo.inputs().clamp(0, 1), [0, 1, 2, 0, 1], spec=spec, steps=4, rule="midpoint"
    )
    check = Check("Does it?", "test", "passed", 0.5, None, "none", 3, low=0.1, high=float("inf"))
    object.__setattr__(found, "cards", (Card("supported", "because", (check,), "mean", 9),) * 5)
    return found


def test_an_explanation_with_everything(tmp_path):
    model = zoo.reference()
    first = explanation(model)
    back = load(save(first, tmp_path / "deep" / "er" / "why.safetensors"))
    assert isinstance(back, Explanation)
    for name in ("values", "inputs", "scores", "gap", "reference", "classes"):
        assert torch.equal(getattr(first, name), getattr(back, name)), name
    assert back.spec == first.spec
    assert back.cards == first.cards
    assert back.provenance == first.provenance
    assert str(back.provenance.model) == str(first.provenance.model)


def test_the_file_holds_no_code(tmp_path):
    path = save(explanation(zoo.reference()), tmp_path / "why.safetensors")
    (length,) = struct.unpack("<Q", path.read_bytes()[:8])
    header = json.loads(path.read_bytes()[8 : 8 + length])
    assert header["__metadata__"]["format"] == "pellucid 1"
    assert json.loads(header["__metadata__"]["value"])["type"] == "pellucid._core._explanation:Explanation"


def test_values_that_cannot_be_stored(tmp_path):
    with pytest.raises(StoreError, match=r"Cannot store a set at \['a'\]\[1\]"):
        save({"a": [1, {2}]}, tmp_path / "x")
    with pytest.raises(StoreError, match="holds a network; save it as a run folder"):
        save(Subject(zoo.reference(), None, ImageSpec(), ()), tmp_path / "x")
    with pytest.raises(StoreError, match=r"Cannot store a function at \.progress"):
        save(Compute(), tmp_path / "x")
    assert not list(tmp_path.iterdir())


def forged(tree, form="pellucid 1"):
    return to_bytes({"t0": torch.zeros(1)}, metadata={"format": form, "value": json.dumps(tree)})


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "builtins:eval",
        "subprocess:Popen",
        "pellucid._core._store:save",
        "pellucid._core._store:os",
        "pellucid._core:Compute",
        "pellucid.errors:StoreError",
        "pellucid._core._explanation:Explanation.__init__",
        "pellucid.nowhere:Thing",
        "pellucidity.evil:Thing",
        "pellucid...os:path",
        "pellucid._core._spec:Batch.__class__",
        "",
    ],
)
def test_malicious_type_names(tmp_path, name):
    path = tmp_path / "evil"
    path.write_bytes(forged({"type": name, "fields": {}}))
    with pytest.raises(StoreError, match=r"evil names .* which is not a value of this version|damaged"):
        load(path)


@pytest.mark.parametrize(
    "tree",
    [
        {"type": "pellucid._core._compute:Compute", "fields": {"nonsense": 1}},
        {"type": "pellucid._core._compute:Compute", "fields": {"batch_size": 0}},
        {"type": "pellucid._core._compute:Compute"},
        {"type": "pellucid._core._compute:Compute", "fields": [1]},
        {"tensor": "t99"},
        {"mapping": [[1]]},
        {"mapping": 7},
        {"tuple": None},
        {"float": "abc"},
        {"unheard": [1]},
        {},
    ],
)
def test_trees_that_make_no_value(tmp_path, tree):
    path = tmp_path / "odd"
    path.write_bytes(forged(tree))
    with pytest.raises(StoreError, match="odd"):
        load(path)


def test_foreign_and_absent_files(tmp_path):
    (tmp_path / "foreign").write_bytes(to_bytes({"a": torch.zeros(2)}))
    (tmp_path / "text").write_text("hello, this is not a tensor file at all")
    (tmp_path / "void").write_bytes(b"")
    for name, words in [
        ("foreign", "not one that pellucid wrote"),
        ("text", "damaged or not a pellucid file"),
        ("void", "damaged or not a pellucid file"),
        ("none", "does not exist"),
    ]:
        with pytest.raises(StoreError, match=words):
            load(tmp_path / name)
    with pytest.raises(StoreError):
        load(tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_never_gives_a_wrong_value(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    tree = {"numbers": torch.arange(5), "text": "abc", "pair": (1, 2.5)}
    content = bytearray(save(tree, folder / "whole").read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    # numbers carry no checksum; all else must be noticed or harmless
    place = data.draw(st.integers(0, 8 + length - 1))
    if data.draw(st.booleans()):
        content = content[:place]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    (folder / "torn").write_bytes(bytes(content))
    try:
        load(folder / "torn")
    except StoreError as error:
        text = str(error)
    else:
        text = "torn"
    assert "torn" in text


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_full_disk_keeps_the_earlier_file(tmp_path, monkeypatch, code):
    path = save({"a": 1}, tmp_path / "kept")

    def full(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=rf"Cannot write .*kept: {os.strerror(code)}. Nothing was changed"):
        save({"a": 2}, path)
    assert load(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_paths_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "below", tmp_path, Path("/proc/none/x")):
        with pytest.raises(StoreError, match="Cannot write"):
            write_bytes(b"x", path)


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save({"a": 2}, tmp_path / "kept")
    assert not list(tmp_path.iterdir())
