"""Every planted task: answers follow the stated rule exactly, and interventions touch only what they say."""

import pytest
import torch

from pellucid import data, tasks
from pellucid.data._planted._sounds import BURST, PITCHES, RATE
from pellucid.errors import InputError

NAMES = data.planted_names()
EPOCHS = {"table": 30, "xor": 25, "interaction": 20, "leak": 8, "suppressor": 12, "negation": 12, "burst": 10}
SMALL = {"negation": 1500, "burst": 900, "table": 3000}


@pytest.fixture(scope="module")
def made():
    return {name: data.planted(name) for name in NAMES}


def rule_of_table(row):
    return row[1] > 0 if row[0] > 0 else row[2] + row[3] > 0


RULES = {
    "table": rule_of_table,
    "suppressor": lambda row: row[0] - 1.5 * row[1] > 0,
    "xor": lambda row: row[0] * row[1] > 0,
    "interaction": lambda row: row[0] + 2 * row[1] * row[2] > 0,
    "leak": lambda row: row[11] > 0,
}


@pytest.mark.parametrize("name", RULES)
def test_answers_of_tables_follow_their_rule(made, name):
    task = made[name]
    x, y = task.dataset.inputs, task.dataset.answers
    for row, answer in zip(x.tolist(), y.tolist(), strict=True):
        assert answer == int(RULES[name](row))
    # exchanged rows say the other class, removed ones no more than chance
    for row, answer in zip(task.exchanged[:400].tolist(), y.tolist(), strict=False):
        assert answer == 1 - int(RULES[name](row))
    said = torch.tensor([int(RULES[name](row)) for row in task.removed.tolist()])
    assert float((said == y).float().mean()) == pytest.approx(0.5, abs=0.06)


def test_the_suppressor_alone_says_nothing_and_no_column_of_xor_does(made):
    def correlation(name, column):
        task = made[name].dataset
        return float(torch.corrcoef(torch.stack([task.inputs[:, column], task.answers.float()]))[0, 1])

    assert correlation("suppressor", 0) > 0.35
    assert abs(correlation("suppressor", 1)) < 0.04
    assert max(abs(correlation("xor", k)) for k in range(12)) < 0.06
    assert correlation("leak", 11) > 0.95


def test_honest_columns_of_the_leak_tell_three_of_four(made):
    task = made["leak"].dataset
    told = (task.inputs[:, :6].sum(1) > 0).long()
    assert float((told == task.answers).float().mean()) == pytest.approx(0.75, abs=0.02)
    assert task.spec.columns[11].name == "file number"


def test_the_stamp_says_the_class(made):
    task = made["watermark"].dataset
    crosses = torch.tensor(
        [[1.0, 0, 0, 0, 1], [0, 1, 0, 1, 0], [0, 0, 1, 0, 0], [0, 1, 0, 1, 0], [1, 0, 0, 0, 1]]
    )
    for k in range(300):
        place = task.relevant[k, 0].nonzero()
        (top, left), (bottom, right) = place.amin(0).tolist(), place.amax(0).tolist()
        assert (bottom - top, right - left, len(place)) == (4, 4, 16)
        stamp = task.inputs[k, 0, top : top + 5, left : left + 5]
        assert torch.equal(stamp, crosses) == bool(task.answers[k] == 1)
        assert float(stamp[2].sum()) == (1 if task.answers[k] else 5)


def test_the_ink_is_reddish_or_greenish(made):
    task = made["colour"].dataset
    red, green, blue = task.inputs.sum((2, 3)).unbind(1)
    assert torch.equal((green > red).long(), task.answers)
    share = blue / (red + green + blue)
    assert float(torch.corrcoef(torch.stack([share, task.answers.float()]))[0, 1]) == pytest.approx(
        0, abs=0.06
    )
    assert not bool(task.relevant[:, 2].any())
    assert torch.equal(task.relevant[:, 0], task.relevant[:, 1])


def test_the_frame_is_dark_or_light(made):
    task = made["border"].dataset
    frame = torch.ones(16, 16, dtype=torch.bool)
    frame[1:-1, 1:-1] = False
    assert torch.equal((task.inputs[:, 0, frame].mean(1) > 0.5).long(), task.answers)
    assert bool((task.relevant[:, 0] == frame).all())
    # the digit says the answer in three of four only
    assert torch.equal(task.inputs[:, 0, ~frame], made["border"].exchanged[:, 0, ~frame])


def test_stripes_lie_or_stand_in_the_marked_quarter(made):
    task = made["stripes"]
    change = (task.dataset.inputs - task.exchanged)[:, 0]
    assert not bool(change[~task.dataset.relevant[:, 0]].any())
    wave = 1 - 2.0 * (torch.arange(16) % 2)
    lying, upright = (
        (task.dataset.inputs[:, 0] * task.dataset.relevant[:, 0] * pattern).sum((1, 2))
        for pattern in (wave[:, None].expand(16, 16), wave.expand(16, 16))
    )
    assert float(((upright > lying).long() == task.dataset.answers).float().mean()) > 0.97
    assert float(task.dataset.relevant.float().mean()) == 0.25
    # too faint to be seen: less than a tenth of full brightness between neighbours
    assert float(change.abs().max()) <= 0.13


