import pytest
import torch
from torch import nn

from pellucid._core import Compute, log_odds
from pellucid.errors import InputError
from pellucid.evidence import bank, responses
from pellucid.inputs import ImageSpec


def rows(n=6, width=12, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("fill", ["own", "zero"])
def test_a_linear_network_loses_what_the_removed_columns_gave(linear, fill):
    x = rows()
    seen = responses(linear, x, 1, fill=fill)
    expected = (x * linear.weight[1].detach()) @ seen.bank.masks.float().T
    torch.testing.assert_close(seen.drops, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(seen.scores, linear(x)[:, 1].detach())
    assert (seen.rows, len(seen), seen.target) == (6 * 65, 6, "logit(1)")


def test_contents_can_be_given(linear):
    x = rows()
    seen = responses(linear, x, 1, fill=torch.ones(12))
    expected = ((x - 1) * linear.weight[1].detach()) @ seen.bank.masks.float().T
    torch.testing.assert_close(seen.drops, expected, atol=1e-5, rtol=1e-5)
    with pytest.raises(InputError, match="broadcast"):
        responses(linear, x, 1, fill=torch.ones(5))


def test_mean_and_swap_take_from_the_others(linear):
    x, others = rows(), torch.full((3, 12), 2.0)
    for fill in ("mean", "swap", "patch", "nearest"):
        seen = responses(linear, x, 1, fill=fill, others=others)
        expected = ((x - 2) * linear.weight[1].detach()) @ seen.bank.masks.float().T
        torch.testing.assert_close(seen.drops, expected, atol=1e-5, rtol=1e-5)


def test_nearest_takes_the_row_most_alike_in_what_is_kept():
    x = torch.zeros(1, 12)
    others = torch.stack([torch.zeros(12), torch.full((12,), 5.0), torch.full((12,), 9.0)])
    others[0, 0], others[1, 0] = 100.0, 1.0
    net = nn.Linear(12, 1, bias=False)
    net.weight.data.fill_(1.0)
    seen = responses(net, x, 0, fill="nearest", others=others)
    # with column 0 kept the all-zero row is far away; with it removed it is the nearest and brings its 100
    first = seen.bank.masks[:, 0]
    assert torch.equal(seen.drops[0][first], torch.full((int(first.sum()),), -100.0))
    assert torch.equal(seen.drops[0][~first], torch.full((int((~first).sum()),), -5.0 * seen.bank.removed))


@pytest.mark.parametrize("fill", ["nearest", "patch"])
def test_a_row_is_never_filled_with_itself(linear, fill):
    x = rows()
    seen = responses(linear, x, 1, fill=fill)
    assert bool((seen.drops.abs() > 1e-4).all())


def test_every_square_of_a_picture_comes_from_a_picture_of_its_own():
    x, others = torch.zeros(2, 1, 16, 16), torch.arange(1.0, 41).view(-1, 1, 1, 1).expand(-1, 1, 16, 16)
    seen = []
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 2))
    net.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
    for size in (256, 3):
        responses(net, x, 0, fill="patch", others=others, compute=Compute(batch_size=size))
    pictures = [p for batch in seen for p in batch if bool((p != 0).any())]
    for picture in pictures[: len(pictures) // 2]:
        filled = picture.view(8, 2, 8, 2).movedim(2, 1).flatten(2).flatten(0, 1)
        # two by two pixels are a square, which one picture fills
        donors = [cell[cell != 0].unique() for cell in filled if bool((cell != 0).any())]
        assert all(len(donor) == 1 for donor in donors)
        assert len(torch.cat(donors).unique()) > 3
    half = len(pictures) // 2
    once, again = (sorted(p.sum().item() for p in some) for some in (pictures[:half], pictures[half:]))
    assert once == pytest.approx(again)


def test_blur_is_for_pictures(linear):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    flat = torch.full((1, 1, 8, 8), 0.5)
    assert bool(responses(net, flat, 0, fill="blur").still.all())
    assert not bool(responses(net, flat, 0, fill="zero").still.any())
    with pytest.raises(InputError, match="pictures"):
        responses(linear, rows(), 0, fill="blur")


def test_unknown_fills_and_too_few_others_are_refused(linear):
    with pytest.raises(InputError, match="Did you mean nearest"):
        responses(linear, rows(), 0, fill="nearst")
    with pytest.raises(InputError, match="at least two rows"):
        responses(linear, rows(1), 0, fill="swap")


def test_a_saturated_score_is_still():
    net = nn.Sequential(nn.Linear(12, 1), nn.ReLU())
    net[0].weight.data.fill_(0.01)
    net[0].bias.data.fill_(-50.0)
    assert responses(net, rows(), 0).still.tolist() == [True] * 6


def test_the_answer_does_not_depend_on_the_batch_size(digits):
    asked = log_odds(digits.classes[:5])
    spec = ImageSpec(size=(16, 16))
    one, many = (
        responses(digits.net, digits.x[:5], asked, spec=spec, compute=Compute(batch_size=size))
        for size in (3, 500)
    )
    torch.testing.assert_close(one.drops, many.drops, atol=1e-5, rtol=1e-5)


def test_a_bank_can_be_shared(linear):
    drawn = bank(rows(), masks=40, seed=9)
    assert responses(linear, rows(), 0, masks=drawn).bank is drawn
