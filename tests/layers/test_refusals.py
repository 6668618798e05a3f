"""What is refused says what was expected, what came and what to do, instead of a traceback of torch."""

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import InputError, PellucidError, SiteError, TargetError
from pellucid.layers import (
    areas_by_class,
    co_activation,
    concept_values,
    concepts,
    early_exit,
    edge_attribution,
    exemplars,
    hierarchy,
    layer_gain,
    linear_probes,
    quantile_exemplars,
    selectivity,
    space_map,
    unit_effects,
    unit_values,
)

X = torch.rand(64, 4, generator=torch.Generator().manual_seed(0))
NET = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
ASKED = {
    "selectivity": lambda y: selectivity(NET, X, y, "1"),
    "unit_effects": lambda y: unit_effects(NET, X, y, "1"),
    "linear_probes": lambda y: linear_probes(NET, X, y),
    "layer_gain": lambda y: layer_gain(NET, X, y, "1"),
    "space_map": lambda y: space_map(NET, X, "1", y),
    "early_exit": lambda y: early_exit(NET, X, y),
    "hierarchy": lambda y: hierarchy(NET, X, y),
    "areas_by_class": lambda y: areas_by_class(unit_values(NET, X, "1"), y, 0),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize(
    ("answers", "got"),
    [
        (np.zeros(64, dtype=np.int64), r"got ndarray\. Say torch\.as_tensor"),
        ([0] * 64, r"got list\. Say torch\.as_tensor"),
        (torch.zeros(64), "got torch.float32"),
        (torch.zeros(5, dtype=torch.int64), r"int64 \[64\], got torch.int64 \[5\]"),
    ],
    ids=["array", "list", "floats", "few"],
)
def test_answers_that_are_no_class_numbers(ask, answers, got):
    with pytest.raises(InputError, match=f"answers: expected class numbers.*{got}"):
        ask(answers)


OTHERS = {
    "inputs": (lambda: selectivity(NET, None, torch.zeros(64).long(), "1"), InputError, "got NoneType"),
    "units": (lambda: exemplars(NET, X, "1", units="0"), TargetError, r"such as \[3, 7\], got '0'"),
    "quantiles": (lambda: quantile_exemplars(NET, X, "1", quantiles=0.5), InputError, "got 0.5"),
    "sets": (lambda: concepts(NET, X, 0, X, ["1"], random=X), InputError, "got Tensor"),
    "shown": (lambda: concept_values(NET, X, X, "1", random=X), InputError, "got Tensor"),
    "no sets": (lambda: concept_values(NET, X, {}, "1", random=X), InputError, "got none"),
    "k": (lambda: co_activation(NET, X, "1", k=0), InputError, "and k=0"),
    "sites": (lambda: hierarchy(NET, X, torch.arange(64) % 3, []), SiteError, r"expected layer names.*\[\]"),
    "itself": (
        lambda: edge_attribution(NET, X, -X, 0, "1", "1"),
        SiteError,
        "to a later one, got '1' for both",
    ),
    "back": (lambda: edge_attribution(NET, X, -X, 0, "2", "0"), SiteError, "before the pass reaches '2'"),
}


@pytest.mark.parametrize(("ask", "kind", "words"), OTHERS.values(), ids=OTHERS)
def test_other_slips(ask, kind: type[PellucidError], words):
    with pytest.raises(kind, match=words):
        ask()
