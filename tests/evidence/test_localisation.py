"""Localisation has closed forms: a perfect map, a constant one, its opposite, chance."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import InputError
from pellucid.evidence import localisation

SHAPES = [(12,), (3, 8, 8), (20, 5)]


def truth_of(shape, n=60, share=0.2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    truth = torch.rand(n, *shape, generator=generator) < share
    truth.flatten(1)[:, 0], truth.flatten(1)[:, 1] = True, False
    return truth


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reading", ["magnitude", "positive"])
def test_a_perfect_map_is_perfect(shape, reading):
    truth = truth_of(shape)
    found = localisation(truth.double() * 3, truth, reading=reading)
    assert found.share.value == found.pointing.value == found.auc.value == found.precision.value == 1
    assert found.gain.value == pytest.approx(1 / found.area)
    assert (found.share.low, found.share.high) == (1, 1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("level", [1.0, 0.0])
def test_a_constant_and_an_empty_map_score_the_area(shape, level):
    truth = truth_of(shape)
    found = localisation(torch.full(truth.shape, level), truth)
    area = truth.flatten(1).double().mean()
    for each in (found.share, found.pointing, found.precision):
        assert each.value == pytest.approx(float(area))
    assert found.area == pytest.approx(float(area))
    assert found.gain.value == pytest.approx(1)
    assert found.auc.value == pytest.approx(0.5)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_opposite_of_the_truth_finds_nothing(shape):
    truth = truth_of(shape)
    found = localisation((~truth).double(), truth)
    assert found.share.value == found.pointing.value == found.auc.value == 0


def test_noise_scores_chance_within_its_interval():
    truth = truth_of((400,), n=300)
    found = localisation(torch.randn(truth.shape, generator=torch.Generator().manual_seed(3)), truth)
    assert found.gain.low <= 1 <= found.gain.high
    assert found.auc.low <= 0.5 <= found.auc.high
    assert found.pointing.low <= found.area <= found.pointing.high
    assert found.precision.value == pytest.approx(found.area, abs=0.02)


def test_what_speaks_against_counts_by_magnitude_only():
    truth = torch.tensor([[True, False, False]])
    values = torch.tensor([[1.0, -3.0, 0.0]])
    assert localisation(values, truth).share.value == 0.25
    assert localisation(values, truth, reading="positive").share.value == 1
    assert localisation(values, truth).pointing.value == 0
    assert localisation(values, truth, reading="positive").pointing.value == 1


def test_channels_are_summed_where_the_truth_has_one():
    values = torch.tensor([[[[3.0, 0.0]], [[-3.0, 1.0]]]])
    truth = torch.tensor([[[[True, False]]]])
    assert localisation(values, truth).share.value == pytest.approx(6 / 7)
    # for and against cancel in the pixel, as they do where it is drawn
    assert localisation(values, truth, reading="positive").share.value == 0


@given(seed=st.integers(0, 10_000), ties=st.booleans())
@settings(max_examples=25, deadline=None)
def test_ranks_agree_with_counting(seed, ties):
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(1, 9, generator=generator)
    values = (values * 3).round() if ties else values
    truth = truth_of((9,), n=1, share=0.4, seed=seed)
    inside, outside = values[truth].tolist(), values[~truth].tolist()
    counted = sum((a > b) + (a == b) / 2 for a in inside for b in outside) / (len(inside) * len(outside))
    found = localisation(values, truth)
    assert found.auc.value == pytest.approx(counted, abs=1e-6)
    assert found.share.value == pytest.approx(
        sum(inside) / max(1e-9, sum(inside) + sum(outside)), abs=1e-6
    ) or (sum(inside) + sum(outside) == 0)
    chosen = values.clone()
    order = [sum(truth[0, p].item() for p in perm[: len(inside)]) for perm in _orders(chosen[0], generator)]
    assert found.precision.value == pytest.approx(
        sum(order) / len(order) / len(inside), abs=0.12 if ties else 1e-9
    )


def _orders(row, generator, draws=400):
    """Descending orders with ties broken at random."""
    for _ in range(draws):
        lots = torch.rand(len(row), generator=generator)
        yield sorted(range(len(row)), key=lambda k: (-float(row[k]), float(lots[k])))


def test_rows_without_a_true_place_are_left_out():
    truth = torch.tensor([[True, False], [False, False], [True, True]])
    found = localisation(torch.tensor([[1.0, 0.0]] * 3), truth)
    assert found.n == 1
    with pytest.raises(InputError, match="everywhere or nowhere"):
        localisation(torch.ones(2, 2), torch.zeros(2, 2, dtype=torch.bool))


def test_near_copies_do_not_make_the_interval_small():
    generator = torch.Generator().manual_seed(0)
    truth, values = truth_of((50,), n=10), torch.rand(10, 50, generator=generator)
    often = torch.arange(10).repeat_interleave(8)
    alone = localisation(values[often], truth[often])
    together = localisation(values[often], truth[often], clusters=often)
    once = localisation(values, truth)
    assert alone.share.value == pytest.approx(once.share.value)
    width = together.share.high - together.share.low
    assert width == pytest.approx(once.share.high - once.share.low, rel=0.02)
    assert width > 2 * (alone.share.high - alone.share.low)


def test_the_interval_of_the_share_covers():
    hits = 0
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        truth = torch.zeros(30, 10, dtype=torch.bool)
        truth[:, :3] = True
        found = localisation(torch.rand(30, 10, generator=generator), truth, seed=seed)
        hits += found.share.low <= 0.3 <= found.share.high
    assert 175 <= hits <= 199


@pytest.mark.parametrize(
    ("values", "truth", "text"),
    [
        (torch.ones(2, 3), torch.ones(2, 4, dtype=torch.bool), "axis by axis"),
        (torch.ones(2, 3), torch.ones(3, 3, dtype=torch.bool), "axis by axis"),
        (torch.ones(2, 3), torch.ones(2, 3), "bool"),
        (torch.full((2, 3), float("nan")), torch.tensor([[True, False, False]] * 2), "finite"),
    ],
)
def test_what_does_not_fit_is_told(values, truth, text):
    with pytest.raises(InputError, match=text):
        localisation(values, truth)
