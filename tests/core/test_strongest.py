"""The running top-k against sorting everything."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid._core import Compute
from pellucid._core._strongest import strongest
from pellucid._core._units import by_unit
from pellucid.errors import InputError, TargetError


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_same_as_sorting_everything(size: int) -> None:
    x = torch.randn(40, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    found = strongest(nn.Identity(), x, ["."], k=6, compute=Compute(size))["."]
    value, place = x.flatten(2).max(2)
    order = value.argsort(dim=0, descending=True)[:6].T
    assert torch.equal(found.rows, order)
    assert torch.equal(found.values, value.T.gather(1, order))
    flat = found.positions[..., 0] * 4 + found.positions[..., 1]
    assert torch.equal(flat, place.T.gather(1, order))


def test_of_equal_values_the_earlier_row_comes_first() -> None:
    found = strongest(nn.Identity(), torch.zeros(20, 2), ["."], k=3, compute=Compute(4))["."]
    assert found.rows.tolist() == [[0, 1, 2], [0, 1, 2]]


def test_fewer_rows_than_asked_for_give_all() -> None:
    assert strongest(nn.Identity(), torch.randn(4, 2), ["."], k=9)["."].rows.shape == (2, 4)


def test_chosen_units_keep_their_order() -> None:
    x = torch.arange(12.0).view(3, 4)
    found = strongest(nn.Identity(), x, ["."], k=1, units=[3, 1])["."]
    assert (found.units.tolist(), found.values[:, 0].tolist(), found.total) == ([3, 1], [11.0, 9.0], 4)


@pytest.mark.parametrize("units", [[4], [-1], [], [0.5], 2])
def test_units_that_cannot_be_are_refused(units: object) -> None:
    with pytest.raises(TargetError):
        strongest(nn.Identity(), torch.zeros(3, 4), ["."], k=1, units=units)  # pyright: ignore


def test_k_must_be_positive() -> None:
    with pytest.raises(InputError, match="at least 1"):
        strongest(nn.Identity(), torch.zeros(3, 4), ["."], k=0)


def test_units_of_tokens_are_features_and_of_signals_channels() -> None:
    x = torch.zeros(2, 5, 7)
    assert by_unit(nn.Linear(7, 7), x).shape == (2, 7, 5)
    assert by_unit(nn.Conv1d(5, 5, 3), x).shape == (2, 5, 7)
    assert by_unit(nn.Identity(), torch.zeros(2)).shape == (2, 1, 1)


def test_not_a_number_is_the_strongest_whatever_its_sign() -> None:
    """Processors make it with the sign set, so that its bits alone would stand at the end."""
    x = torch.tensor([[1.0], [-1.0], [2.0], [4.0]])

    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sqrt()

    for size in (1, 4):
        found = strongest(Root(), x, ["."], k=2, compute=Compute(batch_size=size))["."]
        assert found.rows.tolist() == [[1, 3]]
