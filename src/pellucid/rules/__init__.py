"""What a network answers, as rules that can be read, run and checked against it."""

from pellucid.rules._anchor import Anchor, anchor
from pellucid.rules._copied import surrogate_rules
from pellucid.rules._counterfactual import counterfactuals
from pellucid.rules._frontier import Frontier, rule_frontier
from pellucid.rules._kept import KeptDirection
from pellucid.rules._of_values import frontier_of_values, rules_of_values
from pellucid.rules._readable import readable_rows
from pellucid.rules._reason_codes import Reason, ReasonCodes, principal, reasons_of
from pellucid.rules._recourse._constraints import Constraints, Limit, Link, constraints_from, read_toml
from pellucid.rules._recourse._values import Alternative, Change, Counterfactual, Counterfactuals
from pellucid.rules._rule import Condition, Rule
from pellucid.rules._rule_set import Kind, RuleSet
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
    "Frontier",
    "KeptDirection",
    "Kind",
    "Limit",
    "Link",
    "Reason",
    "ReasonCodes",
    "Rule",
    "RuleSet",
    "WeightedRule",
    "WeightedRules",
    "constraints_from",
    "counterfactuals",
    "frontier_of_values",
    "principal",
    "readable_rows",
    "read_toml",
    "reasons_of",
    "rule_frontier",
    "rules_of_values",
    "surrogate_rules",
    "surrogate_tree",
]
