"""The verb ``reason_codes``: at most four principal reasons of an adverse answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from pellucid._core import Compute, Subject, log_odds, predict
from pellucid.attribution import integrated_gradients
from pellucid.errors import InputError, near_misses
from pellucid.inputs import TabularSpec
from pellucid.rules import ReasonCodes, principal, reasons_of
from pellucid.tasks._asked_rows import Asked, asked_rows
from pellucid.tasks._refits import refits as trained_again

NO_TEXTS: Mapping[str, str] = MappingProxyType({})
PROBES = 64  # rows on which additivity is tried
EXACT = 1e-4  # of the largest score, up to which columns count as additive


def reason_codes(
    subject: Subject,
    x: Asked = None,
    *,
    adverse: str | int | None = None,
    texts: Mapping[str, str] = NO_TEXTS,
    most: int = 4,
    level: float = 0.7,
    refits: int | Sequence[nn.Module] | None = None,
    compute: Compute | None = None,
) -> tuple[ReasonCodes, ...]:
    """The principal reasons of an adverse answer, against the average row that is approved.

    One number is a column's points: what it adds to the log-odds of the adverse answer, compared with the
    average of all training rows to which the network does not give that answer (the average approved
    applicant).

    Formula: where the network is additive in its columns, ``f(row) − f(row with the column of the average)``,
    which are then its own terms and add up exactly; that is tried on 64 rows. Else integrated gradients on
    the straight path from the average approved row, added up within columns.

    Args:
        subject: a network on a table with classes, with the data it learned from.
        x: numbers of held-out rows, raw rows, or inputs ``[N, D]``.
        adverse: the adverse class; left out, the network's answer of each row.
        texts: words for a column's reason, also for ``"income low"`` and ``"income high"``.
        most: most reasons, up to four.
        level: share of refits from which a reason counts as stable; others say that they are not.
        refits: networks trained anew, or how many; left out, 5 where pellucid trained the network, else none.
        compute: how to run.

    Returns:
        One :class:`pellucid.rules.ReasonCodes` for each row.

    Raises:
        InputError: for other data than tables with classes, a class or column that is not there, or where no
            training row is approved.

    Cost:
        One pass over the training rows and ``C + 1`` rows for each row of an additive network, else
        integrated gradients; the same for each refit, and the refits' trainings.

    Limits:
        Reasons are factors of the network's score, not causes. Of columns that repeat each other one may
        stand for all. A reason that refits do not share says more about the sample than about the row.

    Source:
        Regulation B, 12 CFR 1002.9(b)(2) and its commentary (principal reasons, factors below the average);
        Sundararajan et al. 2017 for integrated gradients.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> found = reason_codes(subject, 0, refits=0)
        >>> len(found[0].reasons) <= 4
        True
    """
    data, how = subject.needs_data("reason_codes"), compute or Compute(batch_size=256)
    spec = subject.spec
    if not isinstance(spec, TabularSpec) or not subject.classes:
        raise InputError("Reason codes are for tables with classes; explain single answers otherwise.")
    inputs = asked_rows(subject, x)
    spec.check(inputs)
    wanted = None if adverse is None else _class(adverse, subject.classes)
    judges = (
        trained_again(subject, refits, seed=how.seed)
        if refits is None or isinstance(refits, int)
        else tuple(refits)
    )
    known = data.part("train").inputs
    outputs = predict(subject.model, torch.cat([inputs, known]), compute=how)
    own, of_known = outputs[: len(inputs)].argmax(1), outputs[len(inputs) :].argmax(1)
    found: list[ReasonCodes] = []
    for i, row in enumerate(inputs):
        bad = int(own[i]) if wanted is None else wanted
        approved = known[of_known != bad]
        if not len(approved):
            raise InputError(
                f"The network answers {subject.classes[bad]} to every training row, so none is approved."
            )
        typical, beside = approved.mean(0), _beside(subject.classes, bad)
        exact = _additive(subject.model, known[:PROBES], typical, bad, spec, how)
        points, scores, gap = _points(subject.model, row, typical, bad, spec, exact, how)
        again = [
            _points(
                judge, row, typical, bad, spec, _additive(judge, known[:PROBES], typical, bad, spec, how), how
            )[0]
            for judge in judges
        ]
        reasons = reasons_of(spec, row, typical, points, again, texts, beside, most=most, level=level)
        found.append(
            ReasonCodes(
                reasons,
                subject.classes[bad],
                int(own[i]) == bad,
                float(torch.sigmoid(torch.tensor(scores[0]))),
                *scores,
                sum(points) - sum(reason.points for reason in reasons),
                gap,
                exact,
                "the network's own terms" if exact else "integrated gradients from their average",
                beside,
                len(approved),
                *_agreement(points, again, most),
                level,
                spec.decode(row[None])[0],
                _note(reasons, again, subject.classes[bad], given=int(own[i]) == bad, level=level),
            )
        )
    return tuple(found)


def _beside(classes: Sequence[str], bad: int) -> str:
    if len(classes) == 2:
        return f"rows answered {classes[1 - bad]}"
    return f"rows not answered {classes[bad]}"


def _class(name: str | int, classes: Sequence[str]) -> int:
    if str(name) in classes:
        return list(classes).index(str(name))
    if str(name).isdecimal() and int(name) < len(classes):
        return int(name)
    raise InputError(f"No class is called {name!r}. {near_misses(str(name), classes)}")


def _scores(model: nn.Module, x: Tensor, bad: int, how: Compute) -> Tensor:
    """Log-odds of the adverse class."""
    outputs = predict(model, x, compute=how).double()
    return log_odds(bad).score(outputs, torch.arange(len(x), device=outputs.device)).cpu()


def _swapped(rows: Tensor, typical: Tensor, spec: TabularSpec) -> Tensor:
    """``[N, C, D]``: each row with one column of the average approved row."""
    mine = spec.groups(rows)[None] == torch.arange(len(spec.columns), device=rows.device)[:, None]
    return torch.where(mine[None], typical, rows[:, None])


def _additive(
    model: nn.Module, rows: Tensor, typical: Tensor, bad: int, spec: TabularSpec, how: Compute
) -> bool:
    """Whether single columns account for all of the difference on every row tried."""
    alone = _scores(model, _swapped(rows, typical, spec).flatten(0, 1), bad, how).reshape(len(rows), -1)
    whole, base = _scores(model, rows, bad, how), _scores(model, typical[None], bad, how)
    missed = (whole - base) - (whole[:, None] - alone).sum(1)
    return bool((missed.abs() <= EXACT * whole.abs().max().clamp(min=1)).all())


def _points(
    model: nn.Module, row: Tensor, typical: Tensor, bad: int, spec: TabularSpec, exact: bool, how: Compute
) -> tuple[list[float], tuple[float, float], float]:
    """Points of each column, the scores of the row and of the average, and what they leave."""
    scores = _scores(model, torch.stack([row, typical]), bad, how)
    if exact:
        alone = _scores(model, _swapped(row[None], typical, spec)[0], bad, how)
        points = scores[0] - alone
    else:
        made = integrated_gradients(
            model, row[None], log_odds(bad), baseline=typical[None], spec=spec, compute=how
        )
        points = torch.zeros(len(spec.columns), dtype=torch.float64)
        points.index_add_(0, spec.groups(row[None]).cpu(), made.map[0].detach().double().cpu())
    gap = float(scores[0] - scores[1] - points.sum())
    return points.tolist(), (float(scores[0]), float(scores[1])), gap


def _agreement(
    points: Sequence[float], again: Sequence[Sequence[float]], most: int
) -> tuple[int, int, int, float]:
    """Refits, those with the same first reason, those with the same set, and the mean share in common."""
    own = principal(points, most)
    others = [principal(each, most) for each in again]
    first = sum(each[:1] == own[:1] for each in others)
    same = sum(set(each) == set(own) for each in others)
    shares = [len(set(each) & set(own)) / max(1, len(own)) for each in others]
    return len(others), first, same, sum(shares) / max(1, len(shares))


def _note(
    reasons: Sequence[object], again: Sequence[object], answer: str, *, given: bool, level: float
) -> str:
    said: list[str] = []
    if not given:
        said.append(f"The network does not answer {answer}; this is what counts for it all the same.")
    if not reasons:
        said.append("No factor counts against this row beside the average approved one.")
    if not again:
        said.append("No refits were made: whether other samples would give the same reasons is not known.")
    else:
        said.append(f"A reason counts as stable where {level:.0%} of the networks trained anew name it too.")
    return " ".join(said)
