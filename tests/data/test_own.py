"""Inputs without answers: any sound, photograph or text that a person brings, or a sentence about it."""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from data.test_sounds import tone, wav
from pellucid import data
from pellucid.data._own import MOST
from pellucid.errors import InputError, LoadError

HOW = {"rate": 16_000, "seconds": 1.0}


def put(root, **files):
    for name, content in files.items():
        (root / name.replace("_", ".")).write_bytes(content)
    return root


def test_a_sound_of_another_rate_and_two_channels(tmp_path):
    both = np.stack([tone(500, 0.4, 44_100), tone(500, 0.4, 44_100)], 1).ravel()
    put(tmp_path, a_wav=wav(both, 44_100, channels=2))
    found = data.own_sounds(tmp_path / "a.wav", **HOW)
    assert found.inputs.shape == (1, 1, 16_000)
    assert found.names == ("a.wav",)
    there = 0.5 * np.sin(2 * np.pi * 500 * np.arange(16_000) / 16_000)
    assert np.abs(found.inputs[0, 0, 50:6350].numpy() - there[50:6350]).max() < 0.01
    assert not found.inputs[0, 0, 6410:].any()
    told = " ".join(found.notes)
    assert "2 channels were mixed" in told
    assert "resampled from 44,100 to 16,000" in told
    assert "lasts 0.40 s and got silence behind it" in told


def test_a_long_sound_is_cut_into_stretches_and_nothing_goes_silently(tmp_path):
    put(tmp_path, a_wav=wav(tone(500, 3.2, 8000)), b_wav=wav(tone(500, 1.7, 8000)))
    found = data.own_sounds(tmp_path, **HOW)
    assert found.names == (
        "a.wav, 0.0 to 1.0 s", "a.wav, 1.0 to 2.0 s", "a.wav, 2.0 to 3.0 s",
        "b.wav, 0.0 to 1.0 s", "b.wav, 1.0 to 1.7 s",
    )  # fmt: skip
    assert any("The last 0.20 s of a.wav were left out." in note for note in found.notes)
    put(tmp_path, c_wav=wav(tone(500, 30, 8000)))
    many = data.own_sounds(tmp_path, **HOW)
    assert len(many.inputs) == MOST
    assert f"The first {MOST} stretches of 1 s were taken; 11 more were left out." in many.notes


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.wav", b"hello", "does not begin as"),
        ("a.wav", wav(tone(300, 0.01)), "at least 0.05 s"),
        ("a.wav", wav(np.zeros(4000)), "every sample is 0"),
        ("a.wav", wav(tone(300), 900), "expected 2,000 to 400,000"),
        ("a.txt", b"hello", r"not known as one of the sounds \(.wav"),
    ],
)
def test_what_is_no_sound_is_named(tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=text) as told:
        data.own_sounds(tmp_path / name, **HOW)
    assert name in str(told.value)


def test_folders_and_archives_and_what_else_lies_in_them(tmp_path):
    put(tmp_path, b_wav=wav(tone(300)), a_wav=wav(tone(300)), notes_txt=b"x")
    found = data.own_sounds(tmp_path, **HOW)
    assert found.names == ("a.wav", "b.wav")
    assert "1 other files were not read." in found.notes
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as made:
        made.writestr("in/c.wav", wav(tone(300)))
    assert data.own_sounds(tmp_path / "s.zip", **HOW).names == ("in/c.wav",)
    with pytest.raises(InputError, match="holds no pictures"):
        data.own_photographs(tmp_path / "s.zip")
    with pytest.raises(LoadError, match=r"Did you mean a\.wav"):
        data.own_sounds(tmp_path / "aa.wav", **HOW)


def test_photographs_of_any_size_and_colour(tmp_path):
    kinds = (("a.png", "RGB", (255, 0, 0)), ("b.jpg", "L", 128), ("c.png", "RGBA", (0, 0, 255, 9)))
    for name, mode, colour in kinds:
        Image.new(mode, (300, 150), colour).save(tmp_path / name)
    found = data.own_photographs(tmp_path)
    assert found.inputs.shape == (3, 3, 224, 224)
    assert found.inputs[0, :, 5, 5].tolist() == [1, 0, 0]
    assert torch.allclose(found.inputs[1], torch.tensor(128 / 255), atol=0.01)
    buffer = io.BytesIO()
    Image.new("RGB", (30, 30)).save(buffer, format="PNG")
    (tmp_path / "d.png").write_bytes(buffer.getvalue()[:60])
    with pytest.raises(InputError, match=r"d\.png is no picture"):
        data.own_photographs(tmp_path)


def test_texts_of_any_kind(tmp_path):
    put(tmp_path, t_csv=b"id,review\n1,a fine film\n2,\n3,dull\n", one_csv=b"words\nhello there\n",
        l_txt="one line\n\nand  a second ä\n".encode())  # fmt: skip
    with pytest.raises(InputError, match=r"--text COLUMN. Columns: id, review"):
        data.own_texts(tmp_path / "t.csv")
    with pytest.raises(InputError, match="review"):
        data.own_texts(tmp_path / "t.csv", text="revieww")
    found = data.own_texts(tmp_path / "t.csv", text="review")
    assert found.inputs == ("a fine film", "dull")
    assert found.names == ("t.csv, row 1", "t.csv, row 3")
    assert data.own_texts(tmp_path / "one.csv").inputs == ("hello there",)
    assert data.own_texts(tmp_path / "l.txt").inputs == ("one line", "and a second ä")
    assert data.own_texts(tmp_path).inputs == ("one line and a second ä",)
    with pytest.raises(InputError, match="names a column of a table"):
        data.own_texts(tmp_path / "l.txt", text="review")
    put(tmp_path, e_txt=b" \n", bad_txt=b"\xff\xfe\xfa")
    with pytest.raises(InputError, match="holds no text"):
        data.own_texts(tmp_path / "e.txt")
    with pytest.raises(InputError, match="UTF-8"):
        data.own_texts(tmp_path / "bad.txt")
