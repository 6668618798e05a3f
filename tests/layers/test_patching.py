"""Patching: exact on linear networks, right on a network whose paths are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from layers.nets import conv, deep, gaussian, left_alone
from pellucid import figures
from pellucid._core import Compute, load, margin, save
from pellucid.errors import InputError, MethodError
from pellucid.layers import activation_patching, attribution_patching, edge_attribution


class TwoPaths(nn.Module):
    """The answer is 3 × the left path + 1 × the right one."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Identity(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return 3 * self.left(x[:, :1]) + self.right(x[:, 1:])


def test_paths_restore_and_break_what_they_carry() -> None:
    clean, corrupt = torch.ones(30, 2), torch.zeros(30, 2)
    found = activation_patching(TwoPaths(), clean, corrupt, 0, compute=Compute(7))
    assert found.sites == ("left", "right")
    assert found.restored.tolist() == pytest.approx([0.75, 0.25])
    assert found.broken.tolist() == pytest.approx([0.75, 0.25])
    assert torch.allclose(found.restored_low, found.restored_high)
    assert (found.clean, found.corrupt) == (4.0, 0.0)


def test_intervals_hold_the_mean_when_pairs_differ() -> None:
    clean, corrupt = gaussian(80, 2, 0) + 2, gaussian(80, 2, 1)
    found = activation_patching(TwoPaths(), clean, corrupt, 0)
    assert bool((found.restored_low < found.restored).all())
    assert bool((found.restored < found.restored_high).all())
    assert float(found.restored.sum()) == pytest.approx(1, abs=1e-5)


def test_the_control_carries_over_other_inputs() -> None:
    clean, corrupt, others = gaussian(6, 2, 0) + 2, gaussian(6, 2, 1), gaussian(9, 2, 2)
    net = TwoPaths()
    found = activation_patching(net, clean, corrupt, 0, ["left"], others=others, draws=7, compute=Compute(5))
    picked = torch.randint(9, (7, 6), generator=torch.Generator().manual_seed(0))
    whole = float((net(clean) - net(corrupt)).mean())
    slow = [float((3 * (others[draw, :1] - corrupt[:, :1])).mean()) / whole for draw in picked]
    assert float(found.random) == pytest.approx(sum(slow) / 7, abs=1e-5)
    ends = torch.tensor(slow).quantile(torch.tensor([0.025, 0.975]))
    assert [float(found.random_low), float(found.random_high)] == pytest.approx(ends.tolist(), abs=1e-5)
    drawn = figures.patching(found)
    assert drawn.table.columns[-2:] == ("other inputs", "of 95 %")
    assert "with activations of other inputs" in drawn.alt
    with pytest.raises(InputError, match="other inputs and draws"):
        activation_patching(net, clean, corrupt, 0, others=others[:0])


def test_estimates_are_exact_on_a_linear_layer() -> None:
    net = nn.Linear(8, 3)
    clean, corrupt = gaussian(20, 8, 0) + 1, gaussian(20, 8, 1)
    found = attribution_patching(net, clean, corrupt, margin(0, 1), ".:in", steps=1, draws=5)
    weight = net.weight[0] - net.weight[1]
    wanted = ((clean - corrupt) * weight).mean(0).detach().double()
    assert torch.allclose(found.estimate, wanted / wanted.sum(), atol=1e-5)
    assert torch.allclose(found.measured, found.estimate, atol=1e-5)
    assert found.agreement == pytest.approx(1)
    assert float(found.restored[0]) == pytest.approx(0, abs=1e-6)
    assert float(found.restored[-1]) == pytest.approx(1, abs=1e-5)
    assert found.kept.tolist() == [0, 1, 2, 4, 8]
    assert bool((found.restored >= found.random - 1e-6).all())


def test_a_channel_is_patched_over_all_its_positions() -> None:
    net, generator = conv().eval(), torch.Generator().manual_seed(0)
    clean, corrupt = (torch.rand(12, 1, 8, 8, generator=generator) * f for f in (1.0, 0.2))
    found = attribution_patching(net, clean, corrupt, 0, "1", units=[2, 0], draws=3)
    with torch.no_grad():
        a, b = net[:2](clean), net[:2](corrupt)
        base, whole = net(corrupt)[:, 0].mean(), (net(clean)[:, 0] - net(corrupt)[:, 0]).mean()
        mixed = b.clone()
        mixed[:, 2] = a[:, 2]
        wanted = (net[2:](mixed)[:, 0].mean() - base) / whole
    assert float(found.measured[0]) == pytest.approx(float(wanted), rel=1e-4)
    assert found.units.tolist() == [2, 0]
    assert left_alone(net)


