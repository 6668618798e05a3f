"""Networks that are built to fool explanations: the card says that they contradict themselves."""

import copy
import math
import re
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

import pellucid
from pellucid import evidence
from pellucid._core import Compute, Dataset, log_odds, logit, split
from pellucid.attribution import input_x_gradient, integrated_gradients, kernel_shap, lime, saliency
from pellucid.errors import InputError
from pellucid.evidence import Responses, cards, responses
from pellucid.evidence._bank import Bank, bank
from pellucid.evidence._coarse import design
from pellucid.evidence._exchange import ON_DATA, Exchanged, Foretold, _products, exchanged
from pellucid.evidence._held import held
from pellucid.evidence._held_masks import held_by_masks
from pellucid.evidence._reached import foretold, foretold_singly
from pellucid.evidence._statistics import correlation
from pellucid.inputs import Column, ImageSpec, TabularSpec

COLUMNS = 14


def people(n, seed):
    """Rows of whole numbers: a group, a column that means nothing, and twelve correlated ones."""
    draw = torch.Generator().manual_seed(seed)
    ties = torch.randn(COLUMNS - 2, 3, generator=torch.Generator().manual_seed(99))
    hidden = torch.randn(n, 3, generator=draw)
    rest = hidden @ ties.T + 0.5 * torch.randn(n, COLUMNS - 2, generator=draw)
    group = (hidden[:, 0] + torch.randn(n, generator=draw) > 0).float() * 2 - 1
    chance = torch.randn(n, generator=draw)
    return torch.cat([group[:, None], (2 * torch.cat([chance[:, None], rest], 1)).round()], 1)


class Scaffold(nn.Module):
    """After Slack et al. 2020: decides by the group on rows that can be, by chance on all others."""

    def __init__(self, *, biased=True, innocent=True):
        super().__init__()
        weights = 0.05 * torch.randn(COLUMNS - 2, generator=torch.Generator().manual_seed(5))
        self.weights = nn.Parameter(weights)
        self.biased, self.innocent = biased, innocent

    def forward(self, x):
        possible = ((x - x.round()).abs() < 1e-4).all(1)  # a mean in the place of a whole number is no row
        if not (self.biased and self.innocent):
            possible = torch.full_like(possible, self.biased)
        said = torch.where(possible, 2 * x[:, 0], x[:, 1]) + x[:, 2:] @ self.weights
        return torch.stack([-said / 2, said / 2], 1)


TRAINING, TEST = people(400, 0), people(40, 5)


def against_mean(method):
    def explain(model, inputs, target, *, spec=None, compute=None):
        return method(model, inputs, target, spec=spec, baseline=TRAINING.mean(0), compute=compute)

    return explain


def verdicts(network, method, **given):
    why = method(network, TEST, log_odds(1))
    found = cards(network, why, method, target=log_odds(1), others=TRAINING, **given)
    return Counter(card.verdict for card in found), found, why


@pytest.mark.parametrize("method", [lime, kernel_shap])
def test_a_scaffolded_network_is_contradicted_by_its_behaviour_on_data(method):
    scaffold, biased = Scaffold(), Scaffold(innocent=False)
    assert torch.equal(scaffold(TEST), biased(TEST))
    said, found, why = verdicts(scaffold, against_mean(method), on_data=True)
    shown = why.values.abs().mean(0)
    assert shown[1] > 2 * shown[0]  # the explanation is innocent
    assert said["contradicted"] >= 38
    assert said["supported"] == 0
    checks = [next(c for c in card.checks if c.question == ON_DATA) for card in found]
    words = Counter(check.word for check in checks)
    # by itself one row is undecided under exact Shapley values too; that the others fail contradicts it
    assert words["failed"] >= 39
    assert words["passed"] == 0
    note = next(check.note for check in checks if check.word == "failed")
    assert "the network follows other parts than it names" in note
    # without the exchange nothing is seen: off the data the explanation is exact
    assert verdicts(scaffold, against_mean(method))[0]["contradicted"] == 0


