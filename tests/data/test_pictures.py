import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid import data
from pellucid.errors import InputError, LoadError

RNG = np.random.default_rng(0)


def draw(path, *, size=(6, 4), mode="L", value=None, **options):
    """A picture of ``size`` (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = RNG.integers(0, 256, (size[1], size[0], *channels)).astype(np.uint8)
    pixels = pixels if value is None else np.full_like(pixels, value)
    Image.fromarray(pixels).save(path, **options)
    return pixels


@pytest.fixture
def zoo(tmp_path):
    for name in ("cat", "dog"):
        for k in range(10):
            draw(tmp_path / "zoo" / name / f"{k}.png")
    return tmp_path / "zoo"


def test_a_folder_per_class(zoo):
    made = data.pictures(zoo)
    assert (made.name, made.classes, made.inputs.shape) == ("zoo", ("cat", "dog"), (20, 1, 4, 6))
    assert made.answers.tolist() == [0] * 10 + [1] * 10
    assert made.notes == ()
    made.spec.check(made.inputs)


def test_pictures_are_named_by_their_files(zoo):
    (zoo / "cat" / "torn.png").write_bytes(b"no picture")
    made = data.pictures(zoo, skip=True)
    assert made.names == tuple(f"{name}/{k}.png" for name in ("cat", "dog") for k in range(10))


def test_pixels_are_those_of_the_files_and_standardised_on_training(zoo):
    made = data.pictures(zoo)
    first = np.asarray(Image.open(zoo / "cat" / "0.png")) / 255
    assert torch.allclose(
        made.spec.to_pixels(made.inputs)[0, 0], torch.tensor(first, dtype=torch.float32), atol=1e-5
    )
    train = made.part("train").inputs
    assert abs(float(train.mean())) < 1e-4
    assert float(train.std(correction=0)) == pytest.approx(1, abs=1e-4)


def test_colour_is_kept_where_there_is_some(zoo):
    draw(zoo / "cat" / "colour.png", mode="RGB")
    made = data.pictures(zoo)
    assert made.inputs.shape == (21, 3, 4, 6)
    assert made.spec.channel_names == ("red", "green", "blue")
    assert made.notes == ("20 grey pictures were read as colour pictures.",)
    grey = data.pictures(zoo, colour="grey")
    assert grey.inputs.shape[1] == 1
    assert grey.notes == ("1 coloured pictures were turned grey.",)


def test_transparency_is_reported(zoo):
    draw(zoo / "cat" / "clear.png", mode="RGBA")
    assert "Transparency of 1 pictures was dropped." in data.pictures(zoo).notes


def test_sizes_that_differ_are_made_equal_and_noted(zoo):
    draw(zoo / "cat" / "large.png", size=(12, 8))
    made = data.pictures(zoo)
    assert made.inputs.shape == (21, 1, 4, 6)
    assert made.notes == ("Pictures have 2 sizes; all were resized to 4×6 (height × width).",)
    assert data.pictures(zoo, size=5).inputs.shape == (21, 1, 5, 5)
    assert data.pictures(zoo, size=(3, 7)).inputs.shape == (21, 1, 3, 7)
    with pytest.raises(InputError, match="size must be at least 1"):
        data.pictures(zoo, size=0)


def test_large_pictures_are_made_small_and_noted(tmp_path):
    for name in ("a", "b"):
        draw(tmp_path / name / "1.png", size=(448, 300))
    made = data.pictures(tmp_path)
    assert made.inputs.shape == (2, 1, 150, 224)
    assert made.notes[0] == "Pictures are 300×448; all were resized to 150×224 (height × width)."


def test_train_and_test_folders_are_recognised(tmp_path):
    for part, count in (("train", 20), ("test", 3)):
        for name in ("cat", "dog"):
            for k in range(count):
                draw(tmp_path / part / name / f"{k}.png")
    made = data.pictures(tmp_path)
    assert made.classes == ("cat", "dog")
    assert made.parts.bincount().tolist() == [34, 6, 6]
    draw(tmp_path / "extra" / "x.png")
    assert any("not read: extra" in note for note in data.pictures(tmp_path).notes)
    draw(tmp_path / "test" / "emu" / "0.png")
    with pytest.raises(InputError, match="class emu has pictures for testing but none for training"):
        data.pictures(tmp_path)


def test_numbered_classes_are_in_their_order(tmp_path):
    for name in ("10", "9", "1"):
        draw(tmp_path / name / "x.png")
    assert data.pictures(tmp_path).classes == ("1", "9", "10")


def test_turned_photographs_are_set_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = draw(tmp_path / "a" / "1.png", size=(6, 4), exif=exif)
    draw(tmp_path / "b" / "1.png", size=(4, 6))
    made = data.pictures(tmp_path)
    assert made.inputs.shape == (2, 1, 6, 4)
    upright = torch.tensor(np.rot90(pixels, -1) / 255, dtype=torch.float32)
    assert torch.allclose(made.spec.to_pixels(made.inputs)[0, 0], upright, atol=1e-5)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.array([[0, 32896, 65535]], dtype=np.uint16)).save(tmp_path / name / "1.png")
    made = data.pictures(tmp_path)
    assert made.spec.to_pixels(made.inputs)[0, 0, 0].tolist() == pytest.approx([0, 128 / 255, 1], abs=1e-5)


def test_clutter_of_file_managers_is_passed_over(zoo):
    (zoo / "cat" / ".DS_Store").write_text("x")
    (zoo / "cat" / "Thumbs.db").write_text("x")
    (zoo / ".git").mkdir()
    assert len(data.pictures(zoo)) == 20


def truncated(path):
    draw(path, size=(64, 64), mode="RGB")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_truncated_pictures_are_named(zoo, ending):
    truncated(zoo / "dog" / f"broken.{ending}")
    with pytest.raises(
        InputError, match=rf"dog/broken\.{ending} in .* cannot be read \(.*\)\. Repair or remove it"
    ):
        data.pictures(zoo)
    made = data.pictures(zoo, skip=True)
    assert len(made) == 20
    assert any(
        f"dog/broken.{ending} cannot be read" in note and "was left out" in note for note in made.notes
    )


@pytest.mark.parametrize("content", [b"just text", b"", b"\x89PNG\r\n\x1a\n"])
def test_files_that_are_no_pictures_are_named(zoo, content):
    (zoo / "cat" / "notes.png").write_bytes(content)
    with pytest.raises(InputError, match=r"cat/notes\.png in .* (is no picture|cannot be read)"):
        data.pictures(zoo)
    assert len(data.pictures(zoo, skip=True)) == 20


def test_folders_that_cannot_be_learned_from(tmp_path, zoo):
    with pytest.raises(LoadError, match=r"Did you mean zoo"):
        data.pictures(tmp_path / "zo")
    with pytest.raises(LoadError, match="is a file"):
        data.pictures(zoo / "cat" / "0.png")
    with pytest.raises(InputError, match="has no folders"):
        data.pictures(zoo / "cat")
    (zoo / "emu").mkdir()
    with pytest.raises(InputError, match=r"emu in .* holds no pictures or sounds"):
        data.pictures(zoo)
    draw(tmp_path / "one" / "only" / "1.png")
    with pytest.raises(InputError, match="one class only"):
        data.pictures(tmp_path / "one")
    (tmp_path / "bad" / "a").mkdir(parents=True)
    (tmp_path / "bad" / "a" / "x.txt").write_text("x")
    with pytest.raises(InputError, match="none of its files is a picture"):
        data.pictures(tmp_path / "bad", skip=True)


def test_cifar_pictures(real_file, tmp_path):
    with zipfile.ZipFile(real_file("cifar10_jpg.zip")) as archive:
        seen: dict[str, int] = {}
        for name in archive.namelist():
            folder = name.rpartition("/")[0]
            seen[folder] = seen.get(folder, 0) + 1
            if name.endswith(".jpg") and seen[folder] <= 6:
                archive.extract(name, tmp_path)
    root = next(path.parent for path in tmp_path.rglob("train"))
    made = data.pictures(root)
    assert made.inputs.shape[1:] == (3, 32, 32)
    assert (len(made.classes), int((made.parts == 2).sum()) > 0) == (10, True)
    assert data.from_path(root).inputs.shape == made.inputs.shape
    made.spec.check(made.inputs)


@pytest.mark.parametrize("above", ["", "set/", "my set/pictures/"])
def test_an_archive_is_read_as_the_folder_it_holds(zoo, tmp_path, above):
    with zipfile.ZipFile(tmp_path / "zoo.zip", "w") as packed:
        for path in sorted(zoo.rglob("*.png")):
            packed.write(path, f"{above}{path.relative_to(zoo)}")
        packed.writestr(f"__MACOSX/{above}cat/._0.png", b"\0\5\26\7")
        packed.writestr(f"{above}.DS_Store", b"x")
    made, loose = data.from_path(tmp_path / "zoo.zip"), data.pictures(zoo)
    assert made.names == loose.names
    assert (made.name, made.classes, made.notes) == ("zoo", loose.classes, loose.notes)
    assert torch.equal(made.inputs, loose.inputs)
    assert torch.equal(made.parts, loose.parts)


def test_an_archive_with_parts_and_one_without_pictures(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for k in range(12):
            draw(tmp_path / "p.png")
            packed.write(tmp_path / "p.png", f"{('train', 'test')[k % 3 == 2]}/{'ab'[k % 2]}/{k}.png")
    made = data.pictures(tmp_path / "a.zip")
    assert made.classes == ("a", "b")
    assert int((made.parts == 2).sum()) == 4
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr("table.csv", "x,y")
    with pytest.raises(InputError, match="has no folders"):
        data.from_path(tmp_path / "b.zip")


def test_without_a_common_size_the_median_is_taken(zoo):
    for k in range(30):
        draw(zoo / "cat" / f"more{k}.png", size=(20 + k, 10 + k))
    assert data.pictures(zoo).notes[0].endswith("all were resized to 14×24 (height × width).")
