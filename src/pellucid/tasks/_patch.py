"""The verb ``patch``: where in a network the difference between two inputs is decided."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pellucid._core import (
    Compute,
    Dataset,
    Subject,
    Target,
    TargetLike,
    log_odds,
    margin,
    only_subject,
    predict,
)
from pellucid.errors import InputError, TargetError
from pellucid.layers import (
    ActivationPatching,
    AttributionPatching,
    EdgeAttribution,
    activation_patching,
    attribution_patching,
    edge_attribution,
)
from pellucid.tasks._explain import usual_target
from pellucid.tasks._rows import held_out, sample
from pellucid.tasks._several import target_named

if TYPE_CHECKING:
    from pellucid.figures import Figure

OTHERS = 64  # inputs of the control
STEPS, VERIFIED, DRAWS = 8, 256, 20
EDGE_STEPS, SINKS, EDGE_DRAWS = 4, 16, 3


@dataclass(frozen=True, slots=True, eq=False)
class Patching:
    """Pairs of inputs, and what carrying activations from the one to the other does.

    Args:
        found: layer by layer, unit by unit of one layer, or connection by connection between two.
        clean, corrupt: the inputs that activations are carried from and to.
        clean_rows, corrupt_rows: their numbers among the held-out rows.
        read: what the network answers to both, in words, pair by pair.
    """

    found: ActivationPatching | AttributionPatching | EdgeAttribution
    clean: Dataset
    corrupt: Dataset
    clean_rows: tuple[int, ...]
    corrupt_rows: tuple[int, ...]
    read: tuple[tuple[str, str], ...]

    def figures(self) -> list[Figure]:
        """The pairs, and what was found."""
        from pellucid import figures

        pair = figures.pairs(self.clean, self.corrupt, self.clean_rows, self.corrupt_rows, self.read)
        return [pair, *figures.figures_of(self.found)]

    def __repr__(self) -> str:
        return f"Patching({type(self.found).__name__}, rows {self.clean_rows} and {self.corrupt_rows})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        drawn = self.figures()
        plain = "\n\n".join(f"{each.title}\n{each.alt}\n{each.table.text()}" for each in drawn)
        return {"text/plain": plain, "text/html": "".join(each.static() for each in drawn)}


def patch(
    subject: Subject,
    clean: int | Sequence[int],
    corrupt: int | Sequence[int],
    site: str | None = None,
    into: str | None = None,
    *,
    target: TargetLike | str | None = None,
    compute: Compute | None = None,
) -> Patching:
    """Where the difference between two inputs is decided, by carrying activations from one to the other.

    Without a layer every layer is carried over as a whole, beside the activations of other inputs; with one,
    its units are, estimated and then really patched, beside units in random order; with a second one the
    connections between both are.

    Args:
        subject: a network with data.
        clean, corrupt: held-out rows, pair by pair: activations are carried from the first into the second.
        site: the layer, as :func:`pellucid.layers` names it.
        into: a later layer.
        target: what is measured: a target, a class, or two with a comma between them for the one minus the
            other. Left out, the class read for ``clean`` minus that read for ``corrupt``; where it is the
            same, its log-odds; in regression the output.
        compute: how to run.

    Returns:
        A :class:`Patching`.

    Raises:
        InputError: where a row does not exist, rows do not pair up, or the subject has no data.
        TargetError: where a class does not exist, or pairs differ in what they are read as.
        MethodError: where the target is the same on both.
        SiteError: where a layer does not exist or is not reached.

    Cost:
        As :func:`pellucid.layers.activation_patching`, :func:`~pellucid.layers.attribution_patching` or
        :func:`~pellucid.layers.edge_attribution`.

    Limits:
        As theirs; above all, in a plain chain every layer restores everything.

    Example:
        >>> import pellucid
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> data = (torch.rand(80, 3), torch.tensor([0, 1] * 40))
        >>> found = patch(pellucid.open(network, data=data), 0, 1, "1", target="0").found
        >>> found.estimate.shape, found.n
        (torch.Size([4]), 1)
    """
    only_subject(subject)
    good, bad, asked = paired(subject, clean, corrupt, into, site, target)
    data = held_out(subject.needs_data("patch"))
    places = _rows(data, clean, "clean"), _rows(data, corrupt, "corrupt")
    spec, model = subject.spec, subject.model
    found: ActivationPatching | AttributionPatching | EdgeAttribution
    if site is None:
        others = others_of(data, compute)
        found = activation_patching(
            model, good.inputs, bad.inputs, asked, others=others, spec=spec, compute=compute
        )
    elif into is None:
        found = attribution_patching(
            model,
            good.inputs,
            bad.inputs,
            asked,
            site,
            steps=STEPS,
            verified=VERIFIED,
            draws=DRAWS,
            spec=spec,
            compute=compute,
        )
    else:
        found = edge_attribution(
            model,
            good.inputs,
            bad.inputs,
            asked,
            site,
            into,
            steps=EDGE_STEPS,
            most=SINKS,
            draws=EDGE_DRAWS,
            spec=spec,
            compute=compute,
        )
    read = tuple(zip(_read(subject, good.inputs), _read(subject, bad.inputs), strict=True))
    return Patching(found, good, bad, tuple(places[0]), tuple(places[1]), read)


def paired(
    subject: Subject,
    clean: int | Sequence[int],
    corrupt: int | Sequence[int],
    into: str | None,
    site: str | None,
    target: TargetLike | str | None,
) -> tuple[Dataset, Dataset, TargetLike]:
    """Both sides of the pairs, and what is measured."""
    if into is not None and site is None:
        raise InputError("Connections run from one layer to a later one: name the first one too.")
    data = held_out(subject.needs_data("patch"))
    places = _rows(data, clean, "clean"), _rows(data, corrupt, "corrupt")
    if len(places[0]) != len(places[1]):
        raise InputError(f"Rows pair up one to one, got {len(places[0])} and {len(places[1])}.")
    good, bad = (data.rows(torch.tensor(rows)) for rows in places)
    return good, bad, asked_of(subject, good.inputs, bad.inputs, target)


def others_of(data: Dataset, compute: Compute | None) -> Tensor:
    """Inputs whose activations are the control."""
    return data.inputs[sample(len(data), OTHERS, seed=0 if compute is None else compute.seed)]


def _rows(data: Dataset, rows: int | Sequence[int], side: str) -> list[int]:
    found = [rows] if isinstance(rows, int) else list(rows)
    if not found:
        raise InputError(f"{side}: expected at least one held-out row, got none.")
    for row in found:
        if not 0 <= row < len(data):
            raise InputError(f"Held-out rows are numbered 0 to {len(data) - 1}, got {row}.")
    return found


def asked_of(subject: Subject, good: Tensor, bad: Tensor, target: TargetLike | str | None) -> TargetLike:
    """What is measured, as a target."""
    if isinstance(target, str):
        return _named(subject, target)
    if target is not None:
        return target
    outputs = [predict(subject.model, x, spec=subject.spec) for x in (good, bad)]
    if subject.task == "regression" or outputs[0].ndim == 1 or outputs[0].shape[1] == 1:
        return usual_target(subject, good)
    first, second = (set(out.argmax(1).tolist()) for out in outputs)
    if len(first) > 1 or len(second) > 1:
        raise TargetError(
            "The pairs are not all read as the same two answers, so no one difference fits them. Say which "
            "with target=, such as two classes with a comma between them."
        )
    a, b = first.pop(), second.pop()
    return _between(subject, a, b) if a != b else log_odds(a)


def _named(subject: Subject, name: str) -> TargetLike:
    # a class name may itself hold a comma
    if name in subject.classes or "," not in name:
        return target_named(subject, name)
    parts = [part.strip() for part in name.split(",") if part.strip()]
    if len(parts) != 2:
        raise TargetError(f"A difference is between two classes, such as 3,5; got {name!r}.")
    return _between(subject, *(target_named(subject, part) for part in parts))


def _between(subject: Subject, a: int, b: int) -> Target:
    """One class minus another, called by their names."""
    names = subject.classes
    plain = margin(a, b)
    return dataclasses.replace(plain, label=f"{names[a]} − {names[b]}") if names else plain


def _read(subject: Subject, x: Tensor) -> list[str]:
    """What the network answers, in words."""
    outputs = predict(subject.model, x, spec=subject.spec)
    flat = outputs.reshape(len(outputs), -1)
    if not subject.classes:
        return [f"{value:.4g}" for value in flat[:, 0].tolist()]
    chosen = flat.argmax(1) if flat.shape[1] > 1 else (flat[:, 0] > 0).long()
    return [subject.classes[k] if k < len(subject.classes) else str(k) for k in chosen.tolist()]