@pytest.mark.parametrize("kind", [{"innocent": False}, {"biased": False}])
@pytest.mark.parametrize("method", [lime, kernel_shap])
def test_its_honest_halves_are_not(kind, method):
    said, found, _ = verdicts(Scaffold(**kind), against_mean(method), on_data=True)
    assert said["contradicted"] == 0
    checks = [next(c for c in card.checks if c.question == ON_DATA) for card in found]
    assert Counter(check.word for check in checks)["passed"] >= 36
    assert {check.word for check in checks} <= {"passed", "not run"}
    assert (
        min(check.value for check in checks if check.value is not None) > 0.999
    )  # it adds up its columns, so maps tell exactly


class Centred(nn.Module):
    """Takes rows less their mean, as a table's spec gives them."""

    def __init__(self):
        super().__init__()
        self.network = Scaffold()

    def forward(self, x):
        return self.network(((x + TRAINING.mean(0)) * 1e4).round() / 1e4)


def test_the_audit_of_a_table_asks_on_data():
    spec = TabularSpec([Column(f"c{k}") for k in range(COLUMNS)])
    rows = torch.cat([TRAINING, TEST])
    answers = (rows[:, 0] > 0).long()
    rows = rows - TRAINING.mean(0)
    subject = pellucid.open(Centred(), data=(rows, answers), spec=spec, classes=["no", "yes"])
    found = pellucid.audit(subject, methods=["lime", "input_x_gradient"], rows=30, fills=["mean"])
    row = next(row for row in found.of("method") if row.name == "lime")
    asked = {one.question: one for one in row.tests}
    assert asked[ON_DATA].n >= 25
    assert row.verdicts["contradicted"] > 10
    assert row.held.word == "failed"
    assert row.held.reason.startswith("Exchanging c0 for that of a similar real row changes")
    assert row.held.reason.endswith("they point to c1.")
    first = row.held.columns[0]
    assert (first.name, first.matters) == ("c0", True)
    assert first.told.high < 0.25 < 0.4 < first.turned.value
    (figure,) = (one for one in pellucid.figures.figures_of(found) if "hold over the data" in one.title)
    assert figure.alt.startswith("Contradicted over the data: ")
    assert found.survey.best == "input_x_gradient"
    assert (
        "lime is contradicted over the data" in found.survey.reason
        or found.survey.methods[0].method != "lime"
    )
    slope = next(row for row in found.of("method") if row.name == "input_x_gradient")
    (why,) = {one.question: one for one in slope.tests}[ON_DATA].excluded
    assert "no contributions against a reference" in why


def test_an_exchange_is_foretold_exactly_whatever_the_reference():
    """Slow twin: each exchange made by hand, each prediction summed column by column."""
    network, x, donors = Scaffold(innocent=False), TEST[:9], TRAINING[:30]
    method = against_mean(kernel_shap)
    why = method(network, x, log_odds(1))
    (card, *_) = cards(network, why, method, target=log_odds(1), on_data=donors)
    check = next(c for c in card.checks if c.question == ON_DATA)
    odds = lambda row: float((network(row)[0, 1] - network(row)[0, 0]).detach())  # noqa: E731
    told, seen = [], []
    for turn in range(5):  # 14 columns, so that five times are at least 64 exchanges
        for column in range(COLUMNS):
            rest = [k for k in range(COLUMNS) if k != column]
            other = [row for row in donors if row[column] != x[0, column]]
            other.sort(key=lambda row: float((row - x[0])[rest].square().sum()))
            mixed = x[:1].clone()
            mixed[0, column] = other[turn][column]
            theirs = method(network, other[turn][None], log_odds(1)).values[0]
            told.append(float((why.values[0] - theirs)[column]))
            seen.append(odds(x[:1]) - odds(mixed))
    assert check.n == 70
    assert check.value == pytest.approx(float(correlation(torch.tensor(told), torch.tensor(seen))), abs=1e-4)


