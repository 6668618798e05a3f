"""What builds up from layer to layer: curves of depth, and one input followed through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from pellucid._core import Compute, Subject
from pellucid.errors import InputError
from pellucid.layers import Hierarchy, TracedExample, traced_example
from pellucid.layers import hierarchy as curves_of
from pellucid.tasks._rows import held_out, sample

COPIES = 3  # untrained networks beside the curves


def hierarchy(
    subject: Subject,
    beside: Sequence[Subject] = (),
    *,
    sites: Sequence[str] | None = None,
    rows: int = 512,
    seeds: int = COPIES,
    compute: Compute | None = None,
) -> Hierarchy:
    """Whether later layers see more, choose more, forgive more and build on earlier ones, on held-out rows.

    Args:
        subject: a classifier with data.
        beside: the same architecture trained from other seeds; with two of them a claim rests on three.
        sites: layers; left out, all with weights.
        rows: most held-out rows to look at.
        seeds: untrained copies.
        compute: how to run.

    Returns:
        A :class:`~pellucid.layers.Hierarchy`.

    Raises:
        InputError: where the subject has no data or predicts numbers, or another network is built otherwise
            or is the same again.

    Cost:
        As :func:`pellucid.layers.hierarchy`.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> data = (torch.rand(400, 3), torch.tensor([0, 1] * 200))
        >>> hierarchy(pellucid.open(network, data=data)).untrained.shape
        torch.Size([3, 5, 2])
    """
    how = compute or Compute(batch_size=256)
    refuse_depth(subject, beside)
    data = held_out(subject.needs_data("hierarchy"))
    looked = data.rows(sample(len(data), rows, seed=how.seed))
    others = [other.model for other in beside]
    return curves_of(
        subject.model,
        looked.inputs,
        looked.answers,
        sites,
        spec=subject.spec,
        others=others,
        seeds=seeds,
        compute=how,
    )


def refuse_depth(subject: Subject, beside: Sequence[Subject] | None = None, row: int | None = None) -> None:
    """What :func:`hierarchy` (``beside``) and :func:`trace` (``row``) refuse: asked before other work.

    Raises:
        InputError: without classes, for a row that is not there, or networks built otherwise.
    """
    if row is not None and not 0 <= row < (count := len(held_out(subject.needs_data("trace")))):
        raise InputError(f"Held-out rows are numbered 0 to {count - 1}, got {row}.")
    if beside is None:
        return
    if not subject.classes:
        raise InputError("hierarchy needs classes: this network predicts a number. Try layers or layer.")
    own = [(name, tuple(p.shape)) for name, p in subject.model.named_parameters()]
    known = [subject.model]
    for other in beside:
        if any(_same(other.model, each) for each in known):
            raise InputError(
                f"{other.name} stands here twice, with the very same weights; "
                "give runs trained with another seed."
            )
        known.append(other.model)
        if [(name, tuple(p.shape)) for name, p in other.model.named_parameters()] != own:
            raise InputError(f"{other.name} is built otherwise than {subject.name}: only seeds may differ.")


def _same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks hold the same weights."""
    ours, theirs = dict(one.named_parameters()), dict(other.named_parameters())
    return ours.keys() == theirs.keys() and all(
        torch.equal(p.cpu(), theirs[n].cpu()) for n, p in ours.items()
    )


def trace(
    subject: Subject,
    row: int,
    *,
    target: int | None = None,
    sites: Sequence[str] | None = None,
    width: int = 3,
    instead: Literal["mean", "swap"] = "mean",
    rows: int = 512,
    untrained_copy: bool = True,
    compute: Compute | None = None,
) -> TracedExample:
    """One held-out row from its pixels, words or columns through units to the answer, every arrow measured.

    Args:
        subject: a network with data.
        row: which held-out row, as ``explain`` numbers them.
        target: class number; left out, the predicted one.
        sites: layers in the order of the pass; left out, what each layer with weights hands on.
        width: most units of a layer.
        instead: what stands in the place of a unit, its ``"mean"`` or ``"swap"``: another input's.
        rows: most held-out rows for what is usual and for exemplars.
        untrained_copy: whether to trace an untrained copy too.
        compute: how to run.

    Returns:
        A :class:`~pellucid.layers.TracedExample`; its exemplars name held-out rows.

    Raises:
        InputError: where the subject has no data or no such row.

    Cost:
        As :func:`pellucid.layers.traced_example`.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(80, 3), torch.tensor([0, 1] * 40)))
        >>> trace(subject, 0).sites
        ('1',)
    """
    refuse_depth(subject, row=row)
    data = held_out(subject.needs_data("trace"))
    # the first rows, so that exemplars are named as the data number them
    some = data.inputs[:rows]
    return traced_example(
        subject.model,
        data.inputs[row : row + 1],
        some,
        target,
        sites,
        width=width,
        instead=instead,
        untrained_copy=untrained_copy,
        spec=subject.spec,
        compute=compute,
    )
