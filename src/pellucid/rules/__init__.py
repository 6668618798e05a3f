"""What a network answers, as rules that can be read, run and checked against it."""

from pellucid.rules._readable import readable_rows
from pellucid.rules._rule import Condition, Rule
from pellucid.rules._rule_set import RuleSet
from pellucid.rules._surrogate import surrogate_tree
from pellucid.rules._weighted import Decision, WeightedRule, WeightedRules

__all__ = ["Condition", "Decision", "Rule", "RuleSet", "WeightedRule", "WeightedRules", "readable_rows", "surrogate_tree"]
