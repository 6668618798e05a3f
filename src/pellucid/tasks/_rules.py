"""The verb ``rules``: the network's behaviour in sentences."""

from __future__ import annotations

from pellucid._core import Compute, Subject
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.networks import RuleNetwork
from pellucid.rules import RuleSet, WeightedRules, surrogate_tree


def rules(subject: Subject, *, leaves: int | None = None, compute: Compute | None = None) -> RuleSet:
    """Decision rules that copy the network's own answers, with held-out fidelity.

    Args:
        subject: a network with data.
        leaves: most rules; left out, 8, or two for each class where that is more.
        compute: how to run.

    Returns:
        Rules in the user's units and categories, with fidelity, coverage and what a tree of the same size
        trained on the true answers reaches.

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
    most = leaves if leaves is not None else max(8, 2 * len(subject.classes))
    return surrogate_tree(subject.model, subject.needs_data("rules"), leaves=most, compute=compute)


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
        raise InputError(
            f"{subject.name} is a {type(network).__name__}, which is not made of rules: copy its answers "
            "with rules(subject), or train one that is: network='rules'."
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