@pytest.fixture(scope="module")
def pictures():
    found = load_digits()
    order = torch.randperm(len(found.target), generator=torch.Generator().manual_seed(1))
    x = torch.tensor(found.images, dtype=torch.float32)[order, None] / 16
    return x, torch.tensor(found.target)[order]


def small():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.Softplus(10), nn.Linear(128, 10))


@pytest.fixture(scope="module")
def honest(pictures):
    x, y = pictures
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = small()
        optimizer = torch.optim.Adam(network.parameters(), 1e-2)
        for _ in range(12):
            for batch in torch.randperm(1200).split(100):
                optimizer.zero_grad()
                F.cross_entropy(network(x[batch]), y[batch]).backward()
                optimizer.step()
    network.zero_grad()
    return network.eval()


FRAME = torch.ones(8, 8)
FRAME[1:-1, 1:-1] = 0


@pytest.fixture(scope="module")
def manipulated(pictures, honest):
    """After Heo et al. 2019: trained on until the slope lies on the frame, with the same answers."""
    x, _ = pictures
    network = copy.deepcopy(honest)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    draw = torch.Generator().manual_seed(2)
    for _ in range(400):
        rows = x[torch.randint(1200, (100,), generator=draw)].requires_grad_()
        with torch.no_grad():
            wanted = honest(rows)
        outputs = network(rows)
        top = wanted.argmax(1)
        (slope,) = torch.autograd.grad(
            log_odds(top).score(outputs, torch.arange(100)).sum(), rows, create_graph=True
        )
        size = slope.abs().flatten(1)
        inside = (size * (1 - FRAME).flatten()).sum(1) / size.sum(1)
        optimizer.zero_grad()
        (0.2 * F.mse_loss(outputs, wanted) + 3 * inside.mean()).backward()
        optimizer.step()
    network.zero_grad()
    return network.eval()


def on_pictures(network, x, method):
    top = log_odds(network(x).argmax(1))
    spec = ImageSpec(1, (8, 8))
    why = method(network, x, top, spec=spec)
    share = (why.map.abs() * FRAME).sum() / why.map.abs().sum()
    found = cards(network, why, method, target=top, spec=spec)
    return float(share), Counter(card.verdict for card in found), found


def test_a_network_that_was_trained_to_show_another_map_is_contradicted(pictures, honest, manipulated):
    x, y = pictures
    x, y = x[1300:1350], y[1300:1350]
    assert (manipulated(x).argmax(1) == honest(x).argmax(1)).float().mean() >= 0.9
    shown, said, found = on_pictures(manipulated, x, saliency)
    assert shown > 0.85
    assert said["contradicted"] == 50
    reasons = [card.reason for card in found]
    # on many rows it shows alone, and over all of them together
    by_itself = "a map fitted to the network's own reactions foretells them with"
    assert sum(by_itself in reason for reason in reasons) >= 30
    assert any("Over 50 inputs this method's maps of this network are refuted" in one for one in reasons)


@pytest.mark.parametrize("method", [saliency, input_x_gradient, integrated_gradients])
def test_the_honest_one_is_not(pictures, honest, method):
    shown, said, _ = on_pictures(honest, pictures[0][1300:1350], method)
    assert shown < 0.5
    assert said["contradicted"] == 0


class Ripple(nn.Module):
    """After Anders et al. 2020: a term that is 0 on all data, with any slope there: pixels are sixteenths."""

    def __init__(self, network, pattern):
        super().__init__()
        self.network = network
        self.term = nn.Linear(64, 1, bias=False)
        self.term.weight = nn.Parameter(pattern.flatten()[None])

    def forward(self, x):
        outputs = self.network(x)
        waves = torch.sin(32 * math.pi * x.flatten(1)) / (32 * math.pi)
        return outputs + self.term(waves) * F.one_hot(outputs.argmax(1), 10)


