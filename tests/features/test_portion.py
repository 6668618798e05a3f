"""Portions that fit into memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid._core import Compute
from pellucid.features import _portion as portion
from pellucid.features import activation_maximization


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(10, 1000), nn.Tanh(), nn.Linear(1000, 5000), nn.Tanh())


def test_what_a_pass_keeps_is_counted_up_to_the_layer_and_without_weights() -> None:
    # a tanh keeps what it gave, 4 bytes a number
    like = torch.zeros(1, 10)
    assert portion.bytes_kept(net(), "1", like) == 4_000
    assert portion.bytes_kept(net(), "3", like) == 24_000


def test_portions_shrink_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    like = torch.zeros(1, 10)
    monkeypatch.setattr(portion, "_free", lambda _: 4 * 4_000 * 7 + 1)
    assert portion.portion_size(net(), "1", like, 64) == 7
    assert portion.portion_size(net(), "3", like, 64) == 1
    monkeypatch.setattr(portion, "_free", lambda _: None)
    assert portion.portion_size(net(), "3", like, 64) == 64


def test_no_more_rows_climb_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portion, "_free", lambda _: 4 * 4_000 * 3)
    most = [0]
    model = net()

    def count(_: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if given[0].requires_grad:
            most[0] = max(most[0], len(given[0]))

    model.register_forward_pre_hook(count)
    data = torch.randn(40, 10)
    how = Compute(64)
    activation_maximization(
        model, "1", data=data, units=range(8), steps=2, untrained_control=False, compute=how
    )
    assert most[0] == 3
