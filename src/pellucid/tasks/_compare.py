"""The verb ``compare``: what differs between two networks, in answers and inside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from pellucid import evidence
from pellucid._core import (
    Compute,
    Explanation,
    InputSpec,
    Subject,
    Target,
    holm,
    log_odds,
    logit,
    predict,
    untrained,
    wilson,
)
from pellucid.errors import MethodError, PellucidError
from pellucid.evidence import Bank
from pellucid.evidence._stable import numeric
from pellucid.inputs import TabularSpec
from pellucid.layers import RepresentationSimilarity, representation_similarity
from pellucid.rules import RuleSet, surrogate_tree
from pellucid.rules import readable_rows as readable
from pellucid.rules._rule_set import firing
from pellucid.tasks._compared import (
    Answers,
    Comparison,
    Difference,
    FollowedRule,
    Reasons,
    of_means,
    paired,
    sign_p,
)
from pellucid.tasks._explain import Method, method_named
from pellucid.tasks._pair import LEAST, Pair, pair_of, recoding, same_question
from pellucid.tasks._performance import answers_of
from pellucid.tasks._rows import sample

FIRST = ("integrated_gradients", "occlusion", "input_x_gradient")
CASES, SLICES, NOISE = 4, 12, 0.05


def compare(
    a: Subject,
    b: Subject,
    *,
    method: str | None = None,
    rows: int = 64,
    beside: Sequence[Subject] = (),
    compute: Compute | None = None,
) -> Comparison:
    """What differs between two networks on the same held-out rows: answers, reasons, layers, rules, evidence.

    Args:
        a, b: two networks that take the same inputs; the rows are those that neither has learned from.
        method: attribution method; left out, the first that fits both of integrated gradients, occlusion and
            input times gradient.
        rows: most rows that are explained.
        beside: A trained from other seeds: what their maps differ by is the noise floor. Left out, the floor
            is what slight noise on the input changes in A's own map.
        compute: how to run.

    Returns:
        A :class:`Comparison`.

    Raises:
        InputError: where the networks take different inputs, answer different questions, or have no rows in
            common that neither learned from.
        MethodError: for an unknown method.

    Cost:
        One pass over the held-out rows for each network; for each explained row about ``2 · 65`` passes and
        six maps; one pass over up to 512 rows for the layers; one over all rows for the rules.

    Limits:
        A difference in maps is one in what the method sees; read it beside the floor. Rules are those of
        small surrogate trees, not of the networks. Layers are compared by CKA, which can be moved by a few
        rows.

    Source:
        McNemar 1947; Agresti and Min 2005 (the interval); Kornblith et al. 2019, arXiv 1905.00414 (CKA).

    Example:
        >>> import pellucid, torch
        >>> x = torch.rand(200, 4, generator=torch.Generator().manual_seed(0))
        >>> data = (x, (x[:, 0] > 0.5).long())
        >>> one = pellucid.open(torch.nn.Linear(4, 2), data=data)
        >>> found = compare(one, one, rows=16)
        >>> found.answers.score.value, found.reasons.alike.min().item() > 0.99
        (0.0, True)
    """
    how = compute or Compute(batch_size=256)
    pair = pair_of(a, b)
    outputs = [predict(s.model, x, spec=s.spec, compute=how).cpu() for s, x in pair.both]
    notes = list(pair.notes)
    answers = _answers(pair, outputs)
    try:
        reasons, found = _reasons(pair, outputs, method, rows, beside, how)
    except MethodError as error:
        if method is not None:
            raise
        reasons, found = None, ()
        notes.append(f"Reasons were not compared: {error}")
    similar = _layers(pair, how, notes)
    sets, rules = _rules(pair, outputs, how, notes)
    return Comparison(
        *_named(a, b), answers, reasons, similar, rules, sets, found, tuple(notes), pair.n, how.seed
    )


def _named(a: Subject, b: Subject) -> tuple[str, str]:
    """What tells the two apart: their names, else their folders, else letters."""
    folders = (Path(a.origin).name, Path(b.origin).name)
    if a.name != b.name:
        return a.name, b.name
    if all(folders) and folders[0] != folders[1]:
        return f"{a.name} in {folders[0]}", f"{b.name} in {folders[1]}"
    return f"{a.name} (A)", f"{b.name} (B)"


def _answers(pair: Pair, outputs: Sequence[Tensor]) -> Answers:
    true = pair.held.answers
    if pair.a.task == "regression":
        far = [(out.flatten().double() - true.double()).abs() for out in outputs]
        score = of_means("mean absolute error", *far, seed=0)
        near_a, near_b = int((far[0] < far[1]).sum()), int((far[1] < far[0]).sum())
        score = dataclasses.replace(score, p=sign_p(near_a, near_b))
        return Answers(0, near_a, near_b, pair.n - near_a - near_b, None, score, (), pair.n)
    given = [answers_of(out) for out in outputs]
    right = [answer == true for answer in given]
    score = paired("accuracy", *right)
    cut = [paired(name, right[0][rows], right[1][rows]) for name, rows in _slices(pair)]
    if cut:
        fixed = holm(torch.tensor([one.p or 0.0 for one in cut], dtype=torch.float64)).tolist()
        cut = [dataclasses.replace(one, p=p) for one, p in zip(cut, fixed, strict=True)]
    cut.sort(key=lambda one: (one.p or 0.0, -abs(one.value)))
    a, b = right
    both, only_a, only_b, none = (int(part.sum()) for part in (a & b, a & ~b, b & ~a, ~a & ~b))
    same = int((given[0] == given[1]).sum())
    return Answers(both, only_a, only_b, none, same, score, tuple(cut[:SLICES]), pair.n)


def _slices(pair: Pair) -> list[tuple[str, Tensor]]:
    """Rows by true class, and for tables by column: levels of a category, halves of a number."""
    held = pair.held
    found = [(f"class {name}", held.answers == k) for k, name in enumerate(pair.a.classes)]
    spec = held.spec
    if isinstance(spec, TabularSpec):
        values = readable(spec, held.inputs)
        for column in spec.columns:
            cells = [row[column.name] for row in values]
            if column.levels:
                found += [
                    (f"{column.name} = {level}", torch.tensor([c == level for c in cells]))
                    for level in column.levels
                ]
            else:
                numbers = torch.tensor([c if isinstance(c, int | float) else float("nan") for c in cells])
                middle = float(numbers.nanmedian())
                found.append((f"{column.name} ≤ {column.text(middle)}", numbers <= middle))
                found.append((f"{column.name} > {column.text(middle)}", numbers > middle))
    return [(name, rows) for name, rows in found if int(rows.sum()) >= LEAST]


def _reasons(
    pair: Pair,
    outputs: Sequence[Tensor],
    method: str | None,
    rows: int,
    beside: Sequence[Subject],
    how: Compute,
) -> tuple[Reasons, tuple[Difference, ...]]:
    given = [answers_of(out) for out in outputs] if pair.a.classes else []
    shared = (given[0] == given[1]).nonzero().flatten() if given else torch.arange(pair.n)
    if len(shared) < 2:
        raise MethodError("the networks never give the same answer.")
    index = shared[sample(len(shared), rows, seed=how.seed)]
    classes = given[0][index] if given else None
    x, xb = pair.held.inputs[index], pair.xb[index]
    name, function = _fitting(pair, method, x[:2], xb[:2])

    def why(subject: Subject, network: torch.nn.Module, inputs: Tensor) -> Explanation:
        return function(network, inputs, _target(classes, outputs[0]), spec=subject.spec, compute=how)

    ours, theirs = why(pair.a, pair.a.model, x), why(pair.b, pair.b.model, xb)
    drawn = evidence.bank(x, pair.a.spec, seed=how.seed)
    units = [drawn.reduce(_map(each, at)) for each, at in ((ours, x), (theirs, xb))]
    alike = drawn.alike(*units).double()
    twin = untrained(pair.a.model, seed=how.seed, calibrate=x)
    nothing = drawn.alike(units[0], drawn.reduce(_map(why(pair.a, twin, x), x))).double()
    steady = [
        _steady(drawn, u, lambda at, s=s: _map(why(s, s.model, at), at), at, s.spec, how.seed)
        for u, (s, at) in zip(units, ((pair.a, x), (pair.b, xb)), strict=True)
    ]
    floor, told = steady[0], "A's own maps under slight noise on the input"
    if beside:
        same_question(pair.a, beside[0])
        others = [drawn.reduce(_map(why(s, s.model, x), x)) for s in beside]
        floor = torch.cat([drawn.alike(units[0], one).double() for one in others])
        told = f"A and {len(beside)} of its kind, trained from other seeds"
    known = floor[~floor.isnan()]
    below = int((alike < known.quantile(0.05)).sum()) if len(known) else 0
    cases = alike.argsort()[:CASES]
    named = [dataclasses.replace(each, class_names=pair.a.classes).rows(cases) for each in (ours, theirs)]
    reasons = Reasons(
        name, index, alike, floor, told, nothing, below, *wilson(below, len(alike)), index[cases], *named
    )
    seen = [
        evidence.responses(s.model, at, _target(classes, outputs[0]), spec=s.spec, masks=drawn, compute=how)
        for s, at in ((pair.a, x), (pair.b, xb))
    ]
    agreed = [evidence.agreement(r, u) for r, u in zip(seen, units, strict=True)]
    return reasons, (
        of_means(f"agreement of {name} with what the network does", *agreed, seed=how.seed),
        of_means(f"steadiness of {name} under slight noise", *steady, seed=how.seed),
    )


def _target(classes: Tensor | None, outputs: Tensor) -> Target:
    if classes is None:
        return logit(0)
    single = outputs.ndim == 1 or outputs.shape[1] == 1
    return log_odds(0) if single else log_odds(classes)


def _fitting(pair: Pair, method: str | None, x: Tensor, xb: Tensor) -> tuple[str, Method]:
    """The method, or the first of the usual ones that fits both networks."""
    if method is not None:
        return method, method_named(method)
    for name in FIRST:
        function = method_named(name)
        try:
            for subject, at in ((pair.a, x), (pair.b, xb)):
                function(subject.model, at, _target(None, at), spec=subject.spec)
        except PellucidError:
            continue
        return name, function
    raise MethodError(f"none of {', '.join(FIRST)} fits both networks.")


def _map(why: Explanation, x: Tensor) -> Tensor:
    found = why.map.detach()
    return found if found.shape == x.shape else found.expand_as(x) * (found[0].numel() / x[0].numel())


def _steady(
    drawn: Bank,
    units: Tensor,
    again: Callable[[Tensor], Tensor],
    x: Tensor,
    spec: InputSpec,
    seed: int,
) -> Tensor:
    """Rank correlation of each map with that of the slightly noisy input; NaN where nothing can be slightly
    different, such as words or categories.
    """
    if not x.is_floating_point():
        return torch.full((len(x),), torch.nan, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 7_368_787)
    spread = x.std(0, keepdim=True) if len(x) > 1 else torch.ones_like(x)
    if isinstance(spec, TabularSpec):
        spread = spread * numeric(x, spec)
    if not bool(spread.any()):
        return torch.full((len(x),), torch.nan, dtype=torch.float64)
    noise = torch.randn(x.shape, generator=generator).to(x)
    return drawn.alike(units, drawn.reduce(again(x + NOISE * spread * noise))).double()


def _layers(pair: Pair, how: Compute, notes: list[str]) -> RepresentationSimilarity | None:
    if not pair.alike:
        notes.append("Layers were not compared: the networks take differently scaled inputs.")
        return None
    x = pair.held.inputs[sample(pair.n, 512, seed=how.seed)]
    try:
        return representation_similarity(
            pair.a.model, x, other=pair.b.model, draws=20, spec=pair.a.spec, compute=how
        )
    except PellucidError as error:
        notes.append(f"Layers were not compared: {error}")
        return None


def _rules(
    pair: Pair, outputs: Sequence[Tensor], how: Compute, notes: list[str]
) -> tuple[tuple[RuleSet, ...], tuple[FollowedRule, ...]]:
    data = pair.a.needs_data("compare")
    recode = recoding(pair.a.spec, pair.b.spec)
    coded = (
        data if recode is None else dataclasses.replace(data, inputs=recode(data.inputs), spec=pair.b.spec)
    )
    if not pair.a.classes:
        notes.append("Rules were not compared: the networks predict a number.")
        return (), ()
    try:
        sets = tuple(surrogate_tree(s.model, d, compute=how) for s, d in ((pair.a, data), (pair.b, coded)))
    except PellucidError as error:
        notes.append(f"Rules were not compared: {error}")
        return (), ()
    values = readable(pair.held.spec, pair.held.inputs)
    given = [answers_of(out) for out in outputs]
    found: list[FollowedRule] = []
    for of, each in zip("AB", sets, strict=True):
        speaks = firing([rule.conditions for rule in each.rules], each.columns, values)
        for k, rule in enumerate(each.rules):
            rows = torch.tensor([index == k for index in speaks])
            if int(rows.sum()) < LEAST or rule.outcome not in pair.a.classes:
                continue
            wanted = pair.a.classes.index(rule.outcome)
            kept = paired(str(rule), given[1][rows] == wanted, given[0][rows] == wanted)
            found.append(FollowedRule(of, str(rule), kept.n, kept.b, kept.a, kept.low, kept.high))
    found.sort(key=lambda one: -abs(one.a - one.b))
    return sets, tuple(found)
