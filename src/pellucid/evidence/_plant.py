"""The positive control: the same network with a shortcut put in, which every method ought to find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Question, Target, Word, predict
from pellucid.errors import MethodError
from pellucid.evidence._case import Method, fitted
from pellucid.evidence._fill import absent
from pellucid.evidence._localisation import Measure, localisation
from pellucid.evidence._metrics._metric import averaged
from pellucid.evidence._nulls import agreement
from pellucid.evidence._plant_word import planted_word, table_of
from pellucid.evidence._responses import Responses, responses
from pellucid.inputs import AudioSpec, TextSpec

STRENGTH = 3.0  # of the shortcut, in spreads of what the masks do to the score
LEAST = 0.05  # share of the map that has to move to the shortcut: slight shifts have other reasons
CANCELS = 0.1  # of the sizes in a part, below which their sum says too little
PIECES = 4  # of each axis of a picture: the shortcut takes one of 16 squares


@dataclass(frozen=True, slots=True)
class PlantRow:
    """How one method did on the network with the shortcut.

    Args:
        method: its name.
        before, after: share of |map| inside the shortcut, without and with it.
        rise: their difference on the same inputs.
        agreement: median agreement on the network with the shortcut.
        word: ``passed`` where at least .05 of the map moves there, beyond the interval; ``mixed`` where less
            does, ``failed`` where nothing does; ``not run`` where the method refused.
        note: why it was not run.
    """

    method: str
    before: Measure | None
    after: Measure | None
    rise: Measure | None
    agreement: float | None
    word: Word
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plant:
    """A shortcut put into the network, and who finds it.

    Args:
        where: the part it reads, in words.
        area: share of the elements; what a map that knows nothing puts there.
        effect: median fall of the score when that part alone is taken away, over the spread of what the masks
            do without the shortcut.
        rows: one for each method.
        spent: rows of the network per input.
        note: why there is none; empty where there is.
    """

    where: str
    area: float
    effect: float
    rows: tuple[PlantRow, ...]
    spent: int
    note: str = ""


class Shortcut(nn.Module):
    """A network whose scores also rise and fall with one part of the input."""

    weight: Tensor
    start: Tensor
    signs: Tensor

    def __init__(self, model: nn.Module, weight: Tensor, start: Tensor, signs: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("weight", weight)
        self.register_buffer("start", start)
        self.register_buffer("signs", signs)

    def forward(self, x: Tensor) -> Tensor:
        """The network's scores plus the shortcut's, up for every second class and down for the others."""
        scores = self.model(x)
        read = ((x - self.start) * self.weight).flatten(1).sum(1)
        return scores + (read if scores.ndim == 1 else read[:, None] * self.signs)


def plant(
    model: nn.Module,
    x: Tensor,
    target: Target,
    methods: Mapping[str, tuple[Method, Tensor]],
    seen: Responses,
    *,
    spec: InputSpec | None,
    compute: Compute,
) -> Plant:
    """Put a shortcut in and ask each method, given with its maps ``[N, *shape]`` of the network without it.

    The shortcut reads the part in which inputs differ most from the reference, linearly, three times as
    strongly as the masks move the score: a map that misses it is not of this network. In texts it is a word
    that is put into each, and reads the vector that the network's table gives that word.
    """
    why = _unfit(model, x, spec, compute)
    made = None if why else _put_in(model, x, seen, spec, compute)
    if made is None or why:
        return Plant("", 0.0, 0.0, (), 0, why or "no word of these texts can be replaced by a keyword")
    masks = seen.bank if made.x is x else seen.bank.count
    after = responses(made.model, made.x, target, spec=spec, masks=masks, compute=compute)
    # the plant is verified by intervention: what its removal alone does
    left = Question(made.model, made.gone, target, spec=spec, compute=compute).scores()[0]
    effect = float((after.scores - left).abs().median() / seen.drops.std(1).median())
    rows: list[PlantRow] = []
    spent = after.rows / len(x) + 1
    for name, (method, maps) in methods.items():
        try:
            found = method(made.model, made.x, target, spec=spec, compute=compute)
            old = maps
            if made.x is not x:
                before = method(model, made.x, target, spec=spec, compute=compute)
                old = fitted(before.map.detach(), made.x)
                spent += (before.provenance.forward + before.provenance.backward) / len(x)
        except MethodError as error:
            rows.append(PlantRow(name, None, None, None, None, "not run", str(error)))
            continue
        spent += (found.provenance.forward + found.provenance.backward) / len(x)
        rows.append(_row(name, old, fitted(found.map.detach(), made.x), made.truth, after, compute.seed))
    return Plant(made.where, float(made.truth.double().mean()), effect, tuple(rows), round(spent))


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """The network with a shortcut, inputs ``x`` for it, the same without what it reads, and where that is."""

    model: nn.Module
    x: Tensor
    gone: Tensor
    truth: Tensor
    where: str


def _put_in(
    model: nn.Module, x: Tensor, seen: Responses, spec: InputSpec | None, compute: Compute
) -> _Made | None:
    spread = float(seen.drops.std(1).median())
    if isinstance(spec, TextSpec):
        count = _count(model, x, spec, compute)
        table = table_of(model, x, spec, compute)
        word = planted_word(model, x, spec, table, STRENGTH * spread, count, seed=compute.seed)
        if word is None:
            return None
        where = f"the word {word.word!r}, put in the place of one word of each text"
        return _Made(word.model, word.texts, word.gone, word.truth, where)
    start = absent(x, spec)[0]
    part, where = _part(x, start, seen, spec)
    made = _planted(model, x, start, part, spread, spec, compute)
    return _Made(made, x, torch.where(part, start, x), part.expand(len(x), *part.shape), where)


def _count(model: nn.Module, x: Tensor, spec: InputSpec | None, compute: Compute) -> int:
    outputs = predict(model, x[:1], spec=spec, compute=compute)
    return outputs.shape[1] if outputs.ndim == 2 else 1


def _row(name: str, old: Tensor, new: Tensor, truth: Tensor, after: Responses, seed: int) -> PlantRow:
    before, now = (localisation(one, truth, seed=seed).rows[:, 0] for one in (old, new))
    rise = averaged(now - before, (-1.0, 1.0), seed)
    word: Word = "passed" if rise.low >= LEAST else "mixed" if rise.low > 0 else "failed"
    ends = (0.0, 1.0)
    tells = float(agreement(after, new).median())
    return PlantRow(name, averaged(before, ends, seed), averaged(now, ends, seed), rise, tells, word)


def _unfit(model: nn.Module, x: Tensor, spec: InputSpec | None, compute: Compute) -> str:
    """Why no shortcut can be put in; empty where one can."""
    if not x.is_floating_point() and not isinstance(spec, TextSpec):
        return "a shortcut over whole numbers needs to know which are words"
    if isinstance(spec, TextSpec) and not table_of(model, x, spec, compute):
        return "this network has no one table that words go through, so a keyword has no slope"
    if spec is not None and spec.companions(x[:1])[0]:
        return "this network takes its input by name, beside others"
    outputs = predict(model, x[:1], spec=spec, compute=compute)
    if outputs.ndim > 2:
        return f"a shortcut needs one score for each class, the outputs are {list(outputs.shape)}"
    return ""


def _planted(
    model: nn.Module,
    x: Tensor,
    start: Tensor,
    part: Tensor,
    spread: float,
    spec: InputSpec | None,
    compute: Compute,
) -> Shortcut:
    weight = _direction(x - start, part, compute.seed)
    read = ((x - start) * weight).flatten(1).sum(1).abs().mean()
    weight = weight * (STRENGTH * spread / float(read.clamp(min=1e-12)))
    count = _count(model, x, spec, compute)
    signs = 1.0 - 2.0 * (torch.arange(count, device=x.device) % 2)
    return Shortcut(model, weight, start.mean(0), signs.to(x))


def _direction(apart: Tensor, part: Tensor, seed: int) -> Tensor:
    """What the shortcut reads of its part: the sum; where that cancels, a sum with signs drawn at random.

    It cancels in a wave, and in a category, whose slots always sum to 1.
    """
    plain = part.to(apart)
    whole, size = (one.flatten(1).sum(1).abs().mean() for one in (apart * plain, apart.abs() * plain))
    if float(whole) >= CANCELS * float(size):
        return plain
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 198_491_317)
    return plain * (torch.randint(2, part.shape, generator=generator) * 2.0 - 1).to(apart)


def _part(x: Tensor, start: Tensor, seen: Responses, spec: InputSpec | None) -> tuple[Tensor, str]:
    """The part in which inputs differ most from the reference: bool ``[*shape]``, and its name."""
    drawn = seen.bank
    size = drawn.reduce((x - start).abs()).mean(0)
    if drawn.grid is None:
        number = int(size.argmax())
        names = () if spec is None else spec.group_names(x[:1])
        return drawn.units == number, names[number] if names else f"part {number}"
    height, width = drawn.grid
    down = torch.arange(height) * min(PIECES, height) // height
    pieces = PIECES if height > 1 else PIECES**2
    across = torch.arange(width) * min(pieces, width) // width
    cell = (down[:, None] * pieces + across).flatten().to(size.device)
    totals = size.new_zeros(int(cell.max()) + 1).index_add_(0, cell, size)
    chosen = cell == totals.argmax()
    rows, columns = (int(v) for v in (down[-1] + 1, across[-1] + 1))
    top, left = divmod(int(totals.argmax()), pieces)
    shape = "box" if isinstance(spec, AudioSpec) else "square"
    where = (
        f"stretch {left + 1} of {columns}"
        if height == 1
        else f"{shape} {top + 1}, {left + 1} of {rows} × {columns}"
    )
    return chosen[drawn.units], where
