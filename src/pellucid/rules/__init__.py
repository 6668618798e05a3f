"""What a network answers, as rules that can be read, run and checked against it."""

from pellucid.rules._anchor import Anchor, anchor
from pellucid.rules._counterfactual import counterfactuals
from pellucid.rules._readable import readable_rows
from pellucid.rules._recourse._constraints import Constraints, Limit, Link, constraints_from
from pellucid.rules._recourse._values import Alternative, Change, Counterfactual, Counterfactuals
from pellucid.rules._rule import Condition, Rule
from pellucid.rules._rule_set import RuleSet
from pellucid.rules._surrogate import surrogate_tree
from pellucid.rules._weighted import Decision, WeightedRule, WeightedRules

__all__ = [
    "Alternative",
    "Anchor",
    "anchor",
    "Change",
    "Condition",
    "Constraints",
    "Counterfactual",
    "Counterfactuals",
    "Decision",
    "Limit",
    "Link",
    "Rule",
    "RuleSet",
    "WeightedRule",
    "WeightedRules",
    "constraints_from",
    "counterfactuals",
    "readable_rows",
    "surrogate_tree",
]
