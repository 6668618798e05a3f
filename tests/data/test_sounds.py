"""Folders of sounds: every width of number, layouts, parts by voice, one rate and one length."""

import struct
import zipfile

import numpy as np
import pytest
import torch

from pellucid import data
from pellucid.data._wav import decoded
from pellucid.errors import InputError, LoadError

RNG = np.random.default_rng(0)


def wav(samples, rate=8000, *, kind=1, bits=16, channels=1, extensible=False, cut=0):
    """A .wav file by hand."""
    samples = np.asarray(samples, dtype=np.float64)
    if kind == 3:
        body = samples.astype(f"<f{bits // 8}").tobytes()
    elif bits == 8:
        body = (samples * 127 + 128).round().astype(np.uint8).tobytes()
    elif bits == 24:
        whole = (samples * (2**23 - 1)).round().astype("<i4")
        body = whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    else:
        body = (samples * (2 ** (bits - 1) - 1)).round().astype(f"<i{bits // 8}").tobytes()
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", 0xFFFE if extensible else kind, channels, rate, rate * block, block, bits)
    if extensible:
        fmt += struct.pack("<HHIH", 22, bits, 0, kind) + bytes(14)
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + odd + b"data" + struct.pack("<I", len(body)) + body
    whole = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
    return whole[: len(whole) - cut]


def tone(hertz, seconds=0.1, rate=8000, loud=0.5):
    return loud * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


@pytest.fixture
def folder(tmp_path):
    for name, hertz in (("low", 300), ("high", 2500)):
        (tmp_path / "sounds" / name).mkdir(parents=True)
        for k in range(10):
            (tmp_path / "sounds" / name / f"{k}.wav").write_bytes(wav(tone(hertz + 10 * k)))
    return tmp_path / "sounds"


@pytest.fixture
def flat(tmp_path):
    (tmp_path / "flat").mkdir()
    for name, hertz in (("low", 300), ("high", 2500)):
        for who in ("ann", "bob", "cy"):
            for k in range(8):
                (tmp_path / "flat" / f"{name}_{who}_{k}.wav").write_bytes(wav(tone(hertz + 10 * k)))
    return tmp_path / "flat"


@pytest.mark.parametrize(
    ("kind", "bits", "step"),
    [(1, 8, 2**-7), (1, 16, 2**-15), (1, 24, 2**-23), (1, 32, 2**-23), (3, 32, 2**-23), (3, 64, 2**-23)],
)
@pytest.mark.parametrize("extensible", [False, True])
def test_every_width_of_number_reads_as_the_same_sound(kind, bits, step, extensible):
    samples = RNG.uniform(-1, 1, 64)
    read, rate = decoded(wav(samples, 44100, kind=kind, bits=bits, extensible=extensible), "a.wav")
    assert (rate, read.shape, read.dtype) == (44100, (64, 1), np.float32)
    assert np.abs(read[:, 0] - samples).max() <= 2 * step


def test_channels_come_apart():
    read, _ = decoded(wav([0.5, -0.5, 0.25, -0.25], channels=2), "a.wav")
    assert np.allclose(read, [[0.5, -0.5], [0.25, -0.25]], atol=1e-4)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"hello, this is text", "does not begin as"),
        (wav(tone(300), cut=40), "cut short"),
        (wav(tone(300), kind=6, bits=16), "A-law"),
        (wav([0.0, 0.0], kind=1, bits=16)[:36], "no samples|fmt"),
    ],
)
def test_damage_is_named(content, text):
    with pytest.raises(ValueError, match=text):
        decoded(content, "a.wav")


def test_a_folder_per_class(folder):
    made = data.from_path(folder)
    assert (made.classes, made.inputs.shape) == (("high", "low"), (20, 1, 40, 10))
    assert made.spec.axes == ("C", "F", "T")
    made.spec.check(made.inputs)
    train = made.part("train").inputs
    assert float(train.mean((0, 1, 3)).abs().max()) < 1e-3
    loud = made.spec.levels(made.inputs).mean((0, 1, 3))
    assert (
        made.spec.hertz(int(made.spec.levels(made.inputs[made.answers == 1]).mean((0, 1, 3)).argmax())) < 500
    )
    assert loud.shape == (40,)


def test_parts_by_folder_and_from_a_zip(folder, tmp_path):
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in sorted(folder.rglob("*.wav")):
            part = "test" if path.stem in "01" else "train"
            file.write(path, f"{part}/{path.parent.name}/{path.name}")
        file.writestr("__MACOSX/._x.wav", b"")
    made = data.from_path(packed)
    assert (made.name, len(made), int((made.parts == 2).sum())) == ("packed", 20, 4)


