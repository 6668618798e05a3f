"""A layer that gives NaN: the summary says where, and nothing else makes a number of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import MethodError
from pellucid.features import Logit, activation_maximization
from pellucid.layers import (
    attribution_patching,
    co_activation,
    early_exit,
    edge_attribution,
    exemplars,
    linear_probes,
    matrix_factorisation,
    representation_similarity,
    selectivity,
    space_map,
    sparse_autoencoder,
    summary,
    unit_effects,
)


class Logarithm(nn.Module):
    """Takes the logarithm of negative numbers beside what it answers by."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.side, self.out = nn.Linear(4, 6), nn.Identity(), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.dense(x)
        return self.out(h + 0 * self.side(h.log()).nan_to_num())


@pytest.fixture(scope="module")
def asked() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    x = torch.randn(120, 4)
    return Logarithm(), x, (x[:, 0] > 0).long()


def test_the_summary_says_where_nan_begins_and_measures_the_rest(
    asked: tuple[nn.Module, Tensor, Tensor],
) -> None:
    model, x, _ = asked
    found = summary(model, x)
    assert "side gives NaN or infinity: what cannot be measured" in found.note
    rows = {row.site: row for row in found.rows}
    assert all(torch.tensor([rows["side"].mean, rows["side"].rank, rows["side"].dead]).isnan())
    assert rows["dense"].rank > 1
    assert "NaN" not in summary(nn.Linear(4, 2), x).note


@pytest.mark.parametrize(
    "measure",
    [
        lambda m, x, y: exemplars(m, x, "side"),
        lambda m, x, y: selectivity(m, x, y, "side"),
        lambda m, x, y: unit_effects(m, x, y, "side"),
        lambda m, x, y: co_activation(m, x, "side"),
        lambda m, x, y: linear_probes(m, x, y, ["dense", "side"]),
        lambda m, x, y: sparse_autoencoder(m, x, "side", steps=2),
        lambda m, x, y: matrix_factorisation(m, x, "side"),
        lambda m, x, y: space_map(m, x, "side"),
        lambda m, x, y: activation_maximization(m, "side", data=x, steps=2),
        lambda m, x, y: attribution_patching(m, x, x + 1, 0, "side"),
        lambda m, x, y: edge_attribution(m, x, x + 1, 0, "side", "out"),
    ],
)
def test_nothing_is_measured_on_nan(
    asked: tuple[nn.Module, Tensor, Tensor], measure: Callable[[nn.Module, Tensor, Tensor], object]
) -> None:
    with pytest.raises(MethodError, match=r"'side' gives NaN or infinity, so nothing can be measured there"):
        measure(*asked)


def test_layers_beside_it_are_measured(asked: tuple[nn.Module, Tensor, Tensor]) -> None:
    model, x, _ = asked
    alike = representation_similarity(model, x, ["dense", "side", "out"], draws=3, untrained_copy=False)
    assert alike.values[1].isnan().all()
    assert float(alike.values[0, 2]) > 0
    made = activation_maximization(model, data=x, objectives=[Logit(0)], steps=2, untrained_control=False)
    assert made.site == "."


class Masked(nn.Module):
    """Attention to what came before; the masked scores go through a module."""

    def __init__(self) -> None:
        super().__init__()
        self.mask, self.soft, self.out = nn.Identity(), nn.Softmax(-1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        later = torch.ones(3, 3, dtype=torch.bool).triu(1)
        scores = self.mask((x @ x.transpose(1, 2)).masked_fill(later, -torch.inf))
        return self.out((self.soft(scores) @ x).mean(1))


def test_infinity_that_is_meant_stands_in_nobodys_way() -> None:
    torch.manual_seed(0)
    model, x, y = Masked(), torch.randn(120, 3, 4), torch.arange(120) % 2
    found = linear_probes(model, x, y, untrained_copy=False)
    assert found.sites == ("soft", ".:heads()", "out")
    assert "Left out, for it gives NaN or infinity: mask." in found.note
    with pytest.raises(MethodError, match=r"'mask' gives infinity.*ask what follows it, such as the softmax"):
        linear_probes(model, x, y, ["mask"], untrained_copy=False)
    with pytest.raises(MethodError, match="No earlier layer gives what the last part"):
        early_exit(model, x, y)
