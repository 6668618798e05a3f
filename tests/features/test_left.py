"""Nothing is left on the network, and nothing in memory but the result."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid.features import Channel, Logit, _ascent, accentuation, activation_maximization, caricature

Few = dict[str, object]
FEW: Few = {"steps": 3, "seeds": 2, "untrained_control": True}
CLIMBS: list[Callable[[nn.Module, Tensor], object]] = [
    lambda net, x: activation_maximization(net, "1", data=x, objectives=[Channel(0)], **FEW),  # pyright: ignore
    lambda net, x: activation_maximization(net, data=x, objectives=[Logit(1)], diversity=1.0, **FEW),  # pyright: ignore
    lambda net, x: accentuation(net, None, x[:2], data=x, objectives=[Logit(1)], **FEW),  # pyright: ignore
    lambda net, x: caricature(net, "1", x[:2], data=x, **FEW),  # pyright: ignore
]


def tensors() -> int:
    gc.collect()
    # by type: asking some objects for their class warns
    return sum(issubclass(type(each), Tensor) for each in gc.get_objects())


@pytest.mark.parametrize("climb", CLIMBS, ids=["channel", "faces", "accentuation", "caricature"])
def test_hooks_gradients_and_memory_left_are_none(climb: Callable[[nn.Module, Tensor], object]) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 4))
    x = torch.randn(40, 1, 6, 6)
    climb(net, x)
    before = tensors()
    made = climb(net, x)
    assert sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()) == 0
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    del made
    assert tensors() == before


def test_an_interruption_ends_a_climb_after_the_step_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    net, done = nn.Sequential(nn.Linear(4, 3), nn.ReLU()), [0]
    real = _ascent._Portion._step

    def step(self: _ascent._Portion, number: int) -> None:
        real(self, number)
        done[0] += 1
        if number == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(_ascent._Portion, "_step", step)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            activation_maximization(net, "1", data=torch.randn(50, 4), steps=20)
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == [3]
    assert sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()) == 0
