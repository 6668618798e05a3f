"""The words of reason codes: which level it is, and which one is usual."""

import pytest
import torch

from pellucid.inputs import Column, TabularSpec
from pellucid.rules import reasons_of

SPEC = TabularSpec((Column("income", mean=3.0, std=1.0), Column("owns_home", levels=("no", "yes"))))


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ((1.0, 0.0), "owns_home is no, mostly yes among rows answered 1"),
        ((0.0, 1.0), "owns_home scores below the average of rows answered 1"),
    ],
)
def test_a_level_is_named_beside_the_usual_one(level, told):
    row, typical = torch.tensor([-1.0, *level]), torch.tensor([0.5, 0.2, 0.8])
    found = reasons_of(SPEC, row, typical, [0.5, 1.0], [], {}, "rows answered 1")
    assert [reason.text for reason in found] == [told, "income is low for rows answered 1"]
    assert reasons_of(SPEC, row, typical, [0.5, 1.0], [], {"owns_home": "no home"}, "x")[0].text == "no home"