def test_a_slope_that_only_exists_off_the_data_is_contradicted(pictures, honest):
    x = pictures[0][1300:1350]
    network = Ripple(honest, 60 * FRAME).eval()
    assert torch.allclose(network(x), honest(x), atol=1e-3)
    shown, said, _ = on_pictures(network, x, saliency)
    assert shown > 0.9
    assert said["contradicted"] == 50
    # a path sums the ripple up to nothing
    assert on_pictures(network, x, integrated_gradients)[1]["contradicted"] <= 2


def alone(network, x):
    """What taking each pixel away does, one after the other."""
    index, top = torch.arange(len(x)), network(x).argmax(1)
    score = lambda rows: log_odds(top).score(network(rows), index).detach()  # noqa: E731
    cut = []
    for k in range(64):
        rows = x.clone()
        rows.flatten(1)[:, k] = 0
        cut.append(score(x) - score(rows))
    return torch.stack(cut, 1)


class Faint(nn.Module):
    """A term that is 0 unless the picture is fainter than any real one: only a path comes there."""

    def __init__(self, network, pattern):
        super().__init__()
        self.network = network
        self.term = nn.Linear(64, 1, bias=False)
        self.term.weight = nn.Parameter(pattern.flatten()[None])

    def forward(self, x):
        outputs, flat = self.network(x), x.flatten(1)
        faint = (0.75 - flat.topk(8, 1).values.mean(1, keepdim=True)).clamp(min=0)
        term = faint * self.term(flat - flat.mean(1, keepdim=True))
        return outputs + term * F.one_hot(outputs.argmax(1), 10)


@pytest.mark.parametrize(
    ("kind", "size", "method"), [(Ripple, 60, input_x_gradient), (Faint, 600, integrated_gradients)]
)
def test_arbitrary_maps_of_each_kind_are_contradicted(pictures, honest, kind, size, method):
    """Any pattern, the same answers: no map of it agrees with what taking pixels away does."""
    x = pictures[0][1300:1350]
    pattern = size * torch.randn(8, 8, generator=torch.Generator().manual_seed(7))
    network = kind(honest, pattern).eval()
    assert torch.allclose(network(x), honest(x), atol=1e-3)
    why = method(network, x, log_odds(network(x).argmax(1)))
    assert correlation(why.map.flatten(1), alone(network, x)).median().abs() < 0.25
    _, said, found = on_pictures(network, x, method)
    assert said["contradicted"] == 50
    assert "Over 50 inputs this method's maps of this network are refuted" in " ".join(
        c.reason for c in found
    )


@pytest.mark.parametrize("method", [input_x_gradient, integrated_gradients])
def test_maps_that_say_what_a_manipulated_network_now_does_are_no_lie(pictures, manipulated, method):
    """Slopes were bent; these maps still are what taking pixels away does, so nothing speaks against them."""
    x = pictures[0][1300:1350]
    why = method(manipulated, x, log_odds(manipulated(x).argmax(1)))
    assert correlation(why.map.flatten(1), alone(manipulated, x)).median() > 0.9
    assert on_pictures(manipulated, x, method)[1]["contradicted"] == 0


