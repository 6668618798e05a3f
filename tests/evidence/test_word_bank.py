"""Evidence for texts: each row loses the same share of its own words, and constants score exactly 0."""

import re

import pytest
import torch
from torch import nn

from pellucid import attribution, evidence
from pellucid._core import logit, predict
from pellucid.errors import InputError
from pellucid.evidence import agreement, placement, responses, specificity
from pellucid.evidence._bank import bank
from pellucid.evidence._word_bank import WordBank
from pellucid.inputs import TextSpec

SIZE, PLACES = 40, 30
COUNTS = (30, 20, 20, 12, 8, 5, 1)


class Linear(nn.Module):
    """Each word counts by itself: its own map is the truth."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(SIZE, 4)
        self.out = nn.Linear(4, 2)

    def forward(self, ids):
        there = (ids != 0).to(self.out.weight)[..., None]
        return self.out((self.words(ids) * there).sum(1))


@pytest.fixture(scope="module")
def spec():
    return TextSpec(str.split, vocabulary=tuple(map(str, range(SIZE))), pad=0, unk=1, special=(2,))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Linear().double()


@pytest.fixture(scope="module")
def ids():
    draw = torch.Generator().manual_seed(1)
    found = torch.zeros(len(COUNTS), PLACES, dtype=torch.int64)
    for row, count in enumerate(COUNTS):
        found[row, :count] = torch.randint(3, SIZE, (count,), generator=draw)
    return torch.nn.functional.pad(found, (1, 0), value=2)  # each text begins with a special token


def test_each_row_loses_the_same_share_of_its_own_words(ids, spec):
    drawn = bank(ids, spec)
    assert isinstance(drawn, WordBank)
    assert drawn.counts == COUNTS
    gone = drawn.elements(torch.arange(64), slice(0, len(ids)))
    assert gone.shape == (64, *ids.shape)
    for row, count in enumerate(COUNTS[:-1]):
        sizes = set(gone[:, row].sum(1).tolist())
        assert len(sizes) == 1
        assert sizes.pop() >= round(0.25 * count)
    assert not gone[:, spec.groups(ids) < 0].any()
    assert not gone[:, -1].any()  # one word: nothing to choose
    assert drawn.different[:4] == [64] * 4
    assert drawn.different[-2:] == [10, 0]


def test_a_rows_masks_are_its_own_affair(ids, spec):
    whole = bank(ids, spec, seed=3)
    for row in range(len(ids) - 1):
        alone = bank(ids[row : row + 1], spec, seed=3)
        assert torch.equal(alone.masks[0], whole.masks[row])
    assert torch.equal(whole.masks[1], whole.masks[2])  # as many words, the same masks


def test_what_is_measured_is_what_the_network_does(net, ids, spec):
    seen = responses(net, ids, logit(1), spec=spec)
    gone = seen.bank.elements(torch.arange(64), slice(0, len(ids)))
    for k in (0, 17, 63):
        other = predict(net, torch.where(gone[k], 1, ids))[:, 1]
        torch.testing.assert_close(seen.drops[:, k], predict(net, ids)[:, 1] - other)


def test_the_truth_scores_1_and_a_constant_exactly_0(net, ids, spec):
    seen = responses(net, ids, logit(1), spec=spec)
    why = attribution.integrated_gradients(net, ids, logit(1), spec=spec)
    found = agreement(seen, why.values)
    torch.testing.assert_close(found[:-1], torch.ones(len(ids) - 1).double())
    assert found[-1] == 0
    constant = torch.where(spec.groups(ids) < 0, 7.0, 0.3).double()
    assert (agreement(seen, constant) == 0).all()
    assert torch.equal(agreement(seen, seen.bank.reduce(why.values)), found)


def test_the_map_laid_elsewhere_does_worse(net, ids, spec):
    seen = responses(net, ids, logit(1), spec=spec)
    why = attribution.integrated_gradients(net, ids, logit(1), spec=spec)
    null = placement(seen, why.values, draws=199)
    assert (null.p[:4] <= 0.01).all()
    alone = responses(net, ids[:1], logit(1), spec=spec)
    torch.testing.assert_close(placement(alone, why.values[:1], draws=199).p[0], null.p[0])


def test_maps_of_other_texts_are_stretched(net, ids, spec):
    seen = responses(net, ids, logit(1), spec=spec)
    maps = attribution.integrated_gradients(net, ids, logit(1), spec=spec).values
    strangers = ~torch.eye(len(ids), dtype=torch.bool)
    null = specificity(seen, maps, maps, strangers)
    units = seen.bank.reduce(maps)
    # by hand: row 3 has 12 words, row 1 has 20
    place = [k * 20 // 12 for k in range(12)]
    laid, masks = units[1][place], seen.bank.masks[3, :, :12].double()
    wanted = torch.corrcoef(torch.stack([masks @ laid, seen.drops[3]]))[0, 1]
    drops = torch.nn.functional.normalize(seen.drops - seen.drops.mean(1, keepdim=True), dim=1)
    torch.testing.assert_close(seen.bank.table(drops, units)[3, 1], wanted)
    assert (null.n == len(ids) - 1).all()


def test_pieces_of_a_word_are_added_up():
    spec = TextSpec(str.split, vocabulary=("-", "?", "a", "##b", "c"), pad=0, unk=1)
    x = torch.tensor([[2, 3, 4, 2, 3, 3, 4, 4, 2, 0]])
    reduced = bank(x, spec).reduce(torch.arange(10.0)[None])
    assert reduced[0, :6].tolist() == [1, 2, 12, 6, 7, 8]
    assert reduced[0, 6:].isnan().all()


def test_cards_of_texts(net, ids, spec):
    why = attribution.integrated_gradients(net, ids, logit(1), spec=spec)
    found = evidence.cards(net, why, attribution.integrated_gradients, target=logit(1))
    assert [card.checks[0].word for card in found[:3]] == ["mixed"] * 3  # too few other texts
    assert all("10 different masks" in card.reason for card in found[-2:-1])
    stable = [check for check in found[0].checks if check.question == "Is it stable?"]
    assert (stable[0].word, stable[0].p) == ("passed", None)  # too few other texts for p
    free = [check for check in found[0].checks if check.question.startswith("Does it beat")]
    assert re.fullmatch(r"as good as (rare|early|late) words \(agreement -?\d\.\d\d\)", free[0].control_name)
    assert free[0].control == 0  # what is told is a margin


@pytest.mark.parametrize("fill", ["own", "zero", "mean", "swap", "patch", "nearest"])
def test_other_fills(net, ids, spec, fill):
    seen = responses(net, ids, logit(1), spec=spec, fill=fill)
    assert torch.isfinite(seen.drops).all()
    assert (seen.drops[-1] == 0).all()


def test_words_of_other_texts_take_the_place_of_words(net, spec):
    # a single word fills all other texts, whose padding and special tokens never come in
    own = torch.tensor([[2, 3, 4, 5, 6, 7, 8, 0]])
    others = torch.tensor([[2, 9, 9, 0, 0, 0, 0, 0], [2, 9, 9, 9, 9, 0, 0, 0]])
    each = net.out(net.words.weight)[:, 1] - net.out.bias[1]
    for fill in ("swap", "patch", "nearest", "mean"):
        seen = responses(net, own, logit(1), spec=spec, fill=fill, others=others)
        gone = seen.bank.elements(torch.arange(seen.bank.count), slice(0, 1))[:, 0]
        wanted = ((each[own[0]] - each[9]) * gone).sum(1)
        torch.testing.assert_close(seen.drops[0], wanted.detach(), atol=1e-5, rtol=1e-5)


def test_the_text_most_alike_in_what_is_kept_fills(net, spec):
    own = torch.tensor([[3, 4, 5, 6, 0, 0]])
    others = torch.tensor([[3, 4, 11, 11, 0, 0], [12, 12, 5, 6, 0, 0]])
    each = net.out(net.words.weight)[:, 1] - net.out.bias[1]
    seen = responses(net, own, logit(1), spec=spec, fill="nearest", others=others, masks=4)
    gone = seen.bank.elements(torch.arange(seen.bank.count), slice(0, 1))[:, 0]
    for mask, drop in zip(gone, seen.drops[0], strict=True):
        (place,) = mask.nonzero().flatten().tolist()
        # what is kept shares two words with one of them and one with the other
        donor = others[1] if place < 2 else others[0]
        wanted = each[own[0, place]] - each[donor[place]]
        torch.testing.assert_close(drop, wanted.detach().to(drop), atol=1e-5, rtol=1e-5)


def test_what_cannot_be(net, ids, spec):
    with pytest.raises(InputError, match="for pictures"):
        responses(net, ids, logit(1), spec=spec, fill="blur")
    with pytest.raises(InputError, match="two removable parts in some row"):
        bank(ids[-1:], spec)


def test_random_maps_pass_no_more_often_than_they_may(net, spec):
    draw = torch.Generator().manual_seed(2)
    x = torch.zeros(120, 26, dtype=torch.int64)
    for row in range(len(x)):
        count = int(torch.randint(8, 27, (), generator=draw))
        x[row, :count] = torch.randint(3, SIZE, (count,), generator=draw)
    seen = responses(net, x, logit(1), spec=spec)
    strangers = ~torch.eye(len(x), dtype=torch.bool)
    rates = []
    for _ in range(5):
        maps = torch.randn(x.shape, generator=draw)
        both = evidence.joint(placement(seen, maps, draws=199), specificity(seen, maps, maps, strangers))
        rates.append(float((both <= 0.05 + 1e-6).double().mean()))
    assert sum(rates) / len(rates) <= 0.065
    truth = attribution.input_x_gradient(net, x, logit(1), spec=spec).values
    both = evidence.joint(placement(seen, truth, draws=199), specificity(seen, truth, truth, strangers))
    assert float((both <= 0.05 + 1e-6).double().mean()) >= 0.9
