"""What the network uses over many rows: by permutation, by attribution, along columns, in pairs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid._core import (
    Compute,
    Dataset,
    Subject,
    Target,
    TargetLike,
    as_target,
    log_odds,
    logit,
    only_subject,
    predict,
)
from pellucid.errors import InputError, MethodError, near_misses
from pellucid.importance import (
    Importance,
    Interactions,
    PartialDependence,
    mean_attribution,
    partial_dependence,
    permutation_importance,
    shapley_interactions,
)
from pellucid.inputs import TabularSpec
from pellucid.inputs._tabular import WIDE
from pellucid.tasks._explain import explain, usual_target
from pellucid.tasks._rows import held_out, sample

KINDS = ("permutation", "mean", "partial-dependence", "interactions")
TOP = 3  # columns whose curves are drawn where none is named
SHUFFLED = 100  # columns of a wide table that are shuffled


def importance_of(
    subject: Subject,
    kind: str = "permutation",
    *,
    columns: Sequence[int | str] = (),
    target: TargetLike | None = None,
    method: str = "integrated_gradients",
    row: int = 0,
    rows: int = 256,
    compute: Compute | None = None,
) -> Importance | Interactions | tuple[PartialDependence, ...]:
    """What the network uses over many held-out rows; the unit stands in the value's ``what``.

    Args:
        subject: a network with data.
        kind: ``"permutation"``: how much worse the answers get when a part comes from another row;
            ``"mean"``: mean size of each part's attribution; ``"partial-dependence"``: how the score goes
            with a column; ``"interactions"``: what pairs of parts do together in one row.
        columns: numbers or names, for partial dependence and permutation; left out, the three that
            permutation ranks first, and for permutation all of up to 200, else the 100 with the largest mean
            attribution (its ``note`` says so).
        target: what is explained; left out, the log-odds of each row's top class for ``"mean"`` and
            ``"interactions"``, of one class for ``"partial-dependence"``: the second of two, else the one
            predicted most often.
        method: of the attributions that are averaged.
        row: held-out row, for interactions.
        rows: most held-out rows to look at.
        compute: how to run.

    Returns:
        As :mod:`pellucid.importance` has it.

    Raises:
        InputError: for another kind, or a column that does not exist.
        MethodError: for curves along a column where inputs are no rows of a table.
        TargetError: where there is no such class.

    Cost:
        That of the function in :mod:`pellucid.importance`, on ``rows`` rows; of a wide table also their
        attributions.

    Example:
        >>> import pellucid, torch
        >>> data = (torch.rand(80, 4), torch.tensor([0, 1] * 40))
        >>> subject = pellucid.open(torch.nn.Linear(4, 2), data=data)
        >>> importance_of(subject, "mean").values.shape
        torch.Size([4])
    """
    only_subject(subject)
    kind = kind.replace("_", "-")
    if kind not in KINDS:
        raise InputError(f"No kind of importance is called {kind!r}. {near_misses(kind, KINDS)}")
    how = compute or Compute()
    held = held_out(subject.needs_data("importance_of"))
    looked = held.rows(sample(len(held), rows, seed=how.seed))
    if kind == "permutation":
        return _shuffled(subject, looked, columns, how)
    if kind == "mean":
        why = explain(subject, looked.inputs, target=target, method=method, cards=False, compute=how)
        return mean_attribution(why)
    if kind == "partial-dependence":
        return _curves(subject, looked, columns, target, how)
    if not 0 <= row < len(held):
        raise InputError(f"Held-out rows are numbered 0 to {len(held) - 1}, got {row}.")
    x = held.inputs[row : row + 1]
    wanted = usual_target(subject, x) if target is None else target
    return shapley_interactions(subject.model, x, wanted, spec=subject.spec, compute=how)


def _shuffled(
    subject: Subject, looked: Dataset, columns: Sequence[int | str], how: Compute, *, repeats: int = 10
) -> Importance:
    """Permutation importance of all parts, or of some columns of a table: those named, or those of a wide one
    that attributions rank first."""
    names, kept, note = _names(subject, looked), _numbers(subject, looked, columns), ""
    table = looked.inputs.ndim == 2
    if columns and not table:
        raise InputError("Columns are those of a table; leave them out for other inputs.")
    if not kept and table and len(names) > WIDE:
        kept, note = _used_most(subject, looked, len(names), how)
    groups = None if not kept else _among(subject, looked, kept)
    found = permutation_importance(
        subject.model,
        looked.inputs,
        looked.answers,
        spec=subject.spec,
        groups=groups,
        repeats=repeats,
        compute=how,
    )
    return dataclasses.replace(found, names=tuple(names[k] for k in kept), note=note) if kept else found


def _used_most(subject: Subject, looked: Dataset, count: int, how: Compute) -> tuple[list[int], str]:
    """The columns with the largest mean attribution, and a sentence; where a network has no slopes, those
    that harm most when shuffled once."""
    try:
        why = explain(subject, looked.inputs, method="integrated_gradients", cards=False, compute=how)
        ranked = mean_attribution(why)
        by = "the largest mean attribution (integrated gradients)"
    except MethodError:
        once = Compute(how.batch_size, how.seed + 1, how.device)
        ranked = permutation_importance(
            subject.model, looked.inputs, looked.answers, spec=subject.spec, repeats=1, compute=once
        )
        by = "the largest effect of one shuffle"
    kept = sorted(int(k) for k in ranked.values.argsort(descending=True, stable=True)[:SHUFFLED])
    note = (
        f"Of {count:,} columns only the {len(kept)} with {by} on these rows were shuffled ten times each, to "
        "save time; nothing is said of the others. Name columns to have them shuffled."
    )
    return kept, note


def _among(subject: Subject, looked: Dataset, kept: Sequence[int]) -> Tensor:
    """Part numbers of the slots: 0, 1, … for the columns kept, −1 for others."""
    spec = subject.spec
    owner = spec.groups(looked.inputs[:1]) if isinstance(spec, TabularSpec) else None
    owner = torch.arange(looked.inputs.shape[1]) if owner is None else owner.cpu()
    place = torch.full((int(owner.max()) + 1,), -1, dtype=torch.int64)
    place[list(kept)] = torch.arange(len(kept))
    return place[owner]


def _names(subject: Subject, looked: Dataset) -> tuple[str, ...]:
    names = subject.spec.group_names(looked.inputs[:1])
    return names or tuple(f"part {k + 1}" for k in range(looked.inputs[0].numel()))


def _numbers(subject: Subject, looked: Dataset, columns: Sequence[int | str]) -> list[int]:
    """Numbers of columns that are named or numbered, each once."""
    names, found = _names(subject, looked), list[int]()
    for column in columns:
        known = column in names if isinstance(column, str) else 0 <= column < len(names)
        if not known:
            raise InputError(f"No column is called {column!r}. {near_misses(str(column), names)}")
        found.append(names.index(column) if isinstance(column, str) else column)
    return list(dict.fromkeys(found))


def _curves(
    subject: Subject,
    looked: Dataset,
    columns: Sequence[int | str],
    target: TargetLike | None,
    how: Compute,
) -> tuple[PartialDependence, ...]:
    if looked.inputs.ndim != 2:
        raise MethodError(
            f"Partial dependence needs rows of a table, got inputs {list(looked.inputs.shape)}. "
            "Use permutation or mean, which take parts of any input."
        )
    wanted = as_target(_one_class(subject, looked) if target is None else target)
    chosen = list(columns)
    if not chosen:
        ranked = _shuffled(subject, looked, (), how, repeats=3).ranked()
        chosen = _numbers(subject, looked, [name for name, *_ in ranked[:TOP]])
    found = [
        partial_dependence(subject.model, looked.inputs, wanted, column, spec=subject.spec, compute=how)
        for column in chosen
    ]
    return tuple(dataclasses.replace(each, what=_words(subject, wanted)) for each in found)


def _one_class(subject: Subject, looked: Dataset) -> Target:
    if subject.task == "regression":
        return logit(0)
    outputs = predict(subject.model, looked.inputs)
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        return log_odds(0)
    return log_odds(1 if outputs.shape[1] == 2 else int(outputs.argmax(1).mode().values))


def _words(subject: Subject, target: Target) -> str:
    """A target with the class's name in the place of its number."""
    k = target.classes
    if subject.task == "regression":
        return subject.data.answer if subject.data is not None else "prediction"
    if isinstance(k, int) and k < len(subject.classes):
        return f"{target.label.split('(')[0].replace('_', '-')} of {subject.classes[k]}"
    return target.label