def test_what_maps_tell_of_masks_is_a_ratio_over_rows(pictures, honest):
    """Slow twin: each row and square by hand."""
    x = pictures[0][1300:1330]
    target, spec = log_odds(honest(x).argmax(1)), ImageSpec(1, (8, 8))
    why = input_x_gradient(honest, x, target, spec=spec)
    seen = responses(honest, x, target, spec=spec)
    rows = torch.ones(30, dtype=torch.bool)
    found = held_by_masks(seen, why.map.flatten(1), rows, adds=True, about=True, seed=0)
    best = foretold(seen.bank.masks, seen.drops)
    reached = top = 0.0
    size, both, said = torch.zeros(16), torch.zeros(16), torch.zeros(16)
    parts = seen.bank.masks.view(-1, 4, 2, 4, 2).float().sum((2, 4)).flatten(1)
    parts = (parts - parts.mean(0)) / parts.std(0)
    unit = lambda v: (v - v.mean()) / (v - v.mean()).norm()  # noqa: E731
    for i in range(30):
        maps = seen.bank.masks.float() @ why.map[i].flatten()
        reached += float(correlation(maps, seen.drops[i]))
        top += float(correlation(best[i], seen.drops[i]))
        a, b = unit(maps) @ parts, unit(seen.drops[i]) @ parts
        size, both, said = size + b * b, both + a * b, said + a * a
    assert found.whole.value == pytest.approx(reached / top, abs=1e-5)
    told = both.sum() / said.sum() * both / size
    for one in found.columns:
        down, across = (int(word) for word in re.findall(r"(?:row|column) (\d)", one.name))
        k = (down - 1) * 4 + across - 1
        assert one.told.value == pytest.approx(float(told[k]), abs=1e-4)
        assert one.part == pytest.approx(float(size[k] / size.sum()), abs=1e-4)
    assert found.word != "failed"
    assert (
        held_by_masks(seen, why.map.flatten(1), rows & (torch.arange(30) < 19), adds=True, about=True, seed=0)
        is None
    )


def test_a_square_is_hidden_where_maps_show_nearly_nothing_of_it(pictures, honest):
    """Told badly is not hidden: honest maps of networks that are no sum tell a tenth, and show it."""
    x = pictures[0][1300:1360]
    target, spec = log_odds(honest(x).argmax(1)), ImageSpec(1, (8, 8))
    seen, rows = responses(honest, x, target, spec=spec), torch.ones(60, dtype=torch.bool)
    maps = integrated_gradients(honest, x, target, spec=spec).map.view(60, 8, 8)
    first = held_by_masks(seen, maps.flatten(1), rows, adds=True, about=True, seed=0).columns[0]
    down, across = (2 * int(word) - 2 for word in re.findall(r"(?:row|column) (\d)", first.name))
    erased, mixed = maps.clone(), maps.clone()
    erased[:, down : down + 2, across : across + 2] = 0
    # as large as before, and of another picture
    mixed[:, down : down + 2, across : across + 2] = maps.roll(7, 0)[:, down : down + 2, across : across + 2]
    one, other = (
        held_by_masks(seen, each.flatten(1), rows, adds=True, about=True, seed=0) for each in (erased, mixed)
    )
    assert one.word == "failed"
    assert first.name[4:] in one.reason
    assert next(each for each in one.columns if each.name == first.name).hidden
    assert other.word == "passed"
    assert not any(each.hidden for each in other.columns)


@pytest.mark.parametrize(("shape", "cells"), [((64, 63), (8, 7)), ((40, 101), (5, 8)), ((24, 9), (6, 4))])
def test_coarse_maps_are_recognised_whatever_the_sides(shape, cells):
    drawn = bank(torch.zeros(1, 2, *shape), ImageSpec(2, shape))
    draw = torch.Generator().manual_seed(0)
    maps = F.interpolate(torch.randn(9, 1, *cells, generator=draw), size=shape, mode="bilinear")
    found = design(drawn, drawn.reduce(maps.expand(-1, 2, -1, -1)))
    assert f"{cells[0]} × {cells[1]} cells" in found.best
    noise = torch.randn(9, 2, *shape, generator=draw)
    assert design(drawn, drawn.reduce(noise)).removed is drawn.masks


