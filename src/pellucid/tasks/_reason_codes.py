"""The verb ``reason_codes``: at most four principal reasons of an adverse answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeGuard

import torch
from torch import Tensor, nn

from pellucid._core import (
    Compute,
    Explanation,
    Subject,
    class_log_odds,
    each_class,
    only_subject,
    percent,
    predict,
)
from pellucid.attribution import integrated_gradients, kernel_shap
from pellucid.errors import InputError, MethodError, near_misses
from pellucid.inputs import TabularSpec
from pellucid.networks import Additive
from pellucid.rules import ReasonCodes, principal, reasons_of
from pellucid.rules._reason_codes import refuse_level
from pellucid.tasks._asked_rows import Asked, asked_rows
from pellucid.tasks._refits import judges_of

NO_TEXTS: Mapping[str, str] = MappingProxyType({})
PROBES = 64  # rows on which additivity is tried
APPROVED = 512  # approved rows whose terms are averaged
STANDINS = 64  # approved rows that stand in for columns left out, where a network has no slopes
WIDEST = 500  # columns up to which each is exchanged in these rows, and Shapley values are taken
SCORED = 1e-4  # log-odds from which a column counts in a score
EXACT = 1e-4  # of the largest score, up to which columns count as additive


def reason_codes(
    subject: Subject,
    x: Asked = None,
    *,
    adverse: str | int | None = None,
    texts: Mapping[str, str] = NO_TEXTS,
    protected: Sequence[str] = (),
    most: int = 4,
    level: float = 0.7,
    refits: int | Sequence[nn.Module] | None = None,
    compute: Compute | None = None,
) -> tuple[ReasonCodes, ...]:
    """The principal reasons of an adverse answer, against the average row that is approved.

    One number is a column's points: what it adds to the log-odds of the adverse answer, compared with the
    training rows to which the network does not give that answer (the approved applicants).

    Formula: where the network is additive in its columns, its own term of the column less the mean of that
    term over approved rows (Regulation B's "average score for each factor"); terms are ``f(row) − f(row with
    the column of the average approved row)``, and that they add up is tried on 64 rows and the approved ones.
    An additive network with two classes is read from its tables instead, pairs too: a reason names one factor
    that was scored, so the points of a pair go half to either of its columns (their Shapley value).
    Else integrated gradients on the straight path from the average approved row, added up within columns; for
    a network of steps, such as one of rules, which has no slopes, Shapley values of the columns, where those
    that are left out are taken from up to 64 approved rows in turn.

    Args:
        subject: a network on a table with classes, with the data it learned from.
        x: numbers of held-out rows, raw rows, or inputs ``[N, D]``.
        adverse: the adverse class; left out, the network's answer of each row.
        texts: words for a column's reason, also for ``"income low"`` and ``"income high"``.
        protected: columns on which no decision may rest, such as age or sex. A scored factor is never
            hidden: where one of them is a principal reason it stays named and is marked, and the note says
            what they add and whether the answer would be another without them.
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
        One pass over the training rows and ``C + 1`` rows for each row and for up to 576 training rows; where
        the network is not additive, integrated gradients too, or for Shapley values some 30,000 rows; the
        same for each refit, and the refits' trainings.

    Limits:
        Reasons are factors of the network's score, not causes. Of columns that repeat each other one may
        stand for all. A reason that refits do not share says more about the sample than about the row.

    Source:
        Regulation B, 12 CFR 1002.9(b)(2) and its commentary (principal reasons, factors below the average);
        Sundararajan et al. 2017 for integrated gradients; Lundberg and Lee 2017 for Shapley values by
        regression.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> found = reason_codes(subject, 0, refits=0)
        >>> len(found[0].reasons) <= 4
        True
    """
    only_subject(subject)
    data, how = subject.needs_data("reason_codes"), compute or Compute(batch_size=256)
    spec = subject.spec
    if not isinstance(spec, TabularSpec) or not subject.classes:
        raise InputError(
            "Reason codes are for tables with classes; explain single answers otherwise: pellucid.explain."
        )
    inputs = asked_rows(subject, x)
    spec.check(inputs)
    kept = [spec.columns.index(spec.column(name)) for name in protected]
    refuse_level(level)
    wanted = None if adverse is None else _class(adverse, subject.classes)
    judges = judges_of(subject, refits, how)
    known, networks = data.part("train").inputs, (subject.model, *judges)
    outputs = each_class(predict(subject.model, torch.cat([inputs, known]), compute=how))
    own, of_known = outputs[: len(inputs)].argmax(1), outputs[len(inputs) :].argmax(1)
    compared: dict[int, _Compared] = {}
    found: list[ReasonCodes] = []
    for i, row in enumerate(inputs):
        bad = int(own[i]) if wanted is None else wanted
        if bad not in compared:
            approved = known[of_known != bad]
            if not len(approved):
                raise InputError(
                    f"The network answers {subject.classes[bad]} to every training row, so none is approved."
                )
            compared[bad] = _compared(networks, known, approved, bad, spec, how)
        beside, typical = _beside(subject.classes, bad), compared[bad].typical
        (points, scores, gap, method), *judged = (
            _points(network, row, compared[bad], bad, spec, usual, how)
            for network, usual in zip(networks, compared[bad].usual, strict=True)
        )
        again, exact = [each[0] for each in judged], compared[bad].usual[0] is not None
        reasons = reasons_of(spec, row, typical, points, again, texts, beside, kept, most=most, level=level)
        given, held = int(own[i]) == bad, _of_protected(spec, points, kept, scores[0], subject.classes[bad])
        found.append(
            ReasonCodes(
                reasons,
                subject.classes[bad],
                given,
                float(torch.sigmoid(torch.tensor(scores[0]))),
                *scores,
                sum(points) - sum(reason.points for reason in reasons),
                gap,
                exact,
                method,
                beside,
                compared[bad].count,
                *_agreement(points, again, most),
                level,
                spec.decode(row[None])[0],
                _note(reasons, again, subject.classes[bad], held, given=given, level=level),
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """What rows are compared with: the average approved row ``[D]``, some approved rows, how many there are,
    and for each network its usual terms there, or ``None`` where its columns do not add up."""

    typical: Tensor
    some: Tensor
    count: int
    usual: tuple[_Usual | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Usual:
    """Means over approved rows: what each column adds against the average row ``[C]``, and the score."""

    terms: Tensor
    score: float


def _compared(
    networks: Sequence[nn.Module], known: Tensor, approved: Tensor, bad: int, spec: TabularSpec, how: Compute
) -> _Compared:
    typical = approved.mean(0)
    some = approved[torch.linspace(0, len(approved) - 1, min(APPROVED, len(approved))).long()]
    usual = tuple(_usual(network, known[:PROBES], some, typical, bad, spec, how) for network in networks)
    few = some[torch.linspace(0, len(some) - 1, min(STANDINS, len(some))).long()]
    return _Compared(typical, few, len(approved), usual)


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
    return class_log_odds(bad).score(outputs, torch.arange(len(x), device=outputs.device)).cpu()


def _swapped(rows: Tensor, typical: Tensor, spec: TabularSpec) -> Tensor:
    """``[N, C, D]``: each row with one column of the average approved row."""
    mine = spec.groups(rows)[None] == torch.arange(len(spec.columns), device=rows.device)[:, None]
    return torch.where(mine[None], typical, rows[:, None])


def _terms(
    model: nn.Module, rows: Tensor, typical: Tensor, bad: int, spec: TabularSpec, how: Compute
) -> tuple[Tensor, Tensor]:
    """What each column adds ``[N, C]``, from the tables of an additive network or against the average row,
    and the scores ``[N]``."""
    if _has_tables(model):
        return _of_tables(model, rows, bad), _scores(model, rows, bad, how)
    alone = _scores(model, _swapped(rows, typical, spec).flatten(0, 1), bad, how).reshape(len(rows), -1)
    whole = _scores(model, rows, bad, how)
    return whole[:, None] - alone, whole


def _has_tables(model: nn.Module) -> TypeGuard[Additive]:
    return isinstance(model, Additive) and model.plan.settled and model.plan.outputs == 2


def _of_tables(network: Additive, rows: Tensor, bad: int) -> Tensor:
    """Terms of an additive network with two classes ``[N, C]``; of a pair, half for either column."""
    with torch.no_grad():
        made = network.contributions(rows.to(network.constant.device))[..., 0].double().cpu()
    columns = len(network.plan.parts)
    terms = made[:, :columns].clone()
    for q, (a, b) in enumerate(network.plan.pairs, start=columns):
        terms[:, [a, b]] += made[:, [q]] / 2
    return terms if bad == 1 else -terms


def _own(model: nn.Module) -> str:
    """How points of a network whose columns add up were taken, in words."""
    halved = _has_tables(model) and model.plan.pairs
    return "the network's own terms" + (", those of a pair half to either column" if halved else "")


def _usual(
    model: nn.Module,
    probes: Tensor,
    approved: Tensor,
    typical: Tensor,
    bad: int,
    spec: TabularSpec,
    how: Compute,
) -> _Usual | None:
    """Where single columns account for all of the difference on every row tried, their means; not asked
    about in very wide tables, but of a network that has tables of its own."""
    if len(spec.columns) > WIDEST and not _has_tables(model):
        return None
    terms, whole = _terms(model, torch.cat([typical[None], probes, approved]), typical, bad, spec, how)
    rest = whole - terms.sum(1)  # the same on every row where columns add up
    if bool(((rest - rest[0]).abs() > EXACT * whole.abs().max().clamp(min=1)).any()):
        return None
    first = 1 + len(probes)
    return _Usual(terms[first:].mean(0), float(whole[first:].mean()))


def _points(
    model: nn.Module,
    row: Tensor,
    beside: _Compared,
    bad: int,
    spec: TabularSpec,
    usual: _Usual | None,
    how: Compute,
) -> tuple[list[float], tuple[float, float], float, str]:
    """Points of each column, the scores of the row and of what it is compared with, what they leave, and how
    they were taken."""
    if usual is not None:
        terms, whole = _terms(model, row[None], beside.typical, bad, spec, how)
        points, scores, method = terms[0] - usual.terms, (float(whole[0]), usual.score), _own(model)
    else:
        made, compared, method = _attributed(model, row, beside, bad, spec, how)
        points = torch.zeros(len(spec.columns), dtype=torch.float64)
        points.index_add_(0, spec.groups(row[None]).cpu(), made.map[0].detach().double().cpu())
        both = _scores(model, torch.cat([row[None], compared]), bad, how)
        scores = (float(both[0]), float(both[1:].mean()))
    return points.tolist(), scores, scores[0] - scores[1] - float(points.sum()), method


def _attributed(
    model: nn.Module, row: Tensor, beside: _Compared, bad: int, spec: TabularSpec, how: Compute
) -> tuple[Explanation, Tensor, str]:
    """An attribution, the rows it compares with, and its name."""
    target, mean = class_log_odds(bad), beside.typical[None]
    try:
        made = integrated_gradients(model, row[None], target, baseline=mean, spec=spec, compute=how)
    except MethodError as error:  # steps and rules have no slopes
        if len(spec.columns) > WIDEST:
            raise InputError(
                f"The table has {len(spec.columns):,} columns, and this network has no slopes: Shapley "
                f"values of up to {WIDEST} columns can be computed. The rules that hold for a row say what "
                "decides it (pellucid rules); network additive gives reasons for any number of columns."
            ) from error
        made = kernel_shap(model, row[None], target, background=beside.some, spec=spec, compute=how)
        return made, beside.some, f"Shapley values against {len(beside.some)} of them"
    return made, mean, "integrated gradients from their average"


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
    reasons: Sequence[object], again: Sequence[object], answer: str, held: str, *, given: bool, level: float
) -> str:
    said = [held] if held else []
    if not given:
        said.append(f"The network does not answer {answer}; this is what counts for it all the same.")
    if not reasons:
        said.append("No factor counts against this row beside the average approved one.")
    if not again:
        said.append("No refits were made: whether other samples would give the same reasons is not known.")
    else:
        said.append(
            f"A reason counts as stable where {percent(level, 0)} of the networks trained anew name it too."
        )
    return " ".join(said)


def _of_protected(
    spec: TabularSpec, points: Sequence[float], kept: Sequence[int], score: float, answer: str
) -> str:
    """What protected columns add to the score, in words; empty where none is named."""
    if not kept:
        return ""
    scored = [k for k in kept if abs(points[k]) > SCORED]
    if not scored:
        return "No protected column counts in this score."
    told = ", ".join(f"{spec.columns[k].name} {points[k]:+.3g}" for k in scored)
    whole = sum(points[k] for k in scored)
    said = f"Protected columns are scored ({told}), so no list of reasons may leave them out"
    if score > 0 >= score - whole:
        return f"{said}; without them the answer would not be {answer}. Train without these columns."
    return f"{said}; the answer is the same without them. Train without these columns."
