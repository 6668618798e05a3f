"""The four curves on networks where their course is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from layers.nets import conv, deep, gaussian, left_alone, trained
from pellucid import figures
from pellucid._core import Compute, load, save
from pellucid.errors import InputError
from pellucid.layers import Hierarchy, hierarchy
from pellucid.layers._hierarchy import _composition, _effective_field


def test_an_even_field_has_its_own_width() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.Conv2d(2, 2, 5, padding=2, bias=False))
    for layer in net:
        nn.init.constant_(layer.weight, 1.0)
    x = torch.rand(8, 1, 16, 16)
    assert _effective_field(net, x, "0", Compute()) == pytest.approx(3 / 16, abs=1e-6)
    second = _effective_field(net, x, "1", Compute())
    assert 3 / 16 < second < 7 / 16  # wider than one layer, narrower than the seven pixels that can be seen
    assert _effective_field(nn.Flatten(), x, ".", Compute()) == pytest.approx(1 / 16, abs=1e-6)


def test_a_unit_with_few_predecessors_is_composed_of_them() -> None:
    class Picks(nn.Module):
        def __init__(self, weights: Tensor) -> None:
            super().__init__()
            self.first, self.second = nn.Identity(), nn.Linear(40, 1, bias=False)
            self.second.weight = nn.Parameter(weights[None])

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x))

    few = torch.zeros(40)
    few[:5] = 1.0
    x = gaussian(64, 40, 0)
    sharp = _composition(Picks(few), x, ["first"], "second", None, Compute())
    even = _composition(Picks(torch.ones(40)), x, ["first"], "second", None, Compute())
    assert sharp > 0.6
    assert even < 0.2


def test_training_lifts_the_selectivity_above_untrained_copies() -> None:
    x = gaussian(300, 6, 0)
    y = (x[:, 0] * x[:, 1] > 0).long()
    net = trained(deep((6, 24, 24, 2)), x, y, 300)
    found = hierarchy(net, x, y, others=[net])
    assert found.sites == ("0", "2", "4")
    assert "4" in found.apart["selectivity"]
    assert found.own[0].isnan().all()
    assert torch.allclose(found.others[0, 1], found.own[1])
    assert torch.equal(found.others[0, 2], found.own[2])
    assert found.untrained.shape == (3, 5, 3)
    assert 0.9 < found.input_invariance < 1
    assert "No effective field" in found.note
    assert left_alone(net)


def test_an_untrained_network_lies_among_its_copies_and_the_figure_says_so(tmp_path: object) -> None:
    x = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = hierarchy(conv(), x, torch.arange(40) % 3, seeds=2)
    assert found.own[0].isfinite().all()
    assert torch.equal(load(save(found, f"{tmp_path}/h.safetensors")).own, found.own) or bool(  # pyright: ignore
        found.own.isnan().any()
    )
    drawn = figures.hierarchy(found)
    assert "untrained copies" in drawn.alt
    assert len(drawn.table.rows) == 4 * 2  # too few rows for probes
    assert "the class that it tells best" in drawn.note  # every curve is told on the page
    assert len(drawn.svg()) > 1000
    with pytest.raises(InputError, match="30 inputs or more"):
        hierarchy(conv(), x[:10], torch.zeros(10).long())


def test_what_is_said_of_the_copies_is_that_of_all_trained_seeds_and_stands_in_the_table() -> None:
    def lines(*values: list[float]) -> Tensor:
        return torch.tensor(values)[:, None, :]

    found = Hierarchy(
        ("a", "b", "c"), ("selectivity",), torch.tensor([[0.9, 0.9, 0.1]]),
        lines([0.6, 0.8, 0.2]), lines([0.7, 0.6, 0.5], [0.5, 0.5, 0.4]), 1.0, 30,
    )  # fmt: skip
    assert found.apart == {"selectivity": ("b",)}
    assert found.beneath == {"selectivity": ("c",)}
    assert found.by_chance == 6  # two of four networks happen to be the two highest
    drawn = figures.hierarchy(found)
    assert "above all untrained copies at 1 and below all untrained copies at 1 of 3 layers" in drawn.alt
    assert "holds for all 2 trained seeds" in drawn.alt
    assert drawn.table.rows[0][6:] == pytest.approx((0.6, 0.6, 0.6))
    alone = figures.hierarchy(replace(found, others=torch.zeros(0, 1, 3)))
    assert "above all untrained copies at 2" in alone.alt
    assert "trained seeds" not in alone.alt
    assert len(alone.table.columns) == len(alone.table.rows[0]) == 6


def test_a_recurrent_layer_whose_cells_nobody_reads_has_curves_too() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.steps, self.out = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.steps(x)[0][:, -1])

    found = hierarchy(
        Last(), torch.rand(40, 6, 4, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3
    )
    assert found.sites == ("steps[0]", "steps[h]", "steps[c]", "out")
    # the output is built on the steps, not on the cells that stand before it in the pass
    assert found.own[4, :3].isnan().all()
    assert found.own[4, 3].isfinite()


@pytest.mark.parametrize(("kind", "sides"), [(nn.Conv1d, (12,)), (nn.Conv3d, (4, 4, 4))])
def test_convolutions_of_one_and_three_dimensions_are_composed_too(
    kind: type[nn.Module], sides: tuple[int, ...]
) -> None:
    net = nn.Sequential(kind(1, 8, 3, padding=1), nn.ReLU(), kind(8, 4, 3, padding=1))  # pyright: ignore
    x = torch.rand(20, 1, *sides, generator=torch.Generator().manual_seed(0))
    share = _composition(net, x, ["1"], "2", None, Compute())
    assert -1 < share < 1.5