def test_averaged_slopes_do_better_than_one_at_a_kink() -> None:
    net = deep((6, 24, 24, 2))
    clean, corrupt = 2 * gaussian(40, 6, 0) + 1, 2 * gaussian(40, 6, 1) - 1
    gaps = []
    for steps in (1, 16):
        found = attribution_patching(net, clean, corrupt, 0, "1", steps=steps, draws=2)
        gaps.append(abs(float(found.estimate.sum()) - 1))
    assert gaps[1] < gaps[0] + 1e-6
    assert gaps[1] < 0.05  # the estimates add up to the whole difference: the path integral


def test_the_answer_does_not_depend_on_the_batch_size() -> None:
    net = deep((6, 10, 2))
    clean, corrupt = gaussian(15, 6, 0) + 1, gaussian(15, 6, 1)
    one, other = (
        attribution_patching(net, clean, corrupt, 0, "1", draws=3, compute=Compute(size)) for size in (4, 200)
    )
    assert torch.allclose(one.estimate, other.estimate, atol=1e-5)
    assert torch.allclose(one.restored, other.restored, atol=1e-5)


def test_pairs_that_do_not_differ_are_refused() -> None:
    x = gaussian(10, 6, 0)
    with pytest.raises(MethodError, match="nothing to locate"):
        activation_patching(deep(), x, x, 0)
    with pytest.raises(InputError, match="pair up row by row"):
        attribution_patching(deep(), x, x[:5], 0, "1")


def test_figures_and_files(tmp_path: object) -> None:
    net = deep((6, 10, 2))
    clean, corrupt = gaussian(15, 6, 0) + 1, gaussian(15, 6, 1)
    whole = activation_patching(net, clean, corrupt, 0, ["0", "1"])
    units = attribution_patching(net, clean, corrupt, 0, "1", draws=3)
    assert torch.equal(load(save(units, f"{tmp_path}/u.safetensors")).estimate, units.estimate)  # pyright: ignore
    assert "restores 100" in figures.patching(whole).alt
    assert "points more" in figures.attribution_patches(units).alt
    for drawn in (figures.patching(whole), figures.attribution_patches(units)):
        assert len(drawn.svg()) > 1000


def test_edges_are_exact_on_linear_layers() -> None:
    net = nn.Sequential(nn.Linear(5, 4, bias=False), nn.Linear(4, 2, bias=False))
    clean, corrupt = gaussian(20, 5, 0) + 1, gaussian(20, 5, 1)
    found = edge_attribution(net, clean, corrupt, 0, "0:in", "0")
    moved = (clean - corrupt).mean(0)
    wanted = (moved[:, None] * net[0].weight.T * net[1].weight[0]).detach().double()  # type: ignore[union-attr]
    assert torch.allclose(found.edges, wanted / wanted.sum(), atol=1e-5)
    order = found.edges.flatten().sort(descending=True).values
    assert found.kept.tolist() == [0, 1, 2, 5, 10, 20]
    for k, share in zip(found.kept.tolist(), found.restored.tolist(), strict=True):
        assert share == pytest.approx(float(order[:k].sum()), abs=1e-4)
    assert left_alone(net)
    assert "20 edges from 0:in to 0; kept" in figures.edges(found).alt
    few = figures.edges(edge_attribution(net, clean, corrupt, 0, "0:in", "0", most=3))
    assert "15 edges from 0:in to 3 of the 4 units of 0, those with the largest share; kept" in few.alt
    assert few.note.startswith("15 of 15 edges to 3 of the 4 units of 0")


def test_edges_of_maps_restore_more_than_random_ones(tmp_path: object) -> None:
    net, generator = conv().eval(), torch.Generator().manual_seed(0)
    clean, corrupt = (torch.rand(12, 1, 8, 8, generator=generator) * f for f in (1.0, 0.2))
    found = edge_attribution(net, clean, corrupt, 0, "1", "2", draws=2)
    assert found.edges.shape == (4, 4)
    assert float(found.restored[-1]) == pytest.approx(1, abs=1e-4)
    assert float(found.restored.mean()) >= float(found.random.mean())
    off = found.edges - torch.diag(found.edges.diagonal())
    assert float(off.abs().max()) == 0.0  # a pool takes each channel from itself
    assert torch.equal(load(save(found, f"{tmp_path}/g.safetensors")).edges, found.edges)  # pyright: ignore
    assert "points more" in figures.edges(found).alt
    assert len(figures.edges(found).svg()) > 1000