def test_voices_can_be_held_out(flat):
    made = data.sounds(flat, pattern="{label}_{speaker}_{take}", held_out="speaker=bob")
    assert int((made.parts == 2).sum()) == 16
    assert "Held out for testing: speaker=bob (16 sounds)." in made.notes
    takes = data.sounds(flat, pattern="{label}_{speaker}_{take}", held_out="take=0,1")
    assert int((takes.parts == 2).sum()) == 12


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "say how"),
        ({"pattern": "{label}-{speaker}"}, "does not fit"),
        ({"pattern": "{speaker}_{take}"}, "no {label}"),
        ({"pattern": "label"}, "in braces"),
        ({"pattern": "{label}_{who}_{take}", "held_out": "speaker=bob"}, "who"),
        ({"pattern": "{label}_{speaker}_{take}", "held_out": "speaker=bobby"}, "bob"),
        ({"pattern": "{label}_{speaker}_{take}", "held_out": "bob"}, "NAME=VALUE"),
        ({"pattern": "{label}_{speaker}_{take}", "held_out": "speaker=ann,bob,cy"}, "no sound to learn"),
        ({"pattern": "{label}_{speaker}_{take}", "front": "mel"}, "spectrogram"),
        ({"pattern": "{label}_{speaker}_{take}", "held_out": "label=low"}, "none for training"),
        ({"rate": 7_999_999}, "rate must be 1 to 384,000 samples per second, got 7,999,999. Leave"),
        ({"rate": 0}, "rate must be 1"),
        (
            {"rate": 3, "pattern": "{label}_{speaker}_{take}"},
            "more than 100 samples per second; these sounds have 3. Use",
        ),
        ({"seconds": float("inf")}, "seconds must be above 0, got inf"),
        ({"bins": 1}, "bins must be at least 2, got 1"),
    ],
)
def test_names_that_do_not_fit_are_said(flat, options, text):
    with pytest.raises(InputError, match=text):
        data.sounds(flat, **options)


def test_one_rate_one_length_one_channel_and_all_of_it_noted(folder):
    (folder / "low" / "0.wav").write_bytes(wav(tone(300, 0.2, 16000), 16000))
    both = np.stack([tone(310, 0.05), tone(310, 0.05)], 1).ravel()
    (folder / "low" / "1.wav").write_bytes(wav(both, channels=2))
    made = data.sounds(folder, front="waveform", seconds=0.1)
    assert made.inputs.shape == (20, 1, 800)
    told = " ".join(made.notes)
    assert "1 of 20 sounds were resampled to 8,000 samples per second." in told
    assert "1 sounds of several channels were mixed to one." in told
    assert "0.05 to 0.20 s; all were brought to 0.10 s: 1 lost their end, 1 got silence" in told
    waves = made.spec.levels(made.inputs)[made.answers == 1]
    assert torch.allclose(waves.abs().amax((1, 2)), torch.ones(10), atol=1e-3)
    # resampled, the tone is still the same tone
    there = np.sin(2 * np.pi * 300 * np.arange(800) / 8000)
    assert np.abs(waves[0, 0].numpy()[50:-50] - there[50:-50]).max() < 0.03


def test_damaged_and_silent_files_are_named_or_left_out(folder):
    (folder / "low" / "bad.wav").write_bytes(wav(tone(300), cut=30))
    with pytest.raises(InputError, match=r"low/bad.wav.*cut short.*skip=True"):
        data.sounds(folder)
    (folder / "high" / "mute.wav").write_bytes(wav(np.zeros(100)))
    made = data.sounds(folder, skip=True)
    assert len(made) == 20
    assert sum("left out" in note for note in made.notes) == 2


def test_flac_is_read_where_soundfile_is_and_asked_for_where_not(folder, monkeypatch):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(folder / "low" / "x.flac", tone(305), 8000)
    made = data.sounds(folder)
    assert len(made) == 21
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(LoadError, match=r"pellucid\[audio\]"):
        data.sounds(folder)


def test_folders_of_pictures_are_still_pictures(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no sounds"):
        data.sounds(tmp_path / "empty")
    (tmp_path / "a.bin").write_bytes(b"x")
    with pytest.raises(LoadError, match=r"a \.zip"):
        data.sounds(tmp_path / "a.bin")