def test_blur_is_everywhere_and_only_on_one_class(made):
    task = made["blur"]
    assert bool(task.dataset.relevant.all())
    grain = task.dataset.inputs[..., 0, 1:].sub(task.dataset.inputs[..., 0, :-1]).square().mean((1, 2))
    odd = task.dataset.answers == 1
    assert float(grain[odd].median()) < 0.4 * float(grain[~odd].median())


def test_broken_counts_unless_not_stands_before_it(made):
    task = made["negation"].dataset
    for row, answer, marks in zip(
        task.spec.tokens(task.inputs), task.answers.tolist(), task.relevant, strict=True
    ):
        assert row.count("broken") in (0, 1)
        at = row.index("broken") if "broken" in row else -1
        negated = at > 0 and row[at - 1] == "not"
        assert answer == int(at >= 0 and not negated)
        assert marks.nonzero().flatten().tolist() == ([] if at < 0 else [at - 1, at] if negated else [at])
    strays = [
        row for row, y in zip(task.spec.tokens(task.inputs), task.answers, strict=True) if y and "not" in row
    ]
    assert len(strays) > 0.3 * int(task.answers.sum())


def test_the_tone_is_low_or_high(made):
    task = made["burst"].dataset
    assert task.relevant.sum((1, 2)).unique().tolist() == [BURST]
    sound = task.inputs[task.relevant].view(len(task), BURST)
    power = torch.fft.rfft(sound, n=RATE).abs()
    low, high = power[:, int(PITCHES[0])], power[:, int(PITCHES[1])]
    assert torch.equal((high > low).long(), task.answers)
    # the other tone is as loud
    slots = task.inputs.view(len(task), 8, BURST).square().mean(2)
    assert bool(((slots > 0.01).sum(1) == 2).all())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "table"])
def test_interventions_touch_only_the_plant(made, name):
    task = made[name]
    x, relevant = task.dataset.inputs, task.dataset.relevant
    assert task.removed.shape == task.exchanged.shape == task.alone.shape == x.shape
    if name in ("patch", "negation"):  # absence decides in some rows, so what is put there is not marked
        assert torch.equal(task.alone[relevant], x[relevant])
        return
    for other in (task.removed, task.exchanged):
        if name != "colour":  # the whole ink is tinted; what is nearly black is not marked
            assert torch.equal(other[~relevant], x[~relevant])
    if name not in ("colour", "stripes", "blur"):  # these are laid over their background
        assert torch.equal(task.alone[relevant], x[relevant])


@pytest.mark.parametrize("name", NAMES)
def test_seeds_reproduce_and_the_global_one_is_left_alone(made, name):
    state = torch.get_rng_state()
    one, two, other = data.planted(name), data.planted(name, n=120, seed=1), data.planted(name, n=120, seed=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.dataset.inputs, made[name].dataset.inputs)
    assert torch.equal(one.alone, made[name].alone)
    assert len(two.dataset) == 120
    assert not torch.equal(two.dataset.inputs, other.dataset.inputs)
    one.dataset.spec.check(one.dataset.inputs)


def test_the_twin_is_the_same_but_for_the_plant(made):
    task = made["border"]
    assert torch.equal(task.twin.answers, task.dataset.answers)
    assert torch.equal(task.twin.parts, task.dataset.parts)
    assert torch.equal(task.twin.inputs, task.removed)
    assert task.twin.relevant is None
    assert torch.equal(data.by_name("planted-border-clean").inputs, task.removed)
    assert torch.equal(data.by_name("planted border").inputs, task.dataset.inputs)


@pytest.mark.parametrize("name", ["suppressor", "leak", "border", "stripes", "negation", "burst"])
def test_a_network_lives_by_the_plant_and_one_of_the_twin_does_not(name):
    task = data.planted(name, n=SMALL.get(name))
    for dataset, used in ((task.dataset, True), (task.twin, False)):
        model = tasks.train(dataset, epochs=EPOCHS.get(name, 12), patience=None).model
        report = data.verify_plant(task, model)
        assert report.used == used, (name, str(report))
    # what is not planted matters little: with nothing else in place the answers stay
    assert report.alone < 0.7


def test_what_is_not_known_is_told():
    with pytest.raises(InputError, match="Did you mean border"):
        data.planted("bordr")
    with pytest.raises(InputError, match="at least 50"):
        data.planted("xor", n=10)
    with pytest.raises(InputError, match="at most 1797"):
        data.planted("colour", n=5000)
