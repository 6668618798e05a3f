"""Is it stable? on token numbers: vectors move slightly, words stay; beside slow twins and controls."""

import copy

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from pellucid import attribution, evidence
from pellucid._core import Compute, Question, logit, nudged
from pellucid.errors import MethodError
from pellucid.evidence import responses
from pellucid.inputs import TextSpec

SIZE, PLACES, ROWS = 60, 24, 30
PADDED, FRAME = 0, 2


class Reader(nn.Module):
    """Words under a bend, so that slopes depend on the words around."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(SIZE, 6, padding_idx=PADDED)
        self.out = nn.Linear(6, 2)

    def forward(self, ids):
        there = (ids != PADDED).to(self.out.weight)[..., None]
        seen = (self.words(ids) * there).sum(1)
        return self.out(torch.tanh(seen / 3))


@pytest.fixture(scope="module")
def spec():
    return TextSpec(str.split, vocabulary=tuple(map(str, range(SIZE))), pad=PADDED, unk=1, special=(FRAME,))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Reader().double()


@pytest.fixture(scope="module")
def ids():
    draw = torch.Generator().manual_seed(1)
    x = torch.zeros(ROWS, PLACES, dtype=torch.int64)
    for row in range(ROWS):
        count = 10 + row % 12
        x[row, 0] = FRAME
        x[row, 1 : count + 1] = torch.randint(3, SIZE, (count,), generator=draw)
    return x


def steps(model, inputs, target, *, spec=None, compute=None):
    return attribution.integrated_gradients(model, inputs, target, spec=spec, steps=8, compute=compute)


def made_by(maps_of):
    """A method that gives the maps that a function of the network and the inputs makes."""

    def method(model, inputs, target, *, spec=None, compute=None):
        q = Question(model, inputs, target, spec=spec, compute=compute)
        return q.answer("made", maps_of(model, inputs), {})

    return method


def stable(net, ids, spec, method, **options):
    why = method(net, ids, logit(1), spec=spec)
    found = evidence.cards(net, why, method, target=logit(1), spec=spec, draws=99, **options)
    return [next(c for c in card.checks if c.question == "Is it stable?") for card in found]


def test_vectors_move_by_a_twentieth_and_what_is_held_stays(net, ids, spec):
    before = {name: value.clone() for name, value in net.state_dict().items()}
    copies = list(nudged(net, ids, size=0.05, count=3, spec=spec))
    used = ids.unique()
    used = used[used > FRAME]
    spread = float(net.words.weight[used].detach().std(correction=0))
    for near in copies:
        gap = (near.words.weight - net.words.weight).detach()
        assert not gap[[PADDED, FRAME]].any()
        assert float(gap[used].std()) == pytest.approx(0.05 * spread, rel=0.2)
        assert torch.equal(near.out.weight, net.out.weight)
    assert not torch.equal(copies[0].words.weight, copies[1].words.weight)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    again = next(nudged(net, ids, size=0.05, count=1, spec=spec))
    assert torch.equal(again.words.weight, copies[0].words.weight)


def test_a_layer_that_shares_the_table_keeps_it():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(SIZE, 6)
            self.out = nn.Linear(6, SIZE, bias=False)
            self.out.weight = self.words.weight

        def forward(self, ids):
            return self.out(self.words(ids).mean(1))

    net = Tied()
    near = next(nudged(net, torch.randint(SIZE, (4, 5)), size=0.05, count=1))
    assert torch.equal(near.out.weight, net.out.weight)
    assert not torch.equal(near.words.weight, net.words.weight)


def test_the_worst_correlation_is_that_of_a_slow_twin(net, ids, spec):
    checks = stable(net, ids, spec, steps)
    plain = steps(net, ids, logit(1), spec=spec).values
    maps = [steps(near, ids, logit(1), spec=spec).values
            for near in nudged(net, ids, size=0.05, count=4, spec=spec)]  # fmt: skip
    for row in (0, 7, 29):
        words = 10 + row % 12
        rhos = [spearmanr(plain[row, 1 : words + 1], m[row, 1 : words + 1]).statistic for m in maps]
        assert checks[row].n == 4
        assert checks[row].value == pytest.approx(min(rhos), abs=1e-6)
    assert all(check.word == "passed" and "token" in check.test for check in checks)


def test_the_null_is_the_maps_of_other_inputs(net, ids, spec):
    checks = stable(net, ids, spec, steps)
    units = responses(net, ids, logit(1), spec=spec, masks=32).bank.reduce(
        steps(net, ids, logit(1), spec=spec).values
    )
    for row in (0, 11):
        words = 10 + row % 12
        own, rhos = units[row, :words], []
        for other in range(ROWS):
            theirs = 10 + other % 12
            laid = units[other][[k * theirs // words for k in range(words)]]
            if other != row:
                rhos.append(spearmanr(own, laid).statistic)
        above = sum(rho >= checks[row].value for rho in rhos)
        assert checks[row].p == pytest.approx((1 + above) / ROWS)
        assert checks[row].control == pytest.approx(sorted(rhos)[(ROWS - 2) // 2], abs=1e-6)
    assert all(check.p is not None and check.p <= 0.05 for check in checks)
    assert all("maps of other inputs" in check.test for check in checks)


def test_a_map_that_any_slight_change_turns_round_fails(net, ids, spec):
    def wild(model, inputs):
        seed = int(model.words.weight[5, 0].item() * 1e9) % 2**31
        return torch.randn(inputs.shape, generator=torch.Generator().manual_seed(seed))

    checks = stable(net, ids, spec, made_by(wild))
    assert {check.word for check in checks} <= {"failed", "mixed"}
    assert sum(check.word == "failed" for check in checks) >= ROWS - 2
    assert sum(check.p > 0.05 for check in checks) >= ROWS - 2


def test_a_map_that_is_alike_for_all_inputs_is_stable_and_told_apart_from_none(net, spec):
    ids = torch.randint(3, SIZE, (ROWS, PLACES), generator=torch.Generator().manual_seed(3))
    slope = made_by(lambda _, inputs: torch.arange(inputs.shape[1]).double().expand(inputs.shape))
    checks = stable(net, ids, spec, slope)
    assert all(check.value == pytest.approx(1) and check.p == 1 for check in checks)
    assert f"{ROWS - 1} of {ROWS - 1} maps of other inputs are as much like it." in checks[0].note


def test_rows_do_not_depend_on_the_batch_size_and_the_network_stays(net, ids, spec):
    state = copy.deepcopy(net.state_dict())
    few, many = (stable(net, ids, spec, steps, compute=Compute(batch_size=size)) for size in (5, 500))
    assert [check.value for check in few] == pytest.approx([check.value for check in many], abs=1e-9)
    assert all(torch.equal(state[name], value) for name, value in net.state_dict().items())


def test_where_no_table_is_found_that_is_said(ids, spec):
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(SIZE, 2)

        def forward(self, ids):
            return self.out(nn.functional.one_hot(ids, SIZE).to(self.out.weight).sum(1))

    made = made_by(lambda _, inputs: inputs.double())
    checks = stable(Counts(), ids, spec, made)
    assert all(check.word == "not run" and check.value is None for check in checks)
    assert checks[0].note == "The network has no table of vectors that these whole numbers go through."
    flat = nn.Sequential(nn.Embedding(SIZE, 4), nn.Flatten(), nn.Linear(4 * PLACES, 2))
    nn.init.ones_(flat[0].weight)
    with pytest.raises(MethodError, match="all alike"):
        next(nudged(flat, ids, size=0.05, count=1))