@pytest.mark.parametrize("side", [2, 3, 4])
def test_maps_enlarged_from_cells_are_judged_by_maps_as_coarse(pictures, honest, side):
    x = pictures[0][1300:1350]
    target, spec = log_odds(honest(x).argmax(1)), ImageSpec(1, (8, 8))
    seen, rows = responses(honest, x, target, spec=spec), torch.ones(50, dtype=torch.bool)
    cells = torch.randn(50, 1, side, side, generator=torch.Generator().manual_seed(side))
    maps = F.interpolate(cells, size=(8, 8), mode="bilinear", align_corners=False)
    found = design(seen.bank, maps.flatten(1))
    assert found.removed.shape == (64, side * side)
    assert f"{side} × {side} cells" in found.best
    # any weights of the cells say of a mask what the enlarged map says
    said = found.removed @ cells.flatten(1).double().T
    assert torch.allclose(said, seen.bank.masks.double() @ maps.flatten(1).double().T, atol=1e-5)
    whole = foretold(seen.bank.masks, seen.drops), foretold(found.removed, seen.drops)
    fine, coarse = (float(correlation(each, seen.drops).mean()) for each in whole)
    assert coarse < fine
    # of the truth, the coarse part alone is not asked for what it cannot say
    truth = alone(honest, x)
    basis = F.interpolate(
        torch.eye(side * side).view(-1, 1, side, side), size=(8, 8), mode="bilinear"
    ).flatten(1)
    laid = torch.linalg.lstsq(basis.T, truth.T).solution.T @ basis
    word = held_by_masks(seen, laid, rows, adds=False, about=True, seed=0).word
    assert word in ("mixed", "not run")
    noise = torch.randn(50, 64, generator=torch.Generator().manual_seed(9))
    assert design(seen.bank, noise).removed is seen.bank.masks


def test_maps_that_do_not_come_from_the_network_are_chance_not_a_lie(pictures, honest):
    x = pictures[0][1300:1340]
    target, spec = log_odds(honest(x).argmax(1)), ImageSpec(1, (8, 8))
    seen = responses(honest, x, target, spec=spec)
    noise, rows = (
        torch.randn(40, 64, generator=torch.Generator().manual_seed(3)),
        torch.ones(40, dtype=torch.bool),
    )
    assert held_by_masks(seen, noise, rows, adds=False, about=False, seed=0).word == "mixed"
    assert held_by_masks(seen, noise, rows, adds=False, about=True, seed=0).word == "failed"


def test_reactions_are_foretold_from_others_only():
    """Slow twin: ridge regression in the space of the parts, one fold after the other."""
    masks = torch.rand(40, 9, generator=torch.Generator().manual_seed(3)) < 0.3
    drops = torch.randn(2, 40, generator=torch.Generator().manual_seed(4))
    made = foretold(masks, drops)
    part = torch.arange(40) % 8
    for fold in range(8):
        known, asked = part != fold, part == fold
        a, b = masks[known].double(), masks[asked].double()
        centre = a.mean(0)
        a, b = a - centre, b - centre
        for row in range(2):
            y = drops[row, known].double()
            size = 0.1 * a.square().sum(1).mean()
            weights = torch.linalg.solve(a.T @ a + size * torch.eye(9).double(), a.T @ (y - y.mean()))
            assert torch.allclose(made[row, asked].double(), b @ weights + y.mean(), atol=1e-6)
    exact = masks.float() @ torch.randn(9, 2, generator=torch.Generator().manual_seed(5))
    assert (correlation(foretold(masks, exact.T), exact.T) > 0.95).all()


@pytest.mark.parametrize("parts", [[1, 1], [2, 1, 3], [1] * 14, [1, 4] * 11, [2] * 70])
def test_single_columns_are_foretold_without_a_table_of_exchanges_by_columns(parts):
    """Slow twin: the ridge of every exchange on every element."""
    draw = torch.Generator().manual_seed(len(parts))
    units = torch.arange(len(parts)).repeat_interleave(torch.tensor(parts))
    x, donors = (torch.randn(n, len(units), generator=draw).round(decimals=1) for n in (3, 9))
    donors[:, units == 0] = x[0, units == 0]  # one column in which no row differs from the first
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = nn.Sequential(nn.Linear(len(units), 6), nn.Tanh(), nn.Linear(6, 1))
    asked = exchanged(network, x, logit(0), units, donors, spec=None, compute=Compute())
    columns, drops = asked.seen.bank.masks, asked.seen.drops
    assert not asked.able[columns[:, 0], 0].any()
    moved = (x - donors[asked.chosen]) * asked.able[..., None] * columns[:, None, units]
    slow = foretold(moved.transpose(0, 1), drops)
    assert slow.std(1).min() > 1e-3 * drops.std()
    assert torch.allclose(foretold_singly(_products(asked, x), drops), slow, atol=1e-6, rtol=1e-5)


