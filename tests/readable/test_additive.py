"""The neural additive model: the tables are the model, directions hold, pairs only where they pay."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.utils.estimator_checks import check_estimator

import pellucid
from pellucid import tasks
from pellucid.errors import InputError
from pellucid.networks import build
from pellucid.networks._additive_for import additive_for
from pellucid.networks._anew import made_anew
from pellucid.networks._pairs import Cells, screened, without_main_effects
from pellucid.readable import AdditiveClassifier, AdditiveRegressor

QUICK = {"epochs": 12, "members": 3, "penalties": (0.03,)}


def planted(n=600, seed=0):
    """Logit = 3·|a| − step of home + 4·(b > 0)(c > 0), centred; d is idle, a is sometimes missing."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({name: chance.normal(size=n) for name in "abcd"})
    frame["home"] = chance.choice(["own", "rent", "free"], size=n)
    both = (frame.b > 0) & (frame.c > 0)
    logit = 3 * frame.a.abs() - 2.5 - 2 * (frame.home == "rent") + 4 * both - 1
    y = chance.random(n) < 1 / (1 + np.exp(-logit))
    frame.loc[chance.random(n) < 0.1, "a"] = np.nan
    return frame, np.where(y, "yes", "no")


@pytest.fixture(scope="module")
def fitted():
    frame, y = planted()
    return AdditiveClassifier(epochs=40, members=4, penalties=(0.01, 0.003)).fit(frame, y)


