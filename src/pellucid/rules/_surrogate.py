"""A small decision tree of a network's own answers, told as rules."""

from __future__ import annotations

from torch import nn

from pellucid._core import Compute, Dataset
from pellucid.rules._copied import surrogate_rules
from pellucid.rules._rule_set import RuleSet


def surrogate_tree(
    model: nn.Module,
    dataset: Dataset,
    *,
    leaves: int = 8,
    minimum_support: int = 5,
    seed: int = 0,
    synthetic: int = 0,
    compute: Compute | None = None,
) -> RuleSet:
    """Rules that copy a network's answers, and how far they do.

    ``fidelity`` is the share of held-out rows (validation and test part) to which rules and network give the
    same answer; in regression, R² of the rules against the network's answers, in no unit.

    A best-first regression tree is fitted to the network's probabilities on the train part; leaves answer by
    majority, sibling leaves of one answer are joined. Each threshold is then replaced by the shortest number
    that parts the rows alike, at most three significant digits of the column's spread, and the rounded tree
    is what is scored, so that the rules as printed have the figures printed beside them.

    Args:
        model: gives ``[N, K]`` for K classes, or ``[N]`` or ``[N, 1]`` in regression.
        dataset: rows with a train part and held-out rows; its spec says how to read them.
        leaves: most rules.
        minimum_support: fewest training rows behind a rule.
        seed: breaks ties and draws synthetic rows.
        synthetic: so many rows between neighbouring training rows are answered by the network and added.
            They help where rows are many and answers smooth, and harm on small tables of many columns.
        compute: how the network runs.

    Returns:
        The rules with their evidence: fidelity with its interval, the fidelity of a tree of that size grown
        from the true answers, of the commonest answer, and of each rule its support and precision on
        held-out rows.

    Raises:
        InputError: if a part is empty, an argument cannot be, the spec is of another kind, or the network's
            outputs are not one for each class.
        MethodError: if the network answers NaN or infinity.

    Cost:
        One forward pass over all rows and the synthetic ones; trees take seconds at most.

    Limits:
        Fidelity is high wherever the network is right and the data are easy; ``differ_fidelity`` is that on
        the rows where network and true answer differ. Rules copy answers, not inner workings: a network may answer so for other reasons. Below about 95 %
        fidelity they are a summary. Where ``excess_low`` is not above 0 they may only show what the data
        look like; ``note`` says so. Pictures are told by the brightness of coarse cells, which is rarely
        what a network uses.

    Source:
        Craven and Shavlik, "Extracting tree-structured representations of trained networks", NeurIPS 1995.

    Example:
        >>> import torch
        >>> from pellucid._core import split
        >>> from pellucid.inputs import Column, TabularSpec
        >>> age, weight = Column("age", "years", mean=40, std=10), Column("weight", "kg", mean=70, std=9)
        >>> spec = TabularSpec((age, weight))
        >>> x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
        >>> network = nn.Linear(2, 2)
        >>> network.weight.data = torch.tensor([[0.0, 0.0], [4.0, 0.0]])
        >>> network.bias.data = torch.tensor([0.0, -2.0])
        >>> y = (x[:, 0] > 0.5).long()
        >>> data = Dataset("people", x, y, spec, ("young", "old"), split(y, classes=True))
        >>> for rule in surrogate_tree(network, data).rules:
        ...     print(rule)
        IF age <= 44.9 years THEN young
        IF age > 44.9 years THEN old
    """
    return surrogate_rules(
        model,
        dataset,
        size=leaves,
        minimum_support=minimum_support,
        seed=seed,
        synthetic=synthetic,
        compute=compute,
    )
