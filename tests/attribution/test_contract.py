"""Every published method is held to the public contract; nothing to add here when a method is added."""

import pytest

from pellucid import attribution
from pellucid.evidence.testing import clauses

PROMISES = [(name, clause) for name in attribution.__all__ for clause in clauses(getattr(attribution, name))]


@pytest.mark.parametrize(
    "clause", [pytest.param(clause, id=f"{name}: {clause.name}") for name, clause in PROMISES]
)
def test_contract(clause):
    clause()
