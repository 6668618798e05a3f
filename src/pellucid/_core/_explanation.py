"""The answer to a question, with all that is needed to draw, check and replay it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pellucid._core._evidence import Card
from pellucid._core._fingerprint import Fingerprint, short
from pellucid._core._spec import InputSpec, is_finite
from pellucid.errors import InputError, MethodError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Param = Json | Tensor


@dataclass(frozen=True, slots=True)
class Provenance:
    """How an explanation came about: enough to replay it.

    Args:
        method: name of the function that made it.
        params: every argument that shapes the numbers, by name.
        target: what was explained, in words.
        at: site whose activation was explained; ``None`` is the input.
        model, inputs: SHA-256 of the network's parameters and buffers, and of the inputs.
        seed: the only source of chance.
        forward, backward: rows that went through the network in each direction.
        seconds: wall time.
        versions: of pellucid and torch.
        shared: how many targets were explained by these passes together.
    """

    method: str
    params: Mapping[str, Param]
    target: str
    at: str | None
    model: Fingerprint
    inputs: Fingerprint
    seed: int
    forward: int
    backward: int
    seconds: float
    versions: Mapping[str, str]
    shared: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why a network gave its scores: one number for each element of each input.

    Args:
        values: ``[N, *shape]`` in units of the target (per unit of input for plain gradients); a mapping
            of such tensors where a :class:`~pellucid.inputs.Batch` was explained.
        inputs: what was explained, as ``values``: inputs, or the activation at ``at``.
        scores: ``[N]``, the target's value for each row.
        gap: ``[N]``, ``score - score(reference) - sum(values)``: what completeness leaves unexplained;
            ``None`` for methods that promise no completeness.
        reference: ``[N]``, the target's value at the method's own reference input.
        stderr: standard error of ``values`` where they are sampled.
        row_notes: ``note`` for each row alone; empty where it holds for every row.
        bound: ``[N]``, what the Euclidean norm of a row's numerical error is estimated to stay below;
            ``None`` where nothing was integrated to a tolerance.
        spec: what the inputs mean.
        provenance: how it came about.
        cards: evidence per row, filled by :func:`pellucid.explain`; empty when nothing was tested.
        note: what the reader must know, such as why this method was chosen.
        classes: class numbers explained per row, ``-1`` where the target is not a class.
    """

    values: Tensor | Mapping[str, Tensor]
    inputs: Tensor | Mapping[str, Tensor]
    scores: Tensor
    provenance: Provenance
    gap: Tensor | None = None
    reference: Tensor | None = None
    stderr: Tensor | Mapping[str, Tensor] | None = None
    spec: InputSpec | None = None
    cards: tuple[Card, ...] = ()
    note: str = ""
    classes: Tensor | None = None
    class_names: tuple[str, ...] = field(default=())
    bound: Tensor | None = None
    row_notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.scores)

    @property
    def map(self) -> Tensor:
        """``values`` where one input was explained; raises where there are several."""
        if isinstance(self.values, Tensor):
            return self.values
        raise InputError(
            f"Several inputs were explained; take one of values[{', '.join(map(repr, self.values))}]."
        )

    @property
    def point(self) -> Tensor:
        """``inputs`` where one input was explained; raises where there are several."""
        if isinstance(self.inputs, Tensor):
            return self.inputs
        raise InputError(
            f"Several inputs were explained; take one of inputs[{', '.join(map(repr, self.inputs))}]."
        )

    def note_of(self, row: int) -> str:
        """What the reader of one row must know."""
        return self.row_notes[row] if self.row_notes else self.note

    def noted(self, words: str) -> Explanation:
        """The same with words before all its notes."""
        whole, *each = (" ".join(filter(None, [words, note])) for note in (self.note, *self.row_notes))
        return dataclasses.replace(self, note=whole, row_notes=tuple(each))

    def row(self, index: int) -> Explanation:
        """The explanation of one row, still with a row axis of length 1."""
        return self.rows(torch.tensor([index]))

    def rows(self, index: Tensor) -> Explanation:
        """The explanations that an int64 index names."""
        if len(index) and not -len(self) <= int(index.min()) <= int(index.max()) < len(self):
            raise InputError(f"Rows run from 0 to {len(self) - 1}, got {index.tolist()}.")

        def take(part: Tensor | Mapping[str, Tensor] | None) -> Tensor | Mapping[str, Tensor] | None:
            if part is None or isinstance(part, Tensor):
                return None if part is None else part[index]
            return {name: tensor[index] for name, tensor in part.items()}

        cards = tuple(self.cards[i] for i in index.tolist()) if self.cards else ()
        told = tuple(self.row_notes[i] for i in index.tolist()) if self.row_notes else ()
        return dataclasses.replace(
            self,
            values=take(self.values),
            inputs=take(self.inputs),
            scores=self.scores[index],
            gap=take(self.gap),
            reference=take(self.reference),
            stderr=take(self.stderr),
            cards=cards,
            classes=take(self.classes),
            bound=take(self.bound),
            note=note_of_all(told) if told else self.note,
            row_notes=told,
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws; the one look upwards that the layers allow."""
        from pellucid import figures

        return figures.mimebundle(self, include)

    def __str__(self) -> str:
        """What ``print`` shows: numbers and evidence as a notebook's text."""
        return str(self._repr_mimebundle_(include=("text/plain",))["text/plain"])

    def __repr__(self) -> str:
        made = self.provenance
        return (
            f"Explanation({made.method} of {made.target}, {len(self)} row{'s' if len(self) != 1 else ''}, "
            f"model {short(made.model, 8)})"
        )


def note_of_all(notes: Sequence[str]) -> str:
    """The note that rows share, or where theirs are.

    Example:
        >>> note_of_all(["10 nodes.", "13 nodes."])
        'Each row has a note of its own (row_notes).'
    """
    if len(set(notes)) > 1:
        return "Each row has a note of its own (row_notes)."
    return notes[0] if notes else ""


def finite_values(method: str, values: Tensor, *, sloped: bool = True) -> Tensor:
    """The values; raises :class:`MethodError`, naming rows, where some are NaN or infinite.

    ``sloped`` says whether slopes made them, or scores alone.
    """
    rows = _not_finite(values)
    if not rows:
        return values
    if not sloped:
        raise MethodError(
            f"{method}: the values of {rows} are NaN or infinite: the network gives such scores where parts "
            "are taken away, as where it divides by what is left. Put something else in their place "
            "(baseline= or fill=), add a small floor inside it, or use saliency."
        )
    raise MethodError(
        f"{method}: the values of {rows} are NaN or infinite: the network answers, but has no "
        "finite slope there. The usual cause is a square root, a logarithm or a division at exactly 0, such "
        "as silence or black. Add a small floor inside it, explain a layer behind it (at=…), or use "
        "occlusion, which needs no slopes."
    )


def finite_scores(method: str, scores: Tensor, reference: Tensor | None = None) -> None:
    """Raise :class:`MethodError`, naming rows, where the network itself gives NaN or infinity."""
    rows = _not_finite(scores)
    if rows:
        raise MethodError(
            f"{method}: the network gives NaN or infinity for {rows}, so there is nothing to explain. The "
            "usual cause is a logarithm or a root below 0, a division by 0, or numbers too large for their "
            "type."
        )
    rows = "" if reference is None else _not_finite(reference)
    if rows:
        raise MethodError(
            f"{method}: the network gives NaN or infinity for what {rows} would be compared with, as where "
            "it divides by a spread that is 0 there. Choose another reference (baseline= or background=)."
        )


def _not_finite(numbers: Tensor) -> str:
    """Which rows have NaN or infinity, in words; empty where none has."""
    if is_finite(numbers):
        return ""
    rows = (~torch.isfinite(numbers)).reshape(len(numbers), -1).any(1).nonzero().flatten().tolist()
    return f"row {rows[0]}" + (f" and {len(rows) - 1} more" if len(rows) > 1 else "")
