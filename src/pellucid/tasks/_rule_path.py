"""How much each further rule of a rule network is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid._core import Subject
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.networks import RuleNetwork

if TYPE_CHECKING:
    from pellucid.readable import RulePath


def rule_path(subject: Subject, *, budgets: Sequence[int] | None = None) -> RulePath:
    """AUC on the held-out rows against the number of rules, for networks of rules chosen anew.

    One number is the area under the ROC curve (0.5 guesses, 1 orders all rows rightly) of rules that were
    chosen on the training rows with one budget; the budget of the network itself is among them. Rules are
    mined and chosen without learning by gradient, so the point at that budget may differ from the network.

    Args:
        subject: a network of kind ``"rules"`` with data that has test rows.
        budgets: numbers of rules; left out, 1, 2, 3, 5, 8, 12 and 20.

    Returns:
        A point for each budget, with its 95 % interval over draws of the held-out rows.

    Raises:
        InputError: for another network, or where there are no test rows of each class.

    Cost:
        About half of a training; further budgets cost little.

    Limits:
        The rows that judge are the test rows: to pick a budget by them flatters it. Intervals of two budgets
        on the same rows overlap more than their difference varies.

    Example:
        >>> import pellucid, torch
        >>> x = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
        >>> data = pellucid.data.arrays(x, (x[:, 0] > 0.5).long())
        >>> made = pellucid.train(data, network=pellucid.networks.rules_for(data, soft=False), epochs=1)
        >>> [point.most for point in rule_path(made, budgets=(1, 5))]
        [1, 5, 20]
    """
    from pellucid.readable import held_out_path
    from pellucid.readable._path import BUDGETS

    network, spec = subject.model, subject.spec
    if not isinstance(network, RuleNetwork) or not isinstance(spec, TabularSpec):
        raise InputError(f"{subject.name} is a {type(network).__name__}, which is not made of rules.")
    data = subject.needs_data("rule_path")
    test, learned = data.part("test"), data.rows(data.parts != 2)
    if not len(test):
        raise InputError(f"{data.name} has no test rows to judge budgets of rules on.")
    return held_out_path(
        spec,
        learned.inputs.cpu().float().numpy(),
        learned.answers.cpu().numpy().astype(np.int64),
        test.inputs.cpu().float().numpy(),
        test.answers.cpu().numpy().astype(np.int64),
        network.settings,
        budgets=BUDGETS if budgets is None else budgets,
    )
