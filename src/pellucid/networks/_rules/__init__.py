"""How the rules of a decision-rule network are found: cut points, candidates, choice, weights."""