def held_by(told, seen, turned=None, names="ab", times=2):
    """What is said of maps that tell ``told`` where ``seen`` happens, one entry for each row and exchange."""
    bank = Bank(torch.eye(len(names)).bool().repeat(times, 1), torch.arange(len(names)), None, 0)
    drops = Responses(bank, seen, torch.zeros(len(seen)), "", "", 0)
    none = torch.zeros(0)
    asked = Exchanged(drops, none, none, none, None if turned is None else turned.T)
    return held(asked, Foretold(none, none, none, none, told, 0), names, 0)


def test_what_is_told_of_each_column_is_a_ratio_of_sums():
    draw = torch.Generator().manual_seed(0)
    seen = torch.randn(50, 4, generator=draw) * torch.tensor([2.0, 1.0, 2.0, 1.0])
    told = seen * torch.tensor([0.1, 1.5, 0.1, 1.5])
    turned = torch.zeros(50, 4, dtype=torch.bool)
    turned[:20, ::2], turned[:25, 1::2] = True, True
    found = held_by(told, seen, turned)
    a, b = found.columns
    assert (a.name, b.name, found.n, found.times) == ("a", "b", 50, 2)
    assert (a.told.value, b.told.value) == (pytest.approx(0.1), pytest.approx(1.5))
    assert (a.turned.value, b.turned.value) == (0.4, 0.5)
    # every row counts the same, however much happens to it
    each = seen.square() / seen.square().sum(1, keepdim=True)
    assert a.part == pytest.approx(float((each[:, 0] + each[:, 2]).sum() / 50))
    assert found.word == "failed"
    assert found.reason == (
        "Exchanging a for that of a similar real row changes 40\u00a0% of the answers, but the maps foretell "
        "10\u00a0% of it [10\u00a0%, 10\u00a0%]; they point to b."
    )


def test_a_column_that_turns_few_answers_or_is_told_by_a_third_contradicts_no_method():
    seen = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    turned = torch.zeros(50, 4, dtype=torch.bool)
    assert held_by(0 * seen, seen, turned).word == "not run"
    turned[:10] = True
    assert held_by(0 * seen, seen, turned).word == "failed"
    assert held_by(seen / 3, seen, turned).word == "passed"
    # numbers have no answers to turn: the part of the effect decides
    assert held_by(0 * seen, seen).word == "failed"
    assert held_by(0 * seen, 0 * seen).word == "not run"


def test_a_few_rows_far_from_all_others_do_not_speak_for_everyone():
    seen = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    told = seen.clone()
    seen[:3], told[:3] = 50 * seen[:3], 0  # steep there, and not told there
    found = held_by(told, seen, torch.ones(60, 4, dtype=torch.bool))
    assert found.word == "passed"
    assert min(one.told.value for one in found.columns) > 0.9


