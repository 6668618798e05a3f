"""A part of the input that an expectation speaks of: a column, a region, a word, a band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import cast

import torch
from torch import Tensor

from pellucid._core import InputSpec, Subject
from pellucid.errors import InputError, near_misses
from pellucid.inputs import AudioSpec, ImageSpec, TabularSpec, TextSpec


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the input; exactly one of these is given.

    Args:
        column: name of a table's column.
        columns: names of several, taken together.
        region: of a picture, in pixels: ``(top, left, bottom, right)``, the ends not counted in; negative
            numbers count from the end.
        border: of a picture, how many pixels wide.
        token: a word or token of a text, wherever it stands, in capitals or not.
        band: of a spectrogram, from and to in hertz.
        time: of a sound, from and to in seconds.

    Raises:
        InputError: where not exactly one is given, or with another count of numbers.

    Example:
        >>> str(Part(column="age")), str(Part(border=2)), str(Part(band=(0, 300)))
        ('age', 'the border of 2 pixels', '0–300 Hz')
    """

    column: str = ""
    columns: tuple[str, ...] = ()
    region: tuple[int, ...] = ()
    border: int = 0
    token: str = ""
    band: tuple[float, ...] = ()
    time: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse none, or several."""
        given = [each.name for each in fields(self) if getattr(self, each.name)]
        known = [each.name for each in fields(self)]
        if len(given) != 1:
            said = " and ".join(given) if given else "none"
            raise InputError(f"A part is named by exactly one of {', '.join(known)}; got {said}.")
        sizes = {"region": 4, "band": 2, "time": 2}
        size = sizes.get(given[0])
        if size is not None and len(getattr(self, given[0])) != size:
            raise InputError(f"{given[0]} takes {size} numbers, got {list(getattr(self, given[0]))}.")

    def __str__(self) -> str:
        if self.region:
            top, left, bottom, right = self.region
            return f"the region from row {top}, column {left} to row {bottom}, column {right}"
        if self.border:
            return f"the border of {self.border} pixel{'s' if self.border != 1 else ''}"
        if self.band:
            return f"{self.band[0]:g}–{self.band[1]:g} Hz"
        if self.time:
            return f"{self.time[0]:g}–{self.time[1]:g} s"
        return repr(self.token) if self.token else self.column or " and ".join(self.columns)

    def mask(self, x: Tensor, spec: InputSpec) -> Tensor:
        """Which elements it is: bool ``[1, *shape]``, or ``[N, T]`` for texts, whose rows differ.

        Raises:
            InputError: where the inputs have no such part.
        """
        if self.column or self.columns:
            return _columns(self.columns or (self.column,), spec)
        if self.token:
            return _token(self.token, x, spec)
        if self.region or self.border:
            return self._pixels(x, spec)
        return self._sound(x, spec)

    def _pixels(self, x: Tensor, spec: InputSpec) -> Tensor:
        if not isinstance(spec, ImageSpec):
            raise InputError(f"{self} belongs to pictures; these inputs are {_kind(spec)}.")
        mask = torch.zeros(1, *x.shape[1:], dtype=torch.bool)
        height, width = x.shape[-2:]
        if self.border:
            mask[:] = True
            mask[..., self.border : height - self.border, self.border : width - self.border] = False
        else:
            top, left, bottom, right = self.region
            mask[..., slice(top, bottom or None), slice(left, right or None)] = True
        if not bool(mask.any()) or bool(mask.all()):
            what = "all" if bool(mask.any()) else "nothing"
            raise InputError(f"{self} is {what} of a picture of {height} × {width} pixels.")
        return mask

    def _sound(self, x: Tensor, spec: InputSpec) -> Tensor:
        if not isinstance(spec, AudioSpec) or (self.band and not spec.pitched):
            what = "spectrograms" if self.band else "sounds"
            raise InputError(f"{self} belongs to {what}; these inputs are {_kind(spec)}.")
        mask = torch.zeros(1, *x.shape[1:], dtype=torch.bool)
        axis = x.shape[-2] if self.band else x.shape[-1]
        at = spec.hertz if self.band else spec.seconds
        low, high = self.band or self.time
        inside = torch.tensor([at(k) < high and at(k + 1) > low for k in range(axis)])
        mask |= inside[:, None] if self.band else inside
        if not bool(mask.any()):
            raise InputError(
                f"{self} holds nothing of these sounds: they reach from {at(0):g} to {at(axis):g}."
            )
        return mask


def part_of(of: str | Part, spec: InputSpec) -> Part:
    """A part from what a user says: a name is a column of a table, or a word of a text.

    Raises:
        InputError: where the inputs have no such part, with near misses.
    """
    if isinstance(of, Part):
        return of
    if isinstance(spec, TabularSpec):
        return Part(column=of)
    if isinstance(spec, TextSpec):
        return Part(token=of)
    raise InputError(
        f"{of!r} names no part of {_kind(spec)}. Give region, border, band or time, such as "
        "of = {region = [0, 0, 4, 4]}."
    )


def check_part(of: str | Part, subject: Subject) -> None:
    """Raise where a subject's inputs have no such part."""
    part = part_of(of, subject.spec)
    data = subject.needs_data("check")
    if not part.token:
        part.mask(data.inputs[:1], subject.spec)
    elif not bool(part.mask(data.inputs, subject.spec).any()):
        raise InputError(
            f"{part} occurs in no text of {data.name}.{_near_token(part.token, data.inputs, subject.spec)}"
        )


def units(values: Tensor, spec: InputSpec) -> Tensor:
    """Values ``[N, *shape]`` or a mask of them, by what a person sees: columns, pixels, cells of a sound."""
    if isinstance(spec, TabularSpec):
        place = torch.tensor(spec.column_of_slot)
        summed = torch.zeros(len(values), len(spec.columns), dtype=torch.float64)
        return summed.index_add_(1, place, values.double().cpu())
    return values.double().cpu() if values.ndim == 2 else values.double().cpu().sum(1)


def _columns(names: Sequence[str], spec: InputSpec) -> Tensor:
    if not isinstance(spec, TabularSpec):
        raise InputError(f"{names[0]!r} names a column; these inputs are {_kind(spec)}.")
    known = [each.name for each in spec.columns]
    for name in names:
        spec.column(name)
    wanted = {known.index(name) for name in names}
    return torch.tensor([[k in wanted for k in spec.column_of_slot]])


def _token(token: str, x: Tensor, spec: InputSpec) -> Tensor:
    if not isinstance(spec, TextSpec):
        raise InputError(f"{token!r} names a word; these inputs are {_kind(spec)}.")
    mask = torch.zeros(x.shape, dtype=torch.bool)
    wanted = token.casefold()
    for row, (words, places) in enumerate(zip(spec.words(x), spec.groups(x), strict=True)):
        for k, word in enumerate(words):
            if word.strip().casefold() == wanted:
                mask[row] |= (places == k).cpu()
    return mask


def _near_token(token: str, x: Tensor, spec: InputSpec) -> str:
    known = {word.strip() for row in cast("TextSpec", spec).words(x) for word in row if word}
    hint = near_misses(token, sorted(known))
    return f" {hint}" if hint.startswith("Did") else ""


def _kind(spec: InputSpec) -> str:
    if isinstance(spec, AudioSpec):
        return "spectrograms" if spec.pitched else "waveforms"
    return spec.reads
