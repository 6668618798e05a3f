"""The summary against direct computation on nets whose answers are known."""

from __future__ import annotations

from dataclasses import astuple

import pytest
import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, load, save
from pellucid.errors import CancelledError, InputError
from pellucid.layers import summary
from pellucid.layers._tally import effective_rank


def convolutional() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.Flatten(),
        nn.Linear(96, 3),
    )


def pictures(n: int = 50) -> Tensor:
    return torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_rows_are_in_order_with_shapes_parameters_and_fields() -> None:
    rows = summary(convolutional(), pictures(), untrained_copy=False).rows
    assert [(r.site, r.kind, r.shape, r.parameters, r.units) for r in rows] == [
        ("0", "Conv2d", (4, 8, 8), 40, 4),
        ("1", "ReLU", (4, 8, 8), 0, 4),
        ("2", "MaxPool2d", (4, 4, 4), 0, 4),
        ("3", "Conv2d", (6, 4, 4), 222, 6),
        ("4", "Flatten", (96,), 0, 96),
        ("5", "Linear", (3,), 291, 3),
    ]
    assert [(r.field, r.stride) for r in rows[:3]] == [((3, 3), (1, 1)), ((3, 3), (1, 1)), ((4, 4), (2, 2))]
    assert rows[5].field == (8, 8)
    assert rows[5].untrained_rank is None


def test_numbers_equal_those_of_all_activations_at_once() -> None:
    net, x = convolutional(), pictures()
    row = summary(net, x, compute=Compute(7)).rows[3]
    with torch.no_grad():
        whole = net[:4](x)
    assert row.mean == pytest.approx(float(whole.mean()), abs=1e-6)
    assert row.sd == pytest.approx(float(whole.std(correction=0)), rel=1e-5)
    points = whole.movedim(1, -1).flatten(0, -2).double()
    share = torch.linalg.eigvalsh(torch.cov(points.T))
    share = share / share.sum()
    assert row.rank == pytest.approx(float((-(share * share.log()).sum()).exp()), rel=1e-5)


def test_the_effective_rank_of_known_spectra() -> None:
    assert effective_rank(torch.diag(torch.tensor([1.0, 1.0, 0.0]))) == pytest.approx(2)
    assert effective_rank(torch.ones(5, 5)) == pytest.approx(1, abs=1e-4)
    assert effective_rank(torch.zeros(3, 3)) == 0


def test_dead_units_are_those_that_never_move() -> None:
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU())
    with torch.no_grad():
        net[0].bias.copy_(torch.tensor([-100.0, -100.0, -100.0, 0.0]))
    rows = summary(net, torch.randn(600, 2, generator=torch.Generator().manual_seed(0))).rows
    assert [row.dead for row in rows] == [0.0, 0.75]
    assert rows[1].untrained_dead == 0.0


def test_saturation_counts_values_close_to_the_bounds() -> None:
    x = torch.tensor([[-9.0], [0.0], [9.0], [0.5]])
    assert [summary(module, x).rows[0].saturated for module in (nn.Tanh(), nn.Sigmoid(), nn.ReLU())] == [
        0.5,
        0.5,
        None,
    ]


def test_a_module_used_twice_has_two_rows() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.act = nn.Linear(3, 3), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.fc(self.act(self.fc(x))))

    sites = [row.site for row in summary(Twice(), torch.randn(5, 3)).rows]
    assert sites == ["fc#0", "act#0", "fc#1", "act#1"]


def test_layers_without_one_tensor_are_named_in_the_note() -> None:
    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair, self.again, self.fc = Pair(), Pair(), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(12):
                x = self.again(x)[0]
            return self.fc(self.pair(x)[0])

    found = summary(Net(), torch.randn(5, 2))
    assert [row.site for row in found.rows] == ["fc"]
    assert "Not listed, for they give more than one tensor: again (12 calls), pair." in found.note
    assert "With 5 inputs" in found.note


def test_the_answer_does_not_depend_on_the_batch_size() -> None:
    net, x = convolutional(), pictures()
    one, all_at_once = (summary(net, x, compute=Compute(size)) for size in (1, 64))
    for a, b in zip(one.rows, all_at_once.rows, strict=True):
        for p, q in zip(astuple(a), astuple(b), strict=True):
            assert p == (pytest.approx(q, rel=1e-4, abs=1e-6) if isinstance(q, float) else q)


def test_several_inputs_go_through_too() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(2, 3), nn.Linear(4, 3)

        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            return self.a(left) + self.b(right)

    found = summary(Sum(), Batch({"left": torch.randn(6, 2), "right": torch.randn(6, 4)}))
    assert [(row.site, row.field) for row in found.rows] == [("a", None), ("b", None)]


def test_a_network_that_cannot_be_copied_has_no_twin_and_says_so() -> None:
    class Locked(nn.Linear):
        def __deepcopy__(self, memo: object) -> nn.Module:
            raise TypeError("locked")

    found = summary(Locked(2, 2), torch.randn(5, 2))
    assert found.rows[0].untrained_rank is None
    assert "locked" in found.note


def test_the_network_comes_back_as_it_was() -> None:
    net = convolutional().train()
    net[0].weight.requires_grad_(False)
    state = {name: value.clone() for name, value in net.state_dict().items()}
    random = torch.get_rng_state()

    def stop(done: int, total: int) -> None:
        if done > 10:
            raise CancelledError("enough")

    summary(net, pictures())
    with pytest.raises(CancelledError):
        summary(net, pictures(), compute=Compute(8, progress=stop))
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert net.training
    assert not net[0].weight.requires_grad
    assert net[3].weight.requires_grad
    assert all(p.grad is None for p in net.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert torch.equal(torch.get_rng_state(), random)


def test_progress_runs_to_the_end_over_both_passes() -> None:
    seen: list[tuple[int, int]] = []
    summary(
        nn.Linear(2, 2), torch.randn(10, 2), compute=Compute(4, progress=lambda d, t: seen.append((d, t)))
    )
    assert seen == [(4, 20), (8, 20), (10, 20), (14, 20), (18, 20), (20, 20)]


def test_inputs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError):
        summary(convolutional(), torch.full((2, 1, 8, 8), float("nan")))


def test_a_summary_is_stored_and_read_back(tmp_path: object) -> None:
    found = summary(convolutional(), pictures(5))
    assert load(save(found, f"{tmp_path}/summary.safetensors")) == found
