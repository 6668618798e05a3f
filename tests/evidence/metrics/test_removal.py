"""Curves of removal have closed forms on linear networks, and slow loops agree with them everywhere."""

import dataclasses
import itertools

import pytest
import torch
from torch import nn

from pellucid._core import Compute, load, logit, save
from pellucid.errors import InputError
from pellucid.evidence import deletion, insertion, relevance_gain, responses, road
from pellucid.evidence._bank import bank
from pellucid.evidence._linear import interpolated
from pellucid.inputs import AudioSpec, TextSpec

WEIGHTS = torch.tensor([[4.0, 3.0, 2.0, 1.0]])


def adder(weights=WEIGHTS):
    net = nn.Linear(weights.shape[1], 1, bias=False)
    net.weight.data = weights
    return net


def rows(n=6, width=12, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def slow_curve(score, x, values, start, steps, lots=None):
    """One input, one removal after the other: scores and shares."""
    order = sorted(range(len(values)), key=lambda k: -values[k])
    found, shares = [], []
    for step in range(steps + 1):
        gone = order[: int(step * len(values) / steps + 0.5)]
        y = x.clone()
        for k in gone:
            y[k] = start[k]
        found.append(score(y))
        shares.append(len(gone) / len(values))
    return found, shares


def slow_area(found, shares):
    pairs = zip(itertools.pairwise(found), itertools.pairwise(shares), strict=True)
    return sum((a + b) / 2 * (t - s) for (a, b), (s, t) in pairs)


def test_closed_forms_of_a_sum():
    x, net = torch.ones(2, 4), adder()
    maps = torch.stack([WEIGHTS[0], -WEIGHTS[0]])
    found = deletion(net, x, maps, beside={})
    # 10 6 3 1 0 down the right order, 10 9 7 4 0 down the opposite one
    assert found.values.tolist() == [3.75, 6.25]
    assert found.curve.tolist() == [[10, 6, 3, 1, 0], [10, 9, 7, 4, 0]]
    assert insertion(net, x, maps, beside={}).values.tolist() == [6.25, 3.75]
    assert relevance_gain(net, x, maps, beside={}).values.tolist() == [2.5, -2.5]


@pytest.mark.parametrize("steps", [1, 3, 5, 16])
def test_a_slow_loop_agrees(linear, steps):
    x = rows()
    maps, start = rows(seed=1), torch.zeros(12)
    found = deletion(linear, x, maps, 1, steps=steps, beside={})
    for i in range(len(x)):
        curve, shares = slow_curve(
            lambda y: linear(y[None])[0, 1].item(), x[i], maps[i], start, min(steps, 12)
        )
        assert found.curve[i].tolist() == pytest.approx(curve, abs=1e-5)
        assert float(found.values[i]) == pytest.approx(slow_area(curve, shares), abs=1e-5)


def test_insertion_is_the_least_relevant_first_read_backwards(linear):
    x, maps = rows(), rows(seed=1)
    back = insertion(linear, x, maps, 0, steps=12, beside={})
    least_first = deletion(linear, x, -maps, 0, steps=12, beside={})
    assert torch.allclose(back.curve, least_first.curve.flip(1), atol=1e-6)
    assert torch.allclose(back.values, least_first.values, atol=1e-6)
    gain = relevance_gain(linear, x, maps, 0, steps=12, beside={})
    assert torch.allclose(gain.values, back.values - deletion(linear, x, maps, 0, steps=12, beside={}).values)
    turned = relevance_gain(linear, x, -maps, 0, steps=12, beside={})
    assert torch.allclose(gain.values, -turned.values, atol=1e-5)


def test_the_right_map_beats_its_controls_and_says_by_how_much(digits):
    x, net = digits.x[:24], digits.net
    q = x.clone().requires_grad_()
    maps = torch.autograd.grad(net(q).gather(1, digits.classes[:24, None]).sum(), q)[0] * x
    found = deletion(net, x, maps)
    assert set(found.beside) == {"random", "|x - b|", "edges"}
    assert (found.better, found.range, found.unit) == ("low", (0.0, 1.0), "probability of each row's class")
    assert found.over("random").low > 0.2
    assert found.of("random").value == pytest.approx(float(found.beside["random"].mean()))
    assert found.mean.low < found.mean.value < found.mean.high
    assert found.rows == 2 + 15 * 4
    gain = relevance_gain(net, x, maps)
    assert gain.over("random").low > 0.2
    assert abs(gain.of("random").value) < 0.15


def test_any_batch_size_and_row_order(digits):
    x, net, maps = digits.x[:7], digits.net, torch.randn(7, 1, 16, 16)
    whole = relevance_gain(net, x, maps, 3, steps=5, beside={})
    small = relevance_gain(net, x, maps, 3, steps=5, beside={}, compute=Compute(batch_size=3))
    turned = relevance_gain(net, x.flip(0), maps.flip(0), 3, steps=5, beside={})
    assert torch.allclose(whole.values, small.values, atol=1e-5)
    assert torch.allclose(whole.values, turned.values.flip(0), atol=1e-5)


def test_equal_values_go_by_lot_and_not_by_place():
    x, net = torch.ones(1, 4), adder()
    maps = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    orders = {
        tuple(deletion(net, x, maps, beside={}, compute=Compute(seed=s)).curve[0].tolist()) for s in range(30)
    }
    assert len(orders) == 6


def test_a_constant_map_is_left_out_and_counted(linear):
    maps = rows(3, seed=1)
    maps[1] = 2.0
    found = deletion(linear, rows(3), maps, 0, beside={})
    assert found.n == 2
    assert bool(found.values[1].isnan())
    assert found.excluded == {"the map is the same number everywhere": 1}
    assert "1 left out" in repr(found)


def test_one_input_says_nothing_of_others():
    found = deletion(adder(), torch.ones(1, 4), WEIGHTS, beside={})
    assert found.mean.value == 3.75
    assert (found.mean.low, found.mean.high) == (float("-inf"), float("inf"))


class Words(nn.Module):
    """A sum of what each token is worth; padding is worth 100 and never counts."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 1)
        self.embedding.weight.data = torch.arange(10.0)[:, None]

    def forward(self, ids):
        return self.embedding(ids).sum((1, 2))[:, None]


def test_words_go_whole_and_padding_stays():
    spec = TextSpec(str.split, vocabulary=("[PAD]", "[UNK]", *"abcdefgh"), pad=0, unk=1)
    ids = torch.tensor([[5, 2, 9, 3, 0, 0], [2, 3, 4, 5, 6, 7]])
    maps = ids.double()
    found = deletion(Words(), ids, maps, logit(0), spec=spec, beside={})
    # the unknown word is worth 1, padding 0: 19 11 7 5 4 down to one for each word
    assert found.curve[0].tolist()[0] == 19
    assert found.curve[0].tolist()[-1] == 4
    assert sorted(set(found.curve[0].tolist()), reverse=True) == [19, 11, 7, 5, 4]
    assert found.curve[1].tolist() == [27, 21, 16, 12, 9, 7, 6]


def test_a_waveform_goes_in_stretches_of_time():
    spec = AudioSpec(rate=1000)
    x = torch.ones(1, 1, 640)
    maps = torch.zeros(1, 1, 640)
    maps[..., 320:] = 1
    net = nn.Sequential(nn.Flatten(), nn.Linear(640, 1, bias=False))
    net[1].weight.data.fill_(1.0)
    found = deletion(net, x, maps, logit(0), spec=spec, fill=torch.zeros(1, 1, 640), steps=2, beside={})
    assert found.curve[0].tolist() == pytest.approx([640, 320, 0])


def test_every_fill_reaches_its_end(digits):
    x, net = digits.x[:3], digits.net
    maps = torch.rand(x.shape, generator=torch.Generator().manual_seed(2))
    for fill in ("zero", "mean", "blur", "linear", "swap", "nearest"):
        found = deletion(net, x, maps, 0, fill=fill, steps=4, others=digits.x[50:60], beside={})
        assert bool(found.values.isfinite().all()), fill
    with pytest.raises(InputError, match="No fill is called"):
        deletion(net, x, maps, 0, fill="zeros")


def test_it_is_stored_to_the_bit(linear, tmp_path):
    found = deletion(linear, rows(), rows(seed=1), 0)
    save(found, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert torch.equal(again.values, found.values)
    assert (again.mean, again.range, again.settings) == (found.mean, found.range, found.settings)


@pytest.mark.parametrize(
    ("maps", "text"),
    [
        (torch.ones(2, 12), "one map for each"),
        (torch.full((6, 12), float("nan")), "finite"),
        (rows(6, 5), "shape"),
    ],
)
def test_what_does_not_fit_is_told(linear, maps, text):
    with pytest.raises(InputError, match=text):
        deletion(linear, rows(), maps, 0)


# ROAD and its interpolation


def dense(picture, mask):
    """The paper's system written out, weights 1/6 and 1/12, solved densely."""
    height, width = picture.shape
    gone = [(i, j) for i in range(height) for j in range(width) if mask[i, j]]
    number = {place: k for k, place in enumerate(gone)}
    a, b = torch.zeros(len(gone), len(gone)).double(), torch.zeros(len(gone)).double()
    for (i, j), k in number.items():
        for di, dj in itertools.product((-1, 0, 1), repeat=2):
            near = (i + di, j + dj)
            if (di, dj) == (0, 0) or not (0 <= near[0] < height and 0 <= near[1] < width):
                continue
            weight = 1 / 6 if di * dj == 0 else 1 / 12
            a[k, k] += weight
            if near in number:
                a[k, number[near]] -= weight
            else:
                b[k] += weight * picture[near]
    filled = picture.clone()
    for place, value in zip(gone, torch.linalg.solve(a, b).tolist(), strict=True):
        filled[place] = value
    return filled


def test_linear_interpolation_solves_the_papers_system():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, 7, 9, generator=generator, dtype=torch.float64)
    drawn = bank(x, masks=3)
    made = interpolated(x, drawn, seed=0)(torch.arange(3), slice(0, 2))
    masks = drawn.elements(torch.arange(3), slice(0, 2))[:, 0, 0]
    for c, i, channel in itertools.product(range(3), range(2), range(3)):
        wanted = dense(x[i, channel], masks[c])
        assert float((made[c, i, channel] - wanted).abs().max()) < 0.06 * float(x.std())
    # kept pixels and noise: the noise is .01 standard deviations
    assert 0.008 < float((made - dense(x[0, 0], masks[0])).flatten()[: 7 * 9].std() / x.std()) < 0.012