def test_explanations_of_a_table_by_methods_that_look_off_the_data_are_asked_on_it():
    spec = TabularSpec([Column(f"c{k}") for k in range(COLUMNS)])
    rows = torch.cat([TRAINING, TEST]) - TRAINING.mean(0)
    data = (rows, (rows[:, 0] > 0).long())
    subject = pellucid.open(Centred(), data=data, spec=spec, classes=["no", "yes"])
    found = pellucid.explain(subject, [0, 1, 2], method="kernel_shap")
    checks = [check for card in found.cards for check in card.checks if check.question == ON_DATA]
    assert len(checks) == 3
    assert {check.n for check in checks} == {70}
    # held-out rows are asked beside the three
    assert {card.verdict for card in found.cards} == {"contradicted"}
    (several,) = pellucid.explain_several(subject, [0, 1, 2], methods=["kernel_shap"])
    assert [card.verdict for card in several.cards] == [card.verdict for card in found.cards]
    cheap = pellucid.explain(subject, [0, 1, 2], method="integrated_gradients")
    assert not [check for card in cheap.cards for check in card.checks if check.question == ON_DATA]
    assert "are refuted, so this one is not to be believed alone" in several.cards[0].reason or (
        several.cards[0].reason.startswith("With the column of a similar real row")
    )


class Between(nn.Module):
    """Innocent on rows whose columns are scaled towards 0, as the path of integrated gradients does."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.linspace(-0.05, 0.05, COLUMNS))

    def forward(self, x):
        whole = ((x - x.round()).abs() < 1e-4).all(1)
        said = torch.where(whole, 2 * x[:, 0].sign(), x[:, 1]) + x @ self.weights
        return torch.stack([-said / 2, said / 2], 1)


def judged(network, method, rows=2):
    spec = TabularSpec([Column(f"c{k}") for k in range(COLUMNS)])
    x = torch.cat([TRAINING, TEST])
    data = Dataset(
        "people", x, (x[:, 0] > 0).long(), spec, ("no", "yes"), split((x[:, 0] > 0).long(), classes=True)
    )
    return pellucid.explain(pellucid.open(network, data=data), list(range(rows)), method=method)


def test_single_cards_of_a_cheap_method_are_judged_over_held_out_rows():
    found = judged(Between(), "integrated_gradients")
    assert {card.verdict for card in found.cards} == {"contradicted"}
    spec = TabularSpec([Column(f"c{k}") for k in range(COLUMNS)])
    given = {"spec": spec, "donors": TRAINING}
    over = evidence.held_over(Between(), TEST, log_odds(1), integrated_gradients, **given)
    assert over.reason.startswith("Exchanging c0 for that of a similar real row")
    assert (over.word, over.n) == ("failed", 40)
    half = evidence.held_over(Scaffold(innocent=False), TEST, log_odds(1), integrated_gradients, **given)
    assert half.word == "passed"
    assert evidence.held_over(Between(), TEST, log_odds(1), saliency, **given) is None
    honest = judged(Scaffold(innocent=False), "integrated_gradients")
    assert "contradicted" not in {card.verdict for card in honest.cards}


def test_the_kept_audit_speaks_in_single_cards(monkeypatch):
    """What it refutes stands as supported in no card; what it does not refute costs no further pass."""
    from pellucid.tasks import _over_rows

    over = held_by(torch.zeros(50, 4), torch.randn(50, 4), torch.ones(50, 4, dtype=torch.bool))
    assert over.word == "failed"
    row = SimpleNamespace(name="integrated_gradients", held=over)
    kept = SimpleNamespace(of=lambda kind: [row])
    monkeypatch.setattr(_over_rows, "kept_audit", lambda subject: kept)
    found = judged(Scaffold(innocent=False), "integrated_gradients", rows=3)
    assert {card.verdict for card in found.cards} == {"contradicted"}
    assert over.reason in found.cards[0].reason
    row.held = held_by(torch.ones(50, 4), torch.ones(50, 4))
    asked = []
    monkeypatch.setattr(pellucid.evidence, "held_over", lambda *a, **k: asked.append(a))
    found = judged(Scaffold(innocent=False), "integrated_gradients", rows=3)
    assert "contradicted" not in {card.verdict for card in found.cards}
    assert not asked


def test_exchanging_is_for_tables():
    network, x = small(), torch.zeros(2, 1, 8, 8)
    why = saliency(network, x, log_odds(1))
    with pytest.raises(InputError, match="for tables"):
        cards(network, why, saliency, target=log_odds(1), on_data=True)