@pytest.mark.parametrize("kind", [AdditiveClassifier, AdditiveRegressor])
def test_scikit_learn_accepts_it(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(
            kind(members=2, penalties=(0.01,), pairs=0, epochs=12, learning_rate=0.06), on_fail=None
        )
    assert [
        (r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")
    ] == []


def slow_answer(network, spec, row):
    """The oracle: constant and table rows looked up one by one, pairs cell by cell."""
    plan, total, states, start = network.plan, network.constant.item(), [], 0
    x = spec.encode([row])[0].double()
    number = flat = 0
    for column in spec.columns:
        slots = x[start : start + column.width]
        start += column.width
        if column.levels:
            total += network.flat[flat + int(slots.argmax())].item()
            states.append(slots.numpy())
            flat += column.width
            continue
        coarse = network.coarse[number].numpy()
        place, gone = float(slots[0]), bool(slots[1])
        knots = network.knots[number].numpy()
        held = knots[np.isfinite(knots)]
        if gone:
            total += network.flat[flat].item()
        else:
            values = network.shape[number, : len(held), 0].detach().double().numpy()
            total += float(np.interp(place, held, values))
        held = coarse[np.isfinite(coarse)]
        hats = [
            0.0 if gone else float(np.interp(place, held, np.eye(len(held))[k])) for k in range(len(held))
        ]
        hats += [0.0] * (len(coarse) - len(held)) + [float(gone)]
        states.append(np.array(hats))
        number, flat = number + 1, flat + 1
    for q, (a, b) in enumerate(plan.pairs):
        width = network.cells.states
        first, second = (np.pad(states[k], (0, width - len(states[k]))) for k in (a, b))
        if spec.columns[a].levels == ():
            first = np.concatenate([states[a][:-1], np.zeros(width - len(states[a])), states[a][-1:]])
        if spec.columns[b].levels == ():
            second = np.concatenate([states[b][:-1], np.zeros(width - len(states[b])), states[b][-1:]])
        total += float(first @ network.cells.table[q, :, :, 0].detach().double().numpy() @ second)
    return total


def test_the_tables_are_the_model(fitted):
    frame, _ = planted(40, seed=1)
    frame.loc[0, "home"] = "boat"
    raw = frame.astype(object).where(frame.notna(), None).to_dict("records")
    wanted = [slow_answer(fitted.network_, fitted.spec_, row) for row in raw]
    assert np.allclose(fitted.decision_function(frame), wanted, atol=1e-5)


def test_contributions_add_up(fitted):
    subject = fitted.subject(*planted(50, seed=2))
    network, x = fitted.network_, subject.data.inputs
    parts = network.contributions(x)
    assert parts.shape == (50, 5 + len(network.plan.pairs), 1)
    logits = network(x)
    assert torch.allclose(parts.sum(1) + network.constant, logits[:, 1:] - logits[:, :1], atol=1e-5)


def test_columns_are_centred_and_unseen_states_say_nothing(fitted):
    frame, y = planted()
    parts = fitted.network_.contributions(fitted.subject(frame, y).data.inputs)
    assert parts[:, :5].mean(0).abs().max() < 1e-5
    unseen = frame.head(1).assign(b=np.nan, home="boat")
    said = fitted.network_.contributions(fitted.subject(unseen, ["yes"]).data.inputs)[0, :, 0]
    assert said[1] == 0
    assert said[4] == 0


def test_what_was_planted_is_found(fitted):
    assert fitted.network_.plan.pairs == ((1, 2),)
    frame, y = planted(400, seed=3)
    assert fitted.score(frame, y) > 0.75  # the planted answer itself is drawn
    grid = pd.DataFrame({"a": [-2.0, 0, 2], "b": 0.0, "c": 0.0, "d": 0.0, "home": "own"})
    left, middle, right = fitted.decision_function(grid)
    assert left - middle > 2.5
    assert right - middle > 2.5


def test_no_pair_is_added_where_there_is_none():
    added = 0
    for seed in range(4):
        chance = np.random.default_rng(seed)
        x = chance.normal(size=(300, 6))
        y = chance.random(300) < 1 / (1 + np.exp(-x[:, 0] - np.abs(x[:, 1])))
        added += len(AdditiveClassifier(**QUICK).fit(x, y).network_.plan.pairs)
    assert added == 0


def test_columns_that_only_count_together_are_found_beyond_the_largest(monkeypatch):
    x = torch.randn(600, 14, generator=torch.Generator().manual_seed(0))
    rest = (x[:, 12] * x[:, 13] > 0).float() - 0.5  # exclusive or: neither column has an effect of its own
    parts = [(k, ()) for k in range(14)]
    coarse = torch.linspace(-2, 2, 8).expand(14, 8)
    arguments = (x, rest, torch.full((600,), 0.25), parts, coarse)
    assert screened(*arguments, range(14), 10) == [(12, 13)]
    assert screened(*arguments, range(12), 10) == []  # not among these: nothing is made up
    monkeypatch.setattr("pellucid.networks._pairs.ALL_COST", 600)
    assert screened(*arguments, range(14), 10) == []  # too many to look at


def test_purified_pairs_are_the_same_function():
    chance = torch.Generator().manual_seed(0)
    table = torch.randn(5, 4, 2, generator=chance, dtype=torch.double)
    density = torch.rand(5, 4, generator=chance, dtype=torch.double)
    density = density / density.sum()
    pure, first, second = without_main_effects(table, density)
    assert torch.allclose(pure + first[:, None] + second[None], table)
    assert (density[..., None] * pure).sum(0).abs().max() < 1e-6
    assert (density[..., None] * pure).sum(1).abs().max() < 1e-6


@pytest.mark.parametrize("sign", [1, -1])
def test_directions_hold_everywhere(sign):
    frame, y = planted()
    fitted = AdditiveClassifier(monotone={"b": sign, "a": -sign}, **QUICK).fit(frame, y)
    network = fitted.network_
    # straight between knots and flat beyond them: what holds at the knots holds everywhere
    for column, direction in ((0, -sign), (1, sign)):
        count = int(network.knots[column].isfinite().sum())
        steps = direction * network.shape[column, :count, 0].diff()
        assert (steps >= 0).all()
        members = direction * network.member_shape[column, :count].diff(dim=0)
        assert (members >= 0).all()
    assert all(0 not in pair and 1 not in pair for pair in network.plan.pairs)
    grid = frame.head(1).drop(columns="b").merge(pd.DataFrame({"b": np.linspace(-9, 9, 301)}), how="cross")
    assert (sign * np.diff(fitted.decision_function(grid)) >= -1e-12).all()


def test_directions_need_an_order_of_answers():
    frame, _ = planted(90)
    with pytest.raises(InputError, match="3 classes without an order"):
        AdditiveClassifier(monotone={"b": 1}).fit(frame, ["x", "y", "z"] * 30)


def test_several_classes_and_numbers():
    chance = np.random.default_rng(0)
    x = chance.normal(size=(300, 3))
    y = np.where(x[:, 0] > 0.5, 2, np.where(x[:, 1] > 0, 1, 0))
    assert AdditiveClassifier(**QUICK).fit(x, y).score(x, y) > 0.8
    amount = 1000 + 200 * np.sin(2 * x[:, 0]) + 100 * x[:, 1]
    regressor = AdditiveRegressor(epochs=60, members=3, penalties=(0.001,)).fit(x, amount)
    assert regressor.score(x, amount) > 0.9


def test_a_run_opens_again_to_the_bit(fitted, tmp_path):
    frame, y = planted()
    subject = fitted.subject(frame, y)
    again = pellucid.open_run(pellucid.save_run(subject, tmp_path / "run"))
    assert torch.equal(again.model(subject.data.inputs), subject.model(subject.data.inputs))
    assert again.model.plan == fitted.network_.plan
    assert build(again.model.architecture).plan == again.model.plan


def test_the_same_seed_gives_the_same_tables():
    frame, y = planted(150)
    a, b, c = (AdditiveClassifier(random_state=s, **QUICK).fit(frame, y) for s in (0, 0, 1))
    assert torch.equal(a.network_.shape, b.network_.shape)
    assert not torch.equal(a.network_.shape, c.network_.shape)


def test_trained_from_a_name(tmp_path):
    subject = pellucid.train("breast-cancer", network="additive", epochs=3, out=tmp_path / "run")
    assert type(pellucid.open(tmp_path / "run").model).__name__ == "Additive"
    assert len(subject.record.epochs) in (3, 6)


def test_the_network_of_the_command_line_is_made_for_its_data():
    cancer = pellucid.data.breast_cancer()
    network = tasks.network_for(cancer, kind="additive")
    assert torch.isfinite(network.knots[:, 0]).all()
    with pytest.raises(InputError, match="no hidden or activation"):
        tasks.network_for(cancer, kind="additive", hidden=[4])


def test_a_crowded_knot_of_a_large_table_may_be_a_spike(monkeypatch):
    chance = np.random.default_rng(0)
    x = chance.integers(0, 30, size=(3000, 1)).astype(float)
    y = (chance.random(3000) < np.where(x[:, 0] == 17, 0.9, 0.2)).astype(int)
    grid = np.array([[16.0], [17.0], [18.0]])
    quick = {"epochs": 15, "members": 2, "penalties": (0.002, 0.001), "pairs": 0}

    def rise():
        low, spike, high = AdditiveClassifier(**quick).fit(x, y).decision_function(grid)
        return spike - max(low, high)

    without = rise()
    monkeypatch.setattr("pellucid.networks._additive_for.MANY", 1000)
    assert rise() > without + 1  # of 3.6 log-odds that were planted; short training reaches about half


def test_cells_that_are_looked_up_are_those_of_the_sum_over_all_states():
    """While it learns, only the cells that a row is in are read; tables and exports sum over all states."""
    chance = torch.Generator().manual_seed(0)
    levels = torch.eye(4)[torch.randint(0, 4, (60,), generator=chance)]
    gone = (torch.rand(60, 1, generator=chance) < 0.3).float()
    x = torch.cat([torch.randn(60, 2, generator=chance), gone, levels], 1)
    cells = Cells([(0, ()), (1, (2,)), (-1, (3, 4, 5, 6))], [(0, 1), (0, 2), (1, 2)], 5, 3)
    cells.table.data.normal_(generator=chance)
    coarse = torch.tensor([[-1.0, 0.0, 0.5, 1.0, 2.0], [-1.0, 0.3, 1.0, torch.inf, torch.inf]])
    assert torch.allclose(cells.summed(x, coarse), cells(x, coarse).sum(1), atol=1e-5)


def test_a_look_between_epochs_is_at_the_members_as_they_are_now():
    cancer = pellucid.data.breast_cancer()
    network = additive_for(cancer, members=3, penalties=(0.01,)).eval()
    x = cancer.inputs[:50]
    with torch.no_grad():
        before = network(x)
        for parameter in network.nets.parameters():
            parameter.add_(0.1)
        assert not torch.allclose(network(x), before)
        assert torch.allclose(network(x), network.answer(network.every(x).mean(1)), atol=1e-5)


def alike(n=900, seed=0):
    """Two columns that tell nearly the same, one with a step in it, a category and missing numbers."""
    chance = np.random.default_rng(seed)
    a = chance.normal(size=n)
    frame = pd.DataFrame({"a": a, "b": a + 0.3 * chance.normal(size=n), "c": chance.normal(size=n).round(1)})
    frame["home"] = chance.choice(["own", "rent"], size=n)
    logit = frame.a + frame.b + 1.5 * (frame.c > 0.5) - (frame.home == "rent")
    y = np.where(chance.random(n) < 1 / (1 + np.exp(-logit)), "yes", "no")
    frame.loc[chance.random(n) < 0.1, "c"] = np.nan
    return frame, y, logit.to_numpy()


@pytest.fixture
def all_are_large(monkeypatch):
    monkeypatch.setattr("pellucid.networks._additive_for.SOME", 100)


QUICKER = {"epochs": 3, "members": 2, "knots": 12}


def slow_loss(model, spec, x, wanted):
    """The oracle: what the last fit makes small, function by function and knot by knot; of numbers twice the
    log-likelihood's place is taken by the squared error."""
    network, total = model, 0.0
    with torch.no_grad():
        said = network.every(x)[:, 0, 0].double()
        if network.plan.answers is None:
            total += torch.nn.functional.binary_cross_entropy_with_logits(said, wanted.double())
        else:
            mean, sd = network.plan.answers
            total += ((said - (wanted[:, 0].double() - mean) / sd) ** 2).mean()
        for j, knots in enumerate(network.knots):
            there = int(knots.isfinite().sum())
            values, shares = network.shape[j, :there, 0].double(), network.density[j, :there].double()
            present = float(network.there(x)[:, j].mean())
            total += 0.003 * present * float((shares * values**2).sum())
            apart = [max(1 / 16, present * float(shares[m] + shares[m + 1]) / 2) for m in range(there - 1)]
            for m in range(1, there - 1):
                left = float(values[m] - values[m - 1]) / apart[m - 1]
                right = float(values[m + 1] - values[m]) / apart[m]
                total += 1e-4 * (right - left) ** 2 / ((apart[m - 1] + apart[m]) / 2)
        total += 0.003 * float((network.flat_density * network.flat[:, 0] ** 2).sum())
    return float(total)


@pytest.mark.parametrize("kind", [AdditiveClassifier, AdditiveRegressor])
def test_the_last_fit_ends_where_no_change_of_a_table_helps(all_are_large, kind):
    frame, y, logit = alike()
    model = kind(**QUICKER, pairs=0).fit(frame, y if kind is AdditiveClassifier else logit)
    network = model.network_
    assert network.plan.bend
    x = model._encoded(frame)
    wanted = torch.tensor(y == "yes") if kind is AdditiveClassifier else torch.tensor(logit)[:, None]
    least = slow_loss(network, model.spec_, x, wanted)
    for table in (network.shape, network.flat, network.constant):
        for at in np.ndindex(*table.shape):
            if table is network.shape and not network.knots[at[:2]].isfinite():
                continue
            for change in (0.05, -0.05):
                with torch.no_grad():
                    table[at] += change
                    assert slow_loss(network, model.spec_, x, wanted) > least - 1e-5
                    table[at] -= change


def test_after_the_last_fit_the_first_weights_no_longer_matter(all_are_large):
    frame, y, _ = alike()
    one, other = (AdditiveClassifier(**QUICKER, pairs=0, random_state=seed).fit(frame, y) for seed in (0, 1))
    rows = one.decision_function(frame)
    assert np.abs(rows - other.decision_function(frame)).max() < 1e-3
    free = [
        AdditiveClassifier(**QUICKER, pairs=0, penalties=(0.03,), random_state=seed).fit(frame, y)
        for seed in (0, 1)
    ]
    assert free[0].network_.plan.bend == 0  # who gives a penalty has the shapes trained under it
    assert np.abs(free[0].decision_function(frame) - free[1].decision_function(frame)).max() > 0.05


def test_the_last_fit_keeps_directions_and_the_width_of_bands(all_are_large):
    frame, y, _ = alike()
    model = AdditiveClassifier(**QUICKER, pairs=0, monotone={"c": -1}).fit(frame, y)
    shape = model.network_.shape[2, :, 0]
    assert bool((shape[model.network_.knots[2].isfinite()].diff() <= 1e-6).all())
    network = model.network_
    assert torch.allclose(network.member_shape.mean(2), network.shape, atol=1e-4)
    assert torch.allclose(network.member_flat.mean(1), network.flat, atol=1e-4)
    contributions = network.contributions(model._encoded(frame))
    assert contributions.mean(0).abs().max() < 1e-4


def test_networks_made_anew_keep_the_last_fit_and_look_for_no_pairs_where_there_are_none(
    all_are_large, tmp_path
):
    frame, y, _ = alike()
    model = AdditiveClassifier(**QUICKER).fit(frame, y)
    frame.assign(y=y).to_csv(tmp_path / "rows.csv", index=False)
    again = made_anew(model.network_, pellucid.data.table(tmp_path / "rows.csv", "y"), seed=3)
    assert again.plan.bend == model.network_.plan.bend > 0
    assert not model.network_.plan.pairs
    assert again.plan.most_pairs == 0
