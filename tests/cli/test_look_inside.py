"""Patching, dissection and atlases on the command line; concepts and an estimate of a layer."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

import pellucid
from pellucid import tasks
from pellucid.inputs import ImageSpec


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """A run on small pictures, and masks of their bright half."""
    draw = torch.Generator().manual_seed(0)
    x = 0.3 * torch.rand(240, 1, 8, 8, generator=draw)
    y = torch.arange(240) % 2
    x[y == 0, :, :4] += 0.6
    x[y == 1, :, 4:] += 0.6
    data = pellucid.data.arrays(x, y, classes=["top", "bottom"], spec=ImageSpec())
    folder = tmp_path_factory.mktemp("runs") / "shapes"
    tasks.train(data, epochs=2, out=folder)
    marks = tmp_path_factory.mktemp("marks")
    for name in ("images", "masks/bright"):
        (marks / name).mkdir(parents=True)
    for i in range(24):
        pixels = (x[i, 0] * 255).byte()
        Image.fromarray(pixels.numpy()).save(marks / "images" / f"{i}.png")
        Image.fromarray(((pixels > 100).byte() * 255).numpy()).save(marks / "masks/bright" / f"{i}.png")
    return folder, marks


def test_patch_writes_a_page_and_says_what_a_chain_is(call, run, tmp_path):
    page, drawings = tmp_path / "patch.html", tmp_path / "drawn"
    code, out, err = call(
        "patch", run, "--from", "0,1", "--to", "2,3", "--target", "ill", "--out", page, "--svg", drawings
    )
    assert code == 0, err
    assert "What each layer carries" in out
    assert "other inputs" in out
    assert "Page written" in err
    assert "Where the difference is decided" in page.read_text()
    assert list(drawings.glob("*.svg"))


def test_patch_of_units_and_connections_as_json(call, run):
    code, out, err = call("patch", run, "dense1", "--from", 0, "--to", 2, "--target", "ill", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["inputs"]["from"] == [0]
    assert found["results"]["found"]["site"] == "dense1"
    code, out, _ = call(
        "patch", run, "dense1", "--into", "output", "--from", 0, "--to", 2, "--target", "ill", "--json"
    )
    assert code == 0
    assert json.loads(out)["results"]["found"]["sink"] == "output"
    code, out, _ = call("patch", run, "--from", 0, "--to", 2, "--target", "ill", "--estimate", "--json")
    assert code == 0
    assert json.loads(out)["results"]["exact"] is True


def test_dissect_and_atlas(call, shapes, tmp_path):
    folder, marks = shapes
    page = tmp_path / "units.html"
    code, out, err = call("dissect", folder, "conv1", "--masks", marks, "--out", page)
    assert code == 0, err
    assert "detect" in out
    assert "random mixtures" in page.read_text()
    code, out, _ = call("dissect", folder, "conv1", "--masks", marks, "--estimate", "--json")
    assert json.loads(out)["results"]["forward"] > 0
    drawing = tmp_path / "atlas.svg"
    code, out, err = call("atlas", folder, "conv1", "--grid", 2, "--steps", 2, "--rows", 60, "--out", drawing)
    assert code == 0, err
    assert "untrained" in out.lower()
    assert drawing.read_text().startswith("<svg")


def test_a_layer_with_concepts_and_what_it_will_take(call, run, tmp_path):
    page = tmp_path / "layer.html"
    code, _, err = call(
        "layer", run, "dense1", "--steps", 0, "--concepts", "age", "--target", "ill", "--out", page
    )
    assert code == 0, err
    text = page.read_text()
    assert "Concepts and" in text
    assert "high age" in text
    code, out, _ = call("layer", run, "dense1", "--steps", 4, "--estimate", "--json")
    assert code == 0
    steps = [step["name"] for step in json.loads(out)["results"]["steps"]]
    assert steps[0] == "measures over rows"


def test_wrong_uses_end_in_a_sentence(call, run, tmp_path):
    for asked, words in (
        (["patch", run, "--from", "0", "--to", "1,2"], "pair up one to one"),
        (["patch", run, "--from", "0", "--to", "1", "--out", tmp_path / "x.png"], "written as .html"),
        (["atlas", run, "dense1"], "drawn of pictures and sounds"),
        (["dissect", run, "dense1", "--masks", tmp_path], "maps over pictures"),
        (["layer", run, "dense1", "--concepts", "age"], "--target"),
    ):
        code, _, err = call(*asked)
        assert code in (2, 7)
        assert words in err
    asked = ["--steps", 0, "--concepts", "age", "--target", "ill", "--estimate", "--json"]
    code, out, _ = call("layer", run, "dense1", *asked)
    assert code == 0
    step = json.loads(out)["results"]["steps"][-1]
    assert step["name"] == "concepts"
    assert step["forward"] > step["backward"] > 0


def test_pictures_for_an_own_network_are_said_to_be_scaled(call, tmp_path):
    (tmp_path / "own_scaled.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def net():\n    torch.manual_seed(0)\n    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2))\n"
    )
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).random((80, 4, 4)), y=np.arange(80) % 2)
    code, _, err = call("layers", f"{tmp_path}/own_scaled.py:net", "--data", tmp_path / "x.npz")
    assert code == 0
    assert "go into the network as (pixel − mean) ÷ sd" in err
    assert "Of 64 rows it answers" in err


def test_concepts_write_a_page(call, run, tmp_path):
    page = tmp_path / "concepts.html"
    code, _, err = call("concepts", run, "age", "--target", "ill", "--draws", 100, "--out", page)
    assert code == 0
    assert "Page written" in err
    assert "What concepts do to ill" in page.read_text()
