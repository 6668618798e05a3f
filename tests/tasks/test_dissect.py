"""The verb ``dissect``: pictures and masks from a folder, and the pictures of the best units."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import pellucid
from pellucid import tasks
from pellucid.data import marked_places
from pellucid.errors import InputError, LoadError
from pellucid.inputs import ImageSpec
from pellucid.tasks._spent import counted


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty noisy pictures, every second one with a bright square that a mask marks."""
    root = tmp_path_factory.mktemp("marked")
    for name in ("images", "masks/square", "masks/corner"):
        (root / name).mkdir(parents=True)
    draw = np.random.default_rng(0)
    for i in range(30):
        picture = draw.integers(0, 60, (12, 12), dtype=np.uint8)
        corner = np.zeros((12, 12), dtype=np.uint8)
        corner[:2, :2] = 255
        if i % 2 == 0:
            top, left = draw.integers(0, 9, 2)
            mask = np.zeros((12, 12), dtype=np.uint8)
            mask[top : top + 3, left : left + 3] = 255
            picture[mask > 0] = draw.integers(200, 255, int((mask > 0).sum()))
            Image.fromarray(mask).save(root / "masks/square" / f"{i}.png")
        Image.fromarray(picture).save(root / "images" / f"{i}.png")
        Image.fromarray(corner).save(root / "masks/corner" / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def subject():
    """Unit 0 gives the picture, unit 1 its negative."""
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
        net[0].bias.zero_()
    data = (torch.rand(40, 1, 12, 12), torch.tensor([0, 1] * 20))
    return pellucid.open(net, data=data, spec=ImageSpec(), classes=["off", "on"])


def test_the_unit_that_sees_the_square_is_found(folder, subject):
    page = tasks.dissect(subject, "0", folder)
    found = page.found
    assert found.n == 30
    square = found.concepts.index("square")
    assert int(found.iou[:, square].argmax()) == 0
    assert float(found.iou[0, square]) > found.least
    assert float(found.iou[0, square]) > 4 * float(found.shuffled[0, square])
    drawn = page.figures()
    assert drawn[0].title == "What units of 0 detect"
    # a picture is called by the name of its file
    assert {row[3] for row in drawn[-1].table.rows} <= {str(k) for k in range(30)}


def test_what_it_will_take_is_about_right(folder, subject):
    plan = tasks.estimate_dissect(subject, "0", folder)
    passed = counted(subject.model, lambda: tasks.dissect(subject, "0", folder))[0]
    assert 0.8 * passed <= plan.forward <= 1.3 * passed


def test_masks_by_name_fit_the_held_out_rows(subject):
    held = tasks.held_out(subject.needs_data("test"))
    masks = {"left": torch.zeros(len(held), 12, 12, dtype=torch.bool)}
    masks["left"][:, :, :6] = True
    assert tasks.dissect(subject, "0", masks).found.concepts == ("left",)


def test_a_folder_that_is_none_is_refused(folder, subject, tmp_path):
    with pytest.raises(LoadError):
        tasks.dissect(subject, "0", tmp_path / "nowhere")
    (tmp_path / "images").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "images" / "a.png")
    with pytest.raises(InputError, match="images/NAME"):
        marked_places(tmp_path, size=(4, 4))
    (tmp_path / "masks").mkdir()
    Image.new("L", (4, 4), 255).save(tmp_path / "masks" / "b.png")
    with pytest.raises(InputError, match="no picture in images belongs to the mask"):
        marked_places(tmp_path, size=(4, 4))
    Image.new("L", (4, 4), 255).save(tmp_path / "images" / "b.png")
    found = marked_places(tmp_path, size=(4, 4), colour="grey")
    assert list(found.masks) == ["marked"]
    assert found.masks["marked"].flatten(1).any(1).tolist() == [False, True]
    table = pellucid.open(nn.Linear(3, 2), data=(torch.rand(40, 3), torch.tensor([0, 1] * 20)))
    with pytest.raises(InputError, match="maps over pictures"):
        tasks.dissect(table, ".", folder)
