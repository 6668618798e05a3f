"""Which of the data's statistics are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from torch import Tensor

from pellucid._core import InputSpec
from pellucid.errors import InputError, near_misses
from pellucid.features._covariance import Covariance
from pellucid.features._fourier import Fourier
from pellucid.features._free import Free
from pellucid.features._marginals import Marginals
from pellucid.features._phase import Phase
from pellucid.features._spectrum import Spectrum
from pellucid.features._statistics import Statistics
from pellucid.inputs import AudioSpec

Choice = Literal["auto", "covariance", "spectrum", "fourier", "phase", "marginals", "free"]
MOST_ELEMENTS, MOST_PITCHED = 1024, 4096
OF_PICTURES: Mapping[str, Callable[[Tensor], Statistics]] = {
    "covariance": Covariance.of,
    "spectrum": Spectrum.of,
    "fourier": Fourier.of,
    "phase": Phase.of,
    "free": Free.of,
}
OF_ROWS = ("marginals", "free")


def known(kind: str, axes: int) -> None:
    """Raise :class:`InputError` unless data ``[n, …]`` with so many axes have statistics of that name."""
    names = ("auto", *(OF_ROWS if axes == 2 else OF_PICTURES))
    if kind in names:
        return
    rows = "rows of a table" if axes == 2 else "pictures and signals"
    every = ("auto", *OF_PICTURES, OF_ROWS[0])
    if kind in every:
        raise InputError(f"statistics={kind!r} does not go with {rows}; they have {', '.join(names)}.")
    raise InputError(f"statistics={kind!r} is not known. {near_misses(kind, every)}")


def statistics_of(data: Tensor, kind: str, spec: InputSpec | None) -> Statistics:
    """Statistics of data ``[n, …]``; ``"auto"`` takes the fullest that can be estimated."""
    if data.ndim == 2:
        return Free.of(data) if kind == "free" else Marginals.of(data, spec)
    if kind == "auto":
        # pitch and beginning of a spectrogram have their fixed places, which a free phase forgets
        pitched = isinstance(spec, AudioSpec) and spec.pitched
        most = MOST_PITCHED if pitched else MOST_ELEMENTS
        kind = "covariance" if data[0].numel() <= most else "spectrum"
    return OF_PICTURES[kind](data)
