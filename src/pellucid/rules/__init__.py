"""What a network answers, as rules that can be read, run and checked against it."""

from pellucid.rules._readable import readable_rows
from pellucid.rules._rule import Condition, Rule
from pellucid.rules._rule_set import RuleSet
from pellucid.rules._surrogate import surrogate_tree

__all__ = ["Condition", "Rule", "RuleSet", "readable_rows", "surrogate_tree"]
