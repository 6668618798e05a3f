"""Marked pictures and mosaics: what is read, and what is told when it cannot be."""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.data import masked_pictures, mosaics, single_pictures
from pellucid.errors import InputError, LoadError


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG")
    return buffer.getvalue()


def jpg(colour, size=(40, 30)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format="JPEG")
    return buffer.getvalue()


@pytest.fixture
def films():
    """Three frames of two films; the object fills the left half; one frame has no class."""
    mask = np.zeros((30, 40), dtype=np.uint8)
    mask[:, :20] = 255
    index = "name,sequence,imagenet_ok\ncat_0,cat,281 285\ncat_1,cat,285\nkite_0,kite,\n"
    files = {"index.csv": index.encode()}
    for name in ("cat_0", "cat_1", "kite_0"):
        files |= {f"images/{name}.jpg": jpg((200, 30, 30)), f"masks/{name}.png": png(mask)}
    return files


def folder(files, root):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def archive(files, root):
    with zipfile.ZipFile(root / "frames.zip", "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return root / "frames.zip"


@pytest.mark.parametrize("kind", [folder, archive])
def test_masks_mark_the_object(films, tmp_path, kind):
    found = masked_pictures(kind(films, tmp_path))
    made = found.dataset
    assert made.inputs.shape == (2, 3, 224, 224)
    assert made.relevant.shape == (2, 1, 224, 224)
    assert made.relevant[..., :112].all()
    assert not made.relevant[..., 112:].any()
    assert found.fitting == ((281, 285), (285,))
    assert found.clusters.tolist() == [0, 0]
    assert "2 of 3" in made.notes[0]
    made.spec.check(made.inputs)


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"index.csv": b"file,label\na,b\n"}, InputError, "imagenet_ok"),
        ({"index.csv": b"name,sequence,imagenet_ok\ncat_0,cat,\n"}, InputError, "no row"),
        ({"index.csv": b"name,sequence,imagenet_ok\ncat_0,cat,house\n"}, InputError, "class numbers"),
        ({"index.csv": b"name,sequence,imagenet_ok\ncat_0,cat,2000\n"}, InputError, "0 to 999"),
        ({"index.csv": b"name,sequence,imagenet_ok\nlost,cat,285\n"}, LoadError, "lost.jpg"),
        ({"images/cat_0.jpg": b"no picture"}, LoadError, "cat_0.jpg"),
    ],
)
def test_what_cannot_be_read_is_told(films, tmp_path, change, kind, text):
    with pytest.raises(kind, match=text):
        masked_pictures(folder(films | change, tmp_path))


def test_a_file_that_is_no_archive_is_told(tmp_path):
    (tmp_path / "frames.zip").write_bytes(b"nothing")
    with pytest.raises(LoadError, match=r"neither a folder nor a \.zip"):
        masked_pictures(tmp_path / "frames.zip")
    with pytest.raises(LoadError, match="does not exist"):
        masked_pictures(tmp_path / "frame.zip")


@pytest.fixture
def shades(tmp_path):
    """Eight plain pictures, each of its own class and shade."""
    files = {f"{k * 100:03d}_n_shade.jpg": jpg((30 * k, 30 * k, 30 * k)) for k in range(8)}
    return folder(files | {"notes.txt": b"x"}, tmp_path)


def test_single_pictures_take_their_class_from_their_name(shades):
    made = single_pictures(shades)
    assert made.answers.tolist() == [0, 100, 200, 300, 400, 500, 600, 700]


def test_a_mosaic_holds_each_class_in_its_quadrant(shades):
    found = mosaics(shades, count=2, seed=1)
    made, single = found.dataset, single_pictures(shades)
    assert made.inputs.shape == (8, 3, 224, 224)
    assert found.clusters.tolist() == [0] * 4 + [1] * 4
    assert torch.equal(made.inputs[0], made.inputs[3])
    for row, (picture, place, answer) in enumerate(
        zip(made.inputs, made.relevant, made.answers.tolist(), strict=True)
    ):
        shade = single.inputs[single.answers == answer][0, :, 0, 0]
        inside = picture[:, place[0]]
        assert inside.shape == (3, 112 * 112)
        torch.testing.assert_close(inside, shade[:, None].expand_as(inside), atol=1e-5, rtol=0)
        assert row // 4 == found.clusters[row]
    assert (made.relevant[:4].sum(0) == 1).all()


def test_too_few_pictures_are_told(shades):
    with pytest.raises(InputError, match="12 pictures, there are 8"):
        mosaics(shades, count=3)
    with pytest.raises(InputError, match="there are 2"):
        mosaics(shades, count=1, among=torch.tensor([0, 1]))
    (shades / "sub").mkdir()
    with pytest.raises(InputError, match="285_cat"):
        single_pictures(shades / "sub")
