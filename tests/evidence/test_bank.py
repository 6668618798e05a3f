import itertools
import math

import pytest
import torch

from pellucid.errors import InputError
from pellucid.evidence import bank
from pellucid.inputs import Column, ImageSpec, TabularSpec


@pytest.mark.parametrize(
    ("height", "width", "removed"), [(16, 16, 64), (28, 28, 196), (5, 7, 9), (64, 96, 1536), (8, 8, 16)]
)
def test_every_mask_removes_exactly_a_quarter_of_a_picture(height, width, removed):
    drawn = bank(torch.zeros(2, 3, height, width))
    assert drawn.masks.shape == (64, height * width)
    assert set(drawn.masks.sum(1).tolist()) == {removed}
    assert drawn.removed == removed


def is_cells(mask, side):
    """Whether a mask is a union of cells of a grid at some phase, but for one cell that was cut."""
    height, width = mask.shape
    for top, left in itertools.product(range(side), repeat=2):
        down, across = (torch.arange(height) + top) // side, (torch.arange(width) + left) // side
        cell = (down[:, None] * 100 + across).flatten()
        mixed = sum(len(mask.flatten()[cell == k].unique()) > 1 for k in cell.unique())
        if mixed <= 1:
            return True
    return False


def test_masks_of_pictures_are_cells_of_two_sizes():
    masks = bank(torch.zeros(1, 1, 16, 16), masks=12).masks.view(12, 16, 16)
    assert [is_cells(mask, 2) for mask in masks[0::2]] == [True] * 6
    assert [is_cells(mask, 4) for mask in masks[1::2]] == [True] * 6


def test_large_pictures_are_handled_in_blocks():
    drawn = bank(torch.zeros(1, 3, 224, 224), masks=4)
    assert drawn.grid == (56, 56)
    assert drawn.elements(torch.arange(4), slice(0, 1)).flatten(1).float().mean(1).tolist() == [0.25] * 4
    assert drawn.units.flatten().bincount().unique().tolist() == [3 * 16]


def test_the_channels_of_a_pixel_go_together():
    gone = bank(torch.zeros(1, 3, 8, 8)).elements(torch.arange(64), slice(0, 1))
    assert gone.shape == (64, 1, 3, 8, 8)
    assert bool((gone == gone[:, :, :1]).all())


def test_one_hot_slots_of_a_column_go_together():
    kinds = ("red", "green", "blue")
    spec = TabularSpec((*(Column(f"n{k}") for k in range(11)), Column("colour", levels=kinds)))
    drawn = bank(torch.zeros(1, 14), spec)
    assert drawn.masks.shape == (64, 12)
    assert set(drawn.masks.sum(1).tolist()) == {3}
    gone = drawn.elements(torch.arange(64), slice(0, 1))[:, 0]
    assert bool((gone[:, 11:] == gone[:, 11:12]).all())
    assert 0 < int(gone[:, 11].sum()) < 64


@pytest.mark.parametrize(("columns", "removed"), [(30, 8), (12, 3), (10, 3), (8, 4), (6, 3)])
def test_subsets_of_columns_have_one_size_and_never_repeat(columns, removed):
    drawn = bank(torch.zeros(1, columns))
    assert set(drawn.masks.sum(1).tolist()) == {removed}
    assert drawn.different == len(drawn.masks) == min(64, math.comb(columns, removed))


def test_the_seed_alone_decides():
    x = torch.zeros(1, 1, 16, 16)
    before = torch.get_rng_state()
    assert torch.equal(bank(x, seed=3).masks, bank(torch.ones(5, 1, 16, 16), seed=3).masks)
    assert not torch.equal(bank(x, seed=3).masks, bank(x, seed=4).masks)
    assert torch.equal(before, torch.get_rng_state())


def test_reduce_sums_over_units_and_channels():
    spec = ImageSpec(channels=2, size=(4, 4))
    values = torch.arange(64.0).view(2, 2, 4, 4)
    reduced = bank(values, spec).reduce(values)
    assert torch.equal(reduced, values.sum(1).flatten(1))


@pytest.mark.parametrize("inputs", [torch.zeros(4), torch.zeros(4, 1)])
def test_nothing_to_remove_is_refused(inputs):
    with pytest.raises(InputError, match="at least two"):
        bank(inputs)


def test_maps_of_another_shape_are_refused():
    with pytest.raises(InputError, match="got"):
        bank(torch.zeros(1, 8)).reduce(torch.zeros(1, 9))
