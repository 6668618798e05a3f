"""The verb ``shortcuts``: what decides alone although it should not, on rows drawn before."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid import evidence
from pellucid._core import PARTS, Compute, Dataset, Subject, only_subject
from pellucid.errors import InputError, near_misses
from pellucid.tasks._explain import method_named, usual_target
from pellucid.tasks._rows import sample

LEARNED = 20_000  # training rows that copies are looked for in


def shortcuts(
    subject: Subject,
    *,
    rows: int = 400,
    pairs: int = 200,
    method: str = "input_x_gradient",
    part: str | None = None,
    compute: Compute | None = None,
) -> evidence.Shortcuts:
    """Search a network for Clever-Hans behaviour and put each suspicion to the test by intervention.

    What is looked at, what the numbers mean and when a part is called found is said at
    :func:`pellucid.evidence.shortcuts`.

    Args:
        subject: a network with data.
        rows: most held-out rows, drawn with the seed of ``compute``; at least 40.
        pairs: mixed rows for each part.
        method: name of the attribution method whose maps are clustered; pictures and spectrograms only.
        part: ``"test"``, ``"validation"``, ``"train"`` or ``"all"`` rows; left out, the test rows, then
            the validation rows, where these are too few all.
        compute: how to run.

    Returns:
        A :class:`pellucid.evidence.Shortcuts`, alarms first.

    Raises:
        InputError: without data, with fewer than 40 rows, or for an unknown part.
        MethodError: for an unknown method.

    Cost:
        As :func:`pellucid.evidence.shortcuts`: with 16 parts about ``16 · (2 · pairs + 3 · rows)`` rows.

    Limits:
        As :func:`pellucid.evidence.shortcuts`.

    Example:
        >>> import pellucid
        >>> data = (torch.rand(200, 3), torch.tensor([0, 1] * 100))
        >>> subject = pellucid.open(torch.nn.Linear(3, 2), data=data)
        >>> shortcuts(subject, pairs=40).n
        200
    """
    only_subject(subject)
    how = compute or Compute(batch_size=256)
    data = subject.needs_data("shortcuts")
    named = method_named(method)
    mine, said = _looked_at(data, part)
    if len(mine) < 40:
        raise InputError(f"A search for shortcuts needs at least 40 rows, {said} are {len(mine)}.")
    drawn = sample(len(mine), rows, seed=how.seed)
    learned = (data.parts == PARTS.index("train")).nonzero().flatten()
    apart = learned[~torch.isin(learned, mine)]
    return evidence.shortcuts(
        subject.model,
        data,
        mine[drawn],
        learned=apart[sample(len(apart), LEARNED, seed=how.seed)] if len(apart) else None,
        target=usual_target(subject, data.inputs[mine[drawn]]),
        method=named,
        pairs=pairs,
        declared=f"{len(drawn)} of {len(mine)} {said}, "
        + (f"drawn with seed {how.seed}" if len(drawn) < len(mine) else "all there are"),
        compute=how,
    )


def _looked_at(data: Dataset, part: str | None) -> tuple[Tensor, str]:
    if part is not None and part not in (*PARTS, "all"):
        raise InputError(f"No part is called {part!r}. {near_misses(part, (*PARTS, 'all'))}")
    for name in ("test", "validation") if part is None else (part,):
        chosen = (data.parts == PARTS.index(name)).nonzero().flatten() if name in PARTS else None
        if chosen is not None and (part is not None or len(chosen) >= 40):
            return chosen, f"{name} rows"
    return torch.arange(len(data)), "rows"
