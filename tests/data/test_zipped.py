"""Archives from strangers: names that lead elsewhere, and files that unpack without end."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest

from pellucid import data
from pellucid.data import _zipped, masked_pictures
from pellucid.data._paths import read_bytes
from pellucid.data._zipped import Zipped
from pellucid.errors import InputError, LoadError


@pytest.fixture
def packed(tmp_path):
    def pack(files, name="a.zip", how=zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / name, "w", how) as made:
            for each, content in files.items():
                made.writestr(each, content)
        return tmp_path / name

    return pack


@pytest.fixture
def small(monkeypatch):
    """The same limits in a smaller world."""
    monkeypatch.setattr(_zipped, "EACH", 10_000)
    monkeypatch.setattr(_zipped, "WHOLE", 30_000)


@pytest.mark.parametrize(
    "name", ["../low/1.wav", "/low/1.wav", "low/../../1.wav", "..\\1.wav", "C:\\1.wav", "C:/low/1.wav"]
)
def test_names_that_lead_out_are_refused(packed, name):
    place = packed({"low/0.wav": b"x", name: b"x"})
    for read in (Zipped, data.sounds, data.from_path, masked_pictures):
        with pytest.raises(LoadError, match=r"leads out of it: not opened"):
            read(place)


def test_an_index_cannot_lead_out_of_its_folder(tmp_path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (tmp_path / "frames" / "index.csv").write_text("name,sequence,imagenet_ok\n../../secret,a,281\n")
    with pytest.raises(LoadError, match="leads out of it"):
        masked_pictures(tmp_path / "frames")


def test_a_file_that_unpacks_without_end_is_refused(packed, small):
    place = packed({"low/0.wav": bytes(50_000)})
    with pytest.raises(
        LoadError, match=r"low/0.wav in .* would unpack from \d+ bytes to 50 kB, which is not read"
    ):
        data.sounds(place)


def test_many_files_that_unpack_without_end_together_are_refused(packed, small):
    place = packed({f"low/{k}.wav": bytes(9_000) for k in range(12)})
    read = Zipped(place)
    with pytest.raises(LoadError, match=r"a.zip would unpack from .* or more"):
        [read.read(name) for name in read.names]


def test_what_is_large_on_disk_too_is_read(packed, small):
    noise = np.random.default_rng(0).bytes(50_000)
    assert Zipped(packed({"low/0.wav": noise})).read("low/0.wav") == noise
    assert Zipped(packed({"low/0.wav": bytes(50_000)}, how=zipfile.ZIP_STORED)).read("low/0.wav") == bytes(
        50_000
    )


def test_an_archive_that_lies_about_its_sizes_gives_no_more_than_it_says(packed, small):
    place = packed({"a.wav": bytes(60_000)})
    content = bytearray(place.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 900)
    place.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        Zipped(place).read("a.wav")


def test_damage_and_locks_are_named(packed, tmp_path):
    place = packed({"a.wav": b"some sound", "b.wav": b"more"}, how=zipfile.ZIP_STORED)
    content = bytearray(place.read_bytes())
    content[content.find(b"some")] = 0
    content[content.rfind(b"PK\x01\x02") + 8] |= 1
    place.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        Zipped(place).read("a.wav")
    with pytest.raises(LoadError, match="password"):
        Zipped(place).read("b.wav")
    with pytest.raises(LoadError, match=r"has no c\.wav"):
        Zipped(place).read("c.wav")
    (tmp_path / "no.zip").write_bytes(b"PK nothing")
    with pytest.raises(LoadError, match=r"neither a folder nor a \.zip"):
        Zipped(tmp_path / "no.zip")


def test_a_damaged_sound_in_an_archive_can_be_left_out(packed):
    place = packed({"low/a.wav": b"some sound", "high/b.wav": b"more"}, how=zipfile.ZIP_STORED)
    content = bytearray(place.read_bytes())
    content[content.find(b"some")] = 0
    place.write_bytes(content)
    with pytest.raises(InputError, match=r"b.wav|low/a.wav"):
        data.sounds(place)


def test_arrays_and_packed_tables_are_bounded_too(tmp_path, small):
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((2000, 4, 4)), y=np.arange(2000) % 2)
    with pytest.raises(LoadError, match="would unpack"):
        data.npz(tmp_path / "x.npz")
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
        file.write(b"a,b\n" + b"1,2\n" * 5000)
    (tmp_path / "x.csv.gz").write_bytes(buffer.getvalue())
    with pytest.raises(LoadError, match="would unpack"):
        read_bytes(tmp_path / "x.csv.gz")


def test_a_packed_sound_that_unpacks_without_end_is_refused(tmp_path, small):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", np.zeros(400_000), 8000)
    with pytest.raises(InputError, match=r"a\.flac.*would unpack from .* to 1\.6 MB"):
        data.own_sounds(tmp_path / "a.flac", rate=8000, seconds=1.0)
