"""Every published method is held to the public contract; nothing to add here when a method is added."""

import inspect

import pytest

from pellucid import attribution
from pellucid.evidence.testing import clauses

# methods that are neither slopes nor contributions, by their own definition
EXEMPT = {
    ("idgi", "is exact on a linear network"),
    ("smoothgrad_squared", "is exact on a linear network"),
    ("vargrad", "is exact on a linear network"),
    # LRP gives biases and stabilisers their share, so it is exact only where they are zero: see test_lrp
    ("lrp", "is exact on a linear network"),
    ("lrp", "keeps its completeness gap small"),
}
PROMISES = [
    (name, clause)
    for name in attribution.__all__
    for clause in clauses(getattr(attribution, name))
    if (name, clause.name) not in EXEMPT
]


@pytest.mark.parametrize(
    "clause", [pytest.param(clause, id=f"{name}: {clause.name}") for name, clause in PROMISES]
)
def test_contract(clause):
    clause()


@pytest.mark.parametrize("name", attribution.__all__)
def test_where_and_what_are_arguments(name):
    """Of whatever layer and whatever number: what has no place or no attention there is refused by itself."""
    given = inspect.signature(getattr(attribution, name)).parameters
    assert {"target", "at", "spec", "compute"} <= set(given)
    said = getattr(attribution, name).__doc__
    assert "\n        target: " in said
    assert "\n        at: " in said