def test_a_ramp_is_filled_in_exactly():
    x = torch.linspace(0, 1, 64).double().expand(1, 1, 64).clone()
    drawn = bank(x, AudioSpec(rate=100), masks=2)
    masks = torch.zeros(2, 64, dtype=torch.bool)
    masks[0, 10:40], masks[1, [3, 4, 20, 62]] = True, True
    drawn = dataclasses.replace(drawn, masks=masks)
    made = interpolated(x, drawn, seed=0)(torch.arange(2), slice(0, 1))
    assert float((made - x).abs().max()) < 0.06 * float(x.std())


def test_columns_have_no_neighbours(linear):
    with pytest.raises(InputError, match="neighbours"):
        responses(linear, rows(), 0, fill="linear")


def one_pixel():
    """Class 1 where the middle of a picture is bright."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(81, 2))
    net[1].weight.data.zero_()
    net[1].bias.data = torch.tensor([0.5, 0.0])
    net[1].weight.data[1, 40] = 1.0
    return net


def test_road_knows_when_the_class_is_lost():
    x = torch.zeros(2, 1, 9, 9)
    x[:, :, 4, 4] = 1
    maps = torch.rand(2, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    maps[0, 0, 4, 4], maps[1, 0, 4, 4] = 2, -1
    found = road(one_pixel(), x, maps, beside={})
    # the right map loses the class at once, the opposite one never
    assert found.values.tolist() == [0.0, 1.0]
    assert found.curve.tolist() == [[0.0] * 7, [1.0] * 7]
    assert found.mean.value == 0.5
    wrong = road(one_pixel(), x, maps, torch.zeros(2, dtype=torch.int64), beside={})
    assert wrong.values.tolist() == [1.0, 0.0]
    with pytest.raises(InputError, match="which class"):
        road(nn.Sequential(nn.Flatten(), nn.Linear(81, 1)), x, maps)


def test_road_reads_one_output_as_two_classes_where_answers_are_given():
    x = torch.rand(3, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    two = nn.Sequential(nn.Flatten(), nn.Linear(81, 2))
    one = nn.Sequential(nn.Flatten(), nn.Linear(81, 1))
    one[1].weight.data = two[1].weight.data[1:] - two[1].weight.data[:1]
    one[1].bias.data = two[1].bias.data[1:] - two[1].bias.data[:1]
    answers, maps = torch.tensor([0, 1, 1]), torch.rand(3, 1, 9, 9)
    first, second = (road(net, x, maps, answers, beside={}) for net in (one, two))
    assert first.curve.tolist() == second.curve.tolist()
