"""From numbers to pixels: inputs as people see them, signed overlays, hatches, sheets, PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import numpy as np
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.figures._colour import Numbers, Pixels, paint_signed
from pellucid.figures._heard import heard
from pellucid.inputs import AudioSpec

if TYPE_CHECKING:
    from PIL import Image

BLOCKS = 3  # below as many pixels per value, blocks are not told apart
_LARGE = 12_000  # bytes: below this a picture is kept exactly
_CLEAR = 255  # the colour of a cut sheet that lets the page through


@runtime_checkable
class Pictured(Protocol):
    """A spec that can show an input in the pixels of human view."""

    def to_pixels(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` in 0..1."""
        ...


def array(x: Tensor) -> Numbers:
    """A tensor as float64 numpy."""
    return cast("Numbers", x.detach().cpu().double().numpy())


def is_picture(x: Tensor, spec: InputSpec | None) -> bool:
    """Whether rows of ``x`` can be drawn: the spec says so (sounds can); without one, 1 or 3 channels do."""
    if isinstance(spec, AudioSpec):
        return x.ndim == len(spec.axes) + 1
    if spec is not None:
        return isinstance(spec, Pictured) and x.ndim == 4
    return x.ndim == 4 and x.shape[1] in (1, 3)


def seen(x: Tensor, spec: InputSpec | None) -> Numbers:
    """One input ``[C, H, W]`` as people see it: ``[H, W, 3]`` in 0..1.

    Without a spec the range of the input is stretched to black and white. Inputs with neither one nor three
    channels are shown as the mean of their channels, sounds as a grey spectrogram or an outline.
    """
    if isinstance(spec, AudioSpec):
        return heard(x, spec)
    if isinstance(spec, Pictured):
        pixels = array(spec.to_pixels(x[None])[0])
    else:
        pixels = array(x)
        low, high = float(pixels.min()), float(pixels.max())
        pixels = (pixels - low) / (high - low) if high > low else np.zeros_like(pixels)
    if len(pixels) == 3:
        return np.clip(pixels.transpose(1, 2, 0), 0.0, 1.0)
    grey = np.clip(pixels.mean(0), 0.0, 1.0)
    return np.repeat(grey[..., None], 3, axis=2)


def limit_of(values: Numbers) -> float:
    """Where the colour scale ends: the 99.5 % quantile of the magnitudes, so one pixel cannot pale it."""
    finite = np.abs(values[np.isfinite(values)])
    if not finite.size:
        return 1.0
    return float(np.quantile(finite, 0.995)) or float(finite.max()) or 1.0


def overlay(values: Numbers, limit: float, base: Numbers | None) -> Numbers:
    """Signed colours over a faint drawing of the input: ``[H, W, 3]`` in 0..1.

    The input is drawn dark on light, whatever its own ground, and multiplies the colours, so that zero
    looks like plain paper and equal values look equal on equal ground.
    """
    if base is None:
        return paint_signed(values, limit)
    grey = base.mean(2)
    shade = grey if float(np.median(grey)) > 0.4 else 1.0 - grey
    return paint_signed(enlarge_to(values, shade.shape), limit) * (0.62 + 0.38 * shade)[..., None]


def enlarge_to(values: Numbers, shape: tuple[int, ...]) -> Numbers:
    """Every value as a block, where a map is coarser than its input."""
    rows = np.arange(shape[0]) * values.shape[0] // shape[0]
    columns = np.arange(shape[1]) * values.shape[1] // shape[1]
    return values[rows][:, columns]


def hatch(picture: Numbers, *, step: int = 12, width: int = 3) -> Numbers:
    """Diagonal stripes over a picture whose evidence failed."""
    rows, columns = np.indices(picture.shape[:2])
    stripe = np.less((rows + columns) % step, width)[..., None]
    return np.where(stripe, 0.25 * picture + 0.75 * 0.45, picture)


def fit(picture: Numbers, size: int) -> Pixels:
    """A picture whose longer side is about ``size``: small ones in whole blocks, others resampled."""
    pixels = np.round(np.clip(picture, 0.0, 1.0) * 255).astype(np.uint8)
    longest = max(pixels.shape[:2])
    # blocks of one or two pixels would leave a third of the place empty and show nothing more
    if longest == size or size // longest > BLOCKS:
        return pixels.repeat(size // longest, axis=0).repeat(size // longest, axis=1)
    from PIL import Image

    share = size / longest
    to = (max(1, round(pixels.shape[1] * share)), max(1, round(pixels.shape[0] * share)))
    return np.asarray(Image.fromarray(pixels).resize(to, Image.Resampling.LANCZOS))


def png(pixels: Pixels) -> bytes:
    """PNG bytes of grey, RGB or RGBA pixels; photographs are cut to the 256 colours that fit best."""
    from PIL import Image

    made = Image.fromarray(np.ascontiguousarray(pixels))
    if all(np.array_equal(pixels[..., 0], pixels[..., channel]) for channel in (1, 2)):
        made = made.convert("LA" if made.mode == "RGBA" else "L")
    exact = _encoded(made)
    if len(exact) < _LARGE or made.mode in ("L", "LA"):
        return exact
    return min(exact, _encoded(_cut(made)), key=len)


def _cut(made: Image.Image) -> Image.Image:
    """The 256 colours that fit best; of a sheet one is the clear seam between its tiles."""
    from PIL import Image

    if made.mode == "RGB":
        return made.quantize(256, dither=Image.Dither.NONE)
    cut = made.convert("RGB").quantize(_CLEAR, dither=Image.Dither.NONE)
    seams = ~np.asarray(made.getchannel("A"), dtype=bool)
    cut.putpalette([*(cut.getpalette() or ())[: 3 * _CLEAR], 0, 0, 0])
    cut.paste(_CLEAR, mask=Image.fromarray(seams))
    cut.info["transparency"] = _CLEAR
    return cut


def _encoded(made: Image.Image) -> bytes:
    stream = io.BytesIO()
    made.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def sheet(tiles: list[Numbers], size: int, *, columns: int, gap: int = 3) -> Pixels:
    """Tiles in rows, RGBA, with transparent seams so that the page shows between them."""
    height = max(1, -(-len(tiles) // columns))
    wide = min(columns, max(1, len(tiles)))
    canvas = np.zeros((height * (size + gap) - gap, wide * (size + gap) - gap, 4), dtype=np.uint8)
    for i, tile in enumerate(tiles):
        small = fit(tile, size)
        top = (i // columns) * (size + gap) + (size - small.shape[0]) // 2
        left = (i % columns) * (size + gap) + (size - small.shape[1]) // 2
        canvas[top : top + small.shape[0], left : left + small.shape[1], :3] = small
        canvas[top : top + small.shape[0], left : left + small.shape[1], 3] = 255
    return canvas


def colour_bar(width: int = 128, height: int = 6) -> bytes:
    """The signed scale from ``-limit`` to ``+limit``."""
    ramp = np.repeat(np.linspace(-1.0, 1.0, width)[None], height, axis=0)
    return png(np.round(paint_signed(ramp, 1.0) * 255).astype(np.uint8))
