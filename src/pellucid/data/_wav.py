"""Sound files as numbers: ``.wav`` by itself, other kinds through soundfile."""

from __future__ import annotations

import io
import struct
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pellucid.data._zipped import most, size
from pellucid.errors import LoadError

SOUNDS = (".wav", ".flac", ".ogg")
EXTENSIBLE = 0xFFFE
PCM, FLOAT = 1, 3
CODECS = {2: "ADPCM", 6: "A-law", 7: "µ-law", 0x11: "ADPCM", 0x55: "MP3"}

Samples = NDArray[np.float32]


def decoded(content: bytes, name: str) -> tuple[Samples, int]:
    """Samples ``[T, channels]`` with full scale at ±1, and how many there are per second.

    Raises:
        ValueError: if the content is damaged or no sound; the text says how.
        LoadError: if it needs soundfile, which is not installed.
    """
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return _wav(content)
    if name.lower().endswith(".wav"):
        raise ValueError("it does not begin as a .wav file")
    return _by_soundfile(content, name)


def _wav(content: bytes) -> tuple[Samples, int]:
    chunks = _chunks(content)
    if "fmt " not in chunks or len(chunks["fmt "]) < 16:
        raise ValueError("it does not say what its numbers mean (no fmt chunk)")
    if "data" not in chunks:
        raise ValueError("it is cut short: it holds no samples")
    kind, channels, rate, _, block, bits = struct.unpack("<HHIIHH", chunks["fmt "][:16])
    if kind == EXTENSIBLE and len(chunks["fmt "]) >= 26:
        (kind,) = struct.unpack("<H", chunks["fmt "][24:26])
    if not channels or not rate or block != channels * bits // 8:
        raise ValueError("its fmt chunk contradicts itself")
    data = chunks["data"][: len(chunks["data"]) // block * block]
    return _numbers(data, kind, bits).reshape(-1, channels), rate


def _chunks(content: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    place = 12
    while place + 8 <= len(content):
        name = content[place : place + 4].decode("latin-1")
        (size,) = struct.unpack("<I", content[place + 4 : place + 8])
        end = place + 8 + size
        # programs that stream leave 0 or the largest number as the size of the last chunk
        endless = name == "data" and size in (0, 0xFFFFFFFF)
        if end > len(content) and not endless:
            raise ValueError(f"it is cut short: {len(content):,} of at least {end:,} bytes")
        found.setdefault(name, content[place + 8 :] if endless else content[place + 8 : end])
        place = len(content) if endless else end + size % 2
    return found


def _numbers(data: bytes, kind: int, bits: int) -> Samples:
    if kind == FLOAT and bits in (32, 64):
        return np.frombuffer(data, f"<f{bits // 8}").astype(np.float32, copy=True)
    if kind == PCM and bits == 8:
        return ((np.frombuffer(data, np.uint8) - 128.0) / 128).astype(np.float32)
    if kind == PCM and bits in (16, 32):
        return (np.frombuffer(data, f"<i{bits // 8}") / 2 ** (bits - 1)).astype(np.float32)
    if kind == PCM and bits == 24:
        three = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(three), 4), np.uint8)
        wide[:, 1:] = three  # in the upper bytes, so that the sign comes out by itself
        return (wide.view("<i4")[:, 0] / 2**31).astype(np.float32)
    what = CODECS.get(kind, f"format {kind}") if kind not in (PCM, FLOAT) else f"{bits} bits"
    raise ValueError(f"it is coded as {what}; save it as PCM of 8 to 32 bits or as float")


def _by_soundfile(content: bytes, name: str) -> tuple[Samples, int]:
    try:
        import soundfile
    except (ImportError, OSError):
        ending = name[name.rfind(".") :]
        raise LoadError(
            f"{name}: reading {ending} needs soundfile: pip install 'pellucid[audio]'. "
            ".wav files are read without it."
        ) from None
    try:
        with cast("Any", soundfile).SoundFile(io.BytesIO(content)) as file:
            unpacked = 4 * file.frames * file.channels
            if unpacked > most(len(content)):
                raise ValueError(
                    f"it would unpack from {size(len(content))} to {size(unpacked)}, which is not read"
                )
            samples, rate = file.read(dtype="float32", always_2d=True), file.samplerate
    except RuntimeError as error:
        raise ValueError(str(error).removeprefix("Error opening ")) from None
    return cast("Samples", samples), int(rate)
