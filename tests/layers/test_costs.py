"""What docstrings say of passes is what goes through the network."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid.layers import (
    activation_patching,
    attribution_patching,
    concepts,
    early_exit,
    exemplars,
    layer_gain,
    linear_probes,
    selectivity,
    unit_effects,
)

N = 120
LOOK = 2  # rows that show which layers there are


@pytest.mark.parametrize(
    ("work", "passes", "more"),
    [
        (lambda m, x, y: exemplars(m, x, "1"), 1, 0),
        (lambda m, x, y: selectivity(m, x, y, "1"), 1, 0),
        (lambda m, x, y: unit_effects(m, x, y, "1"), 1 + 5, 0),
        (lambda m, x, y: linear_probes(m, x, y), 2, LOOK),
        (lambda m, x, y: layer_gain(m, x, y, "1"), 2, 0),
        (lambda m, x, y: early_exit(m, x, y, ["1", "3"], head="4", untrained_copy=False), 2 + 2, None),
        (lambda m, x, y: activation_patching(m, x, x.flip(0) + 1, 1, ["1", "2", "3"]), 2 + 3 * 4, LOOK),
        (
            lambda m, x, y: activation_patching(m, x, x.flip(0) + 1, 1, ["1", "2"], others=x, draws=3),
            2 + 2 * (4 + 1 + 3),
            LOOK,
        ),
        (
            lambda m, x, y: attribution_patching(m, x, x + 1, 1, "1", steps=3, draws=2, verified=4),
            2 + 3 + 4 + 5 * (1 + 2),
            0,
        ),
        (
            lambda m, x, y: concepts(
                m, x, 1, {"a": x + 1, "b": x - 1}, ["1", "3"], random=x, draws=19, untrained_copy=False
            ),
            2 * (2 + 2 + 1),
            0,
        ),
    ],
)
def test_passes_are_those_that_are_stated(
    work: Callable[[nn.Module, Tensor, Tensor], object], passes: int, more: int | None
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 2)).eval()
    x, seen = torch.randn(N, 3), [0]
    # a copy that is made meanwhile is counted too
    model.register_forward_pre_hook(lambda _, given: seen.__setitem__(0, seen[0] + len(given[0])))
    work(model, x, torch.arange(N) % 2)
    if more is None:
        assert passes * N <= seen[0] < (passes + 1) * N
    else:
        assert seen[0] == passes * N + more
