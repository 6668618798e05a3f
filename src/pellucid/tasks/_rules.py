"""The verb ``rules``: the network's behaviour in sentences."""

from __future__ import annotations

from dataclasses import replace

from pellucid._core import Compute, Subject, only_subject
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.networks import Gated, RuleNetwork
from pellucid.rules import (
    Frontier,
    Kind,
    RuleSet,
    WeightedRules,
    rule_frontier,
    surrogate_rules,
)
from pellucid.rules._frontier import SIZES, refuse_fidelity

_WEIGHED = {"column": "columns", "patch": "patches", "word": "words"}


def rules(
    subject: Subject,
    *,
    leaves: int | None = None,
    kind: Kind = "tree",
    conditions: int | None = None,
    fidelity: float | None = None,
    synthetic: int | None = None,
    regrown: int = 0,
    among: Frontier | None = None,
    compute: Compute | None = None,
) -> RuleSet:
    """Decision rules that copy the network's own answers, with held-out fidelity.

    Args:
        subject: a network with data.
        leaves: most rules; left out, 8, or two for each class where that is more.
        kind: ``"tree"``, ``"optimal"``, ``"list"``, ``"clauses"`` or ``"layers"``: see
            :func:`pellucid.rules.surrogate_rules`.
        conditions: most conditions to read; picks from :func:`rule_frontier`.
        fidelity: the shortest rules that reach it, from there too; the note says where none do.
        synthetic: rows between training rows that the network answers in addition; left out, none, or where
            rules are picked whatever is closer on the validation rows.
        regrown: grow the rules so many times again from other rows and say how much stays.
        among: what :func:`pellucid.tasks.frontier` gave with the same arguments, to pick from it by
            ``conditions`` or ``fidelity`` instead of growing it again.
        compute: how to run.

    Returns:
        Rules in the user's units and categories, with fidelity, coverage and what rules of the same size
        grown from the true answers reach.

    Raises:
        InputError: where the subject has no data, or too few rows.

    Cost:
        One forward pass over all rows.

    Limits:
        A surrogate describes answers, not the inner workings; where fidelity is low its rules are wrong for
        many rows, and :attr:`RuleSet.note` says so.

    Example:
        >>> import pellucid, torch
        >>> x = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
        >>> network = torch.nn.Linear(2, 2)
        >>> subject = pellucid.open(network, data=(x, (x[:, 0] > 0.5).long()))
        >>> pellucid.rules(subject, leaves=4).fidelity > 0.5
        True
    """
    only_subject(subject)
    data = subject.needs_data("rules")
    how = compute or Compute()
    refuse_fidelity(fidelity)
    if conditions is not None or fidelity is not None:
        sizes = [size for size in SIZES if leaves is None or size <= leaves]
        found = (
            among
            if among is not None
            else rule_frontier(
                subject.model,
                data,
                kind=kind,
                sizes=sizes,
                synthetic=synthetic,
                seed=how.seed,
                compute=compute,
            )
        )
        picked = found.pick(conditions=conditions, fidelity=fidelity, leaves=leaves)
        return grown_again(subject, found, picked, regrown, synthetic, compute) if regrown else picked
    most = leaves if leaves is not None else 8 if kind == "optimal" else max(8, 2 * len(subject.classes))
    return surrogate_rules(
        subject.model,
        data,
        kind=kind,
        size=most,
        synthetic=synthetic or 0,
        regrown=regrown,
        seed=how.seed,
        compute=compute,
    )


def grown_again(
    subject: Subject,
    found: Frontier,
    picked: RuleSet,
    regrown: int,
    synthetic: int | None,
    compute: Compute | None,
) -> RuleSet:
    """The picked set with how much of it stays when it is grown again from other rows."""
    size = next(n for n, each in zip(found.sizes, found.sets, strict=True) if each.rules == picked.rules)
    (again,) = rule_frontier(
        subject.model,
        subject.needs_data("rules"),
        kind=found.sets[0].kind,
        sizes=[size],
        synthetic=synthetic,
        regrown=regrown,
        seed=picked.seed,
        compute=compute,
    )
    return replace(again, note=picked.note)


def frontier(
    subject: Subject,
    *,
    kind: Kind = "tree",
    synthetic: int | None = None,
    regrown: int = 0,
    compute: Compute | None = None,
) -> Frontier:
    """Rule sets of 2 to 32 rules, each with fidelity and null, to pick from.

    Args:
        subject: a network with data.
        kind: of rules.
        synthetic, regrown: see :func:`pellucid.rules.rule_frontier`.
        compute: how to run.

    Returns:
        :class:`~pellucid.rules.Frontier`.

    Raises:
        InputError: where the subject has no data, or too few rows.

    Cost:
        One forward pass over all rows and those between them.

    Limits:
        Those of :func:`pellucid.rules.rule_frontier`.

    Example:
        >>> frontier.__name__
        'frontier'
    """
    data = subject.needs_data("rules")
    seed = compute.seed if compute else 0
    return rule_frontier(
        subject.model, data, kind=kind, synthetic=synthetic, regrown=regrown, seed=seed, compute=compute
    )


def own_rules(subject: Subject) -> WeightedRules:
    """The rules that a rule network is made of, exactly as it computes them, counted on its test rows.

    Args:
        subject: a network of kind ``"rules"`` with data.

    Returns:
        All rules with weight, support and precision; on all rows where there is no test part.

    Raises:
        InputError: for another network, whose rules can only be copied: :func:`rules`.

    Cost:
        One forward pass over the test rows.
    """
    from pellucid.readable import written_out

    network, spec = subject.model, subject.spec
    if not isinstance(network, RuleNetwork) or not isinstance(spec, TabularSpec):
        what = (
            f"weighs {_WEIGHED[network.part]} (where it looks is in its report) and"
            if isinstance(network, Gated)
            else f"({type(network).__name__})"
        )
        raise InputError(
            f"The network of {subject.name} {what} is not made of rules: copy its answers with "
            "pellucid.rules, or train one that is: network='rules'."
        )
    data = subject.needs_data("own_rules")
    test = data.part("test")
    held = len(test) > 0
    rows = test if held else data
    return written_out(
        network,
        spec,
        data.classes,
        rows.inputs,
        rows.answers,
        held_out=held,
        answer=data.answer,
        name=data.name,
    )
