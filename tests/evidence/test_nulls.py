import itertools

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.evidence import (
    agreement,
    agreement_interval,
    bank,
    joint,
    placement,
    responses,
    specificity,
    training,
)
from pellucid.evidence._about import shares
from pellucid.evidence._nulls import placements
from pellucid.evidence._responses import Responses


def rows(n=6, width=12, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def pictures(n=4, side=4, seed=0):
    return torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def picture_seen():
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))
    for k, p in enumerate(net.parameters()):
        p.data = torch.randn(p.shape, generator=torch.Generator().manual_seed(k))
    return responses(net, pictures(), 0)


def test_the_exact_map_of_a_linear_network_agrees_fully(linear):
    x = rows()
    seen = responses(linear, x, 2)
    exact = x * linear.weight[2].detach()
    torch.testing.assert_close(agreement(seen, exact), torch.ones(6))
    torch.testing.assert_close(agreement(seen, 3 * exact + 7), torch.ones(6))
    torch.testing.assert_close(agreement(seen, -exact), -torch.ones(6))
    low, high = agreement_interval(seen, exact)
    torch.testing.assert_close(low, torch.ones(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(high, torch.ones(6), atol=1e-4, rtol=0)


def test_agreement_is_the_correlation_over_masks(linear):
    seen, maps = responses(linear, rows(), 2), rows(seed=4)
    sums = (maps @ seen.bank.masks.float().T).numpy()
    expected = [np.corrcoef(s, d)[0, 1] for s, d in zip(sums, seen.drops.numpy(), strict=True)]
    np.testing.assert_allclose(agreement(seen, maps), expected, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3])
def test_a_constant_map_scores_exactly_zero(linear, value):
    seen = responses(linear, rows(), 2)
    maps = torch.full((6, 12), value)
    assert agreement(seen, maps).tolist() == [0.0] * 6
    assert placement(seen, maps).p.tolist() == [1.0] * 6


def test_placement_of_a_picture_is_every_shift_of_every_turned_and_mirrored_map(picture_seen):
    maps = torch.randn(4, 1, 4, 4, generator=torch.Generator().manual_seed(8))
    null = placement(picture_seen, maps, draws=999)
    assert null.n.tolist() == [127] * 4
    masks = picture_seen.bank.masks.double().numpy()
    for row, p, left in zip(range(4), null.p, null.left, strict=True):
        drops = picture_seen.drops[row].double().numpy()
        found = []
        for flip, turn, down, across in itertools.product(range(2), range(4), range(4), range(4)):
            one = torch.rot90(maps[row, 0].flip(0) if flip else maps[row, 0], turn)
            one = one.roll((down, across), (0, 1)).double().numpy().ravel()
            found.append(np.corrcoef(masks @ one, drops)[0, 1])
        seen, others = found[0], np.array(found[1:])
        assert p == pytest.approx((1 + (others >= seen - 1e-5).sum()) / 128)
        assert left == pytest.approx((1 + (others <= seen + 1e-5).sum()) / 128)


def test_placements_are_distinct_and_keep_the_histogram():
    drawn = bank(torch.zeros(1, 1, 16, 16))
    moves = placements(drawn, 499)
    assert moves.shape == (499, 256)
    assert len(moves.unique(dim=0)) == 499
    assert bool((moves.sort(1).values == torch.arange(256)).all())
    assert not bool((moves == torch.arange(256)).all(1).any())
    # neighbours stay neighbours around the edges: same smoothness
    there = torch.stack([moves // 16, moves % 16], -1).view(499, 16, 16, 2)
    step = (there[:, :, 1:] - there[:, :, :-1]).remainder(16)
    assert bool((torch.minimum(step, 16 - step).sum(-1) == 1).all())


def test_a_picture_that_is_no_square_has_four_ways():
    drawn = bank(torch.zeros(1, 1, 4, 6))
    assert len(placements(drawn, 9_999)) == 4 * 24 - 1


def test_placement_of_columns_is_permutation(linear):
    seen, maps = responses(linear, rows(), 2), rows(seed=4)
    null = placement(seen, maps, draws=99, seed=5)
    masks = seen.bank.masks.float().numpy()
    for row in range(6):
        drops = seen.drops[row].numpy()
        value = np.corrcoef(masks @ maps[row].numpy(), drops)[0, 1]
        moved = maps[row][placements(seen.bank, 99, 5)].numpy()
        others = np.array([np.corrcoef(masks @ one, drops)[0, 1] for one in moved])
        assert null.p[row] == pytest.approx((1 + (others >= value - 1e-5).sum()) / 100)


def test_specificity_ranks_among_the_maps_of_other_inputs(linear):
    x = rows(30)
    seen, maps = responses(linear, x, 2), x * linear.weight[2].detach()
    strangers = ~torch.eye(30, dtype=torch.bool)
    null = specificity(seen, maps, maps, strangers)
    assert null.p.tolist() == pytest.approx([1 / 30] * 30)
    wrong = specificity(seen, maps.roll(1, 0), maps, strangers)
    table = torch.stack([agreement(seen, maps[j : j + 1].expand_as(maps)) for j in range(30)], 1)
    value = agreement(seen, maps.roll(1, 0))
    above = ((table >= value[:, None] - 1e-5) & strangers).sum(1)
    assert wrong.p.tolist() == pytest.approx(((1 + above) / 30).tolist())


def test_a_map_that_ignores_the_network_has_p_one_against_untrained_copies(linear):
    x = rows()
    seen = responses(linear, x, 2)
    assert training(seen, x.abs(), x.abs().expand(19, 6, 12)).p.tolist() == [1.0] * 6
    exact = x * linear.weight[2].detach()
    weights = torch.randn(19, 1, 12, generator=torch.Generator().manual_seed(3))
    # ranked among what 19 copies reach on all six rows
    assert training(seen, exact, x * weights).p.tolist() == pytest.approx([1 / (19 * 6 + 1)] * 6)
    (alone,) = training(responses(linear, x[:1], 2), exact[:1], x[:1] * weights).p.tolist()
    assert alone == pytest.approx(1 / 20)


def test_a_copy_that_does_as_well_on_the_row_itself_counts_among_the_row_s_own(linear):
    x = rows()
    seen, exact = responses(linear, x, 2), x * linear.weight[2].detach()
    weights = torch.randn(19, 1, 12, generator=torch.Generator().manual_seed(3))
    twins = x * weights
    twins[4, 2] = exact[2]
    p = training(seen, exact, twins).p
    assert p[2] == pytest.approx(2 / 20)
    assert p[3] == pytest.approx(2 / (19 * 6 + 1))


def test_the_joint_p_is_the_largest(linear):
    x = rows()
    seen, maps = responses(linear, x, 2), x * linear.weight[2].detach()
    a, b = placement(seen, maps), training(seen, maps, maps[None])
    assert joint(a, b).tolist() == [1.0] * 6


def test_a_still_score_gives_no_verdict_by_accident(linear):
    seen = responses(linear, rows(), 2)
    dead = Responses(seen.bank, torch.zeros_like(seen.drops), seen.scores, "", "", 0)
    assert placement(dead, rows(seed=3)).p.tolist() == [1.0] * 6


def test_untrained_copies_share_the_rows_evenly():
    for n, count in ((1, 19), (2, 19), (7, 19), (19, 19), (40, 19), (100, 25), (5, 2), (30, 4)):
        parts = shares(n, count)
        of_rows = torch.cat(parts).bincount(minlength=n)
        assert len(parts) == count
        assert of_rows.unique().numel() == 1, (n, count)
        each = int(of_rows[0])
        assert each == count if count < 19 else n * each >= min(n, 2) * count
        sizes = [len(rows) for rows in parts]
        assert max(sizes) - min(sizes) <= 1 or count < 19
