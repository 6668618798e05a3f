"""What a network relies on, where every weight is known."""

import pytest
import torch
from torch import nn

import pellucid
from pellucid import expect
from pellucid._core import Dataset, wilson
from pellucid.errors import InputError
from pellucid.figures import check_text
from pellucid.inputs import AudioSpec, TextSpec
from pellucid.inputs._tokenizer import WordTokenizer
from pellucid.report._check_page import check_html
from pellucid.tasks._check._swap import _elsewhere
from tasks.check.made import Corner, of, only, people, pictures, scorer

GRADIENT = ("input_x_gradient",)


def test_the_share_is_that_of_the_weights(data):
    subject = of(scorer(income=1.0, age=1.0, sex=0.5), data)
    outcome = only(subject, expect.AttributionShare("age", 0.2, methods=GRADIENT), compute=None)
    looked = data.inputs[outcome.line.rows]
    parts = torch.stack([looked[:, 0], looked[:, 5], 0.5 * looked[:, 4]], 1).abs().double()
    share = parts[:, 1] / parts.sum(1)
    assert outcome.line.value == pytest.approx(float(share.mean()), abs=1e-6)
    assert outcome.word == "failed"
    assert outcome.line.n == 256
    assert outcome.line.control == pytest.approx(0.25)
    order = share.argsort(descending=True)[:6]
    assert [each.row for each in outcome.rows] == outcome.line.rows[order].tolist()


def test_all_methods_must_agree(data):
    subject = of(scorer(income=1.0, age=0.02), data)
    agree = only(subject, expect.AttributionShare("age", 0.1, methods=("input_x_gradient", "occlusion")))
    assert agree.word == "passed"
    assert [line.label for line in agree.lines] != []
    # saliency knows nothing of the sizes of inputs, a constant slope of 0.02 is its share in every row
    told = only(subject, expect.AttributionShare("age", 0.01, methods=("saliency", "input_x_gradient")))
    assert {line.label: line.word for line in told.lines}["saliency"] == "failed"
    assert told.word == "failed"


def test_a_method_that_does_not_fit_is_not_run_and_counts(subject):
    outcome = only(subject, expect.AttributionShare("age", 0.1, methods=("grad_cam", "saliency")))
    assert outcome.word == "not run"
    assert outcome.broken
    assert {line.label: line.word for line in outcome.lines} == {"grad_cam": "not run", "saliency": "passed"}


def test_several_columns_count_together(data):
    subject = of(scorer(income=1.0, age=1.0), data)
    both = expect.Part(columns=("income", "age"))
    assert only(subject, expect.AttributionShare(both, 1.0, methods=GRADIENT)).line.value == pytest.approx(
        1.0
    )


@pytest.mark.parametrize(("weight", "share"), [(0.0, 0.0), (50.0, 1.0)])
def test_swapping_what_decides_changes_all_and_what_does_not_nothing(data, weight, share):
    net = scorer(income=0.1, sex=weight)
    net.bias.data[0] = weight / 2
    outcome = only(of(net, data), expect.Swap("sex", 0.01))
    assert outcome.line.value == pytest.approx(share)
    ends = (outcome.line.low, outcome.line.high)
    assert ends == pytest.approx(wilson(share * outcome.line.n, outcome.line.n))


def test_zero_of_too_few_rows_is_undecided(data):
    few = data.rows(torch.arange(100))
    assert only(of(scorer(), few), expect.Swap("sex", 0.01)).word == "undecided"
    # 0 is the end of the scale: judged on the rows
    outcome = only(of(scorer(), few), expect.Swap("sex", 0.0))
    assert outcome.word == "passed"
    assert "judged on the rows" in outcome.note


def test_a_rare_value_is_not_excused_by_being_rare():
    rare = people(rare=0.02)
    net = scorer(income=0.1, sex=50.0)
    net.bias.data[0] = 25.0
    assert only(of(net, rare), expect.Swap("sex", 0.01)).line.value == pytest.approx(1.0)


def test_donors_differ_and_come_with_equal_chances():
    x = torch.tensor([[0.0], [0.0], [1.0], [2.0]])
    mask = torch.tensor([[True]])
    draw = torch.Generator().manual_seed(0)
    seen = torch.stack([_elsewhere(x, mask, draw)[:, 0] for _ in range(4000)])
    assert not bool((seen == x[:, 0]).any())
    shares = [(seen[:, 2] == value).double().mean().item() for value in (0.0, 2.0)]
    assert shares == pytest.approx([2 / 3, 1 / 3], abs=0.03)
    assert (seen[:, 0] == 1).double().mean().item() == pytest.approx(0.5, abs=0.03)


def test_a_column_that_never_varies_cannot_be_swapped():
    outcome = only(of(scorer(), people(rare=0.0)), expect.Swap("sex", 0.01))
    assert outcome.word == "not run"
    assert "alike" in outcome.line.note


def test_swapped_rows_say_what_was_swapped(data):
    net = scorer(income=0.1, sex=50.0)
    net.bias.data[0] = 25.0
    outcome = only(of(net, data), expect.Swap("sex", 0.01))
    assert "sex: f → m; no → yes" in " ".join(each.said for each in outcome.rows)


class Bent(nn.Module):
    """Log-odds of yes: rises with income to +1 standard deviation, then falls in the rows of sex m."""

    def forward(self, x):
        income = x[:, 0]
        score = torch.where(x[:, 4] > 0, 1 - (income - 1).abs(), income)
        return torch.stack([torch.zeros_like(score), score], 1)


def test_monotone_counts_exactly_the_rows_that_turn(data):
    subject = of(Bent(), data)
    outcome = only(subject, expect.Monotone("income", "up", of="yes"))
    sex = data.inputs[outcome.line.rows, 4]
    assert outcome.line.each.tolist() == sex.tolist()
    assert outcome.word == "failed"
    assert all(data.inputs[each.row, 4] == 1 for each in outcome.rows)
    assert "income from 5" in outcome.rows[0].said or "income from 6" in outcome.rows[0].said
    assert only(subject, expect.Monotone("income", "up", of="yes", between=(10.0, 59.0))).word == "passed"
    assert only(subject, expect.Monotone("income", "up", of="yes", tolerance=0.9)).word == "passed"
    assert only(subject, expect.Monotone("income", "down", of="yes")).line.value == 1.0
    # what raises one class lowers the other
    assert only(subject, expect.Monotone("income", "down", of="no")).line.value == outcome.line.value


def test_a_linear_network_is_monotone_with_missing_values_too(data):
    subject = of(scorer(debt=-2.0), data)
    assert only(subject, expect.Monotone("debt", "down")).word == "passed"
    assert only(subject, expect.Monotone("debt", "up")).line.value == 1.0


def test_levels_have_no_order(subject):
    with pytest.raises(InputError, match="no order"):
        only(subject, expect.Monotone("sex", "up"))


def test_regression_says_what_counts_as_a_change(data):
    numbers = Dataset("n", data.inputs, data.inputs[:, 0].clone(), data.spec, (), data.parts, unit="k")
    net = nn.Linear(6, 1)
    net.weight.data = torch.tensor([[1.0, 0, 0, 0, 5.0, 0]])
    subject = pellucid.open(net, data=numbers)
    with pytest.raises(InputError, match="more_than"):
        only(subject, expect.Swap("sex", 0.01))
    assert only(subject, expect.Swap("sex", 0.01, more_than=4.9)).line.value == 1.0
    assert only(subject, expect.Swap("sex", 0.01, more_than=5.1)).line.value == 0.0
    assert only(subject, expect.Monotone("income", "up")).word == "passed"


def test_regions_and_borders_of_pictures():
    subject = pellucid.open(Corner(), data=pictures())
    region = expect.Part(region=(0, 0, 2, 2))
    asked = [
        expect.AttributionShare(region, 0.5, methods=GRADIENT, name="corner"),
        expect.AttributionShare(expect.Part(region=(2, 2, 6, 6)), 0.01, methods=GRADIENT, name="rest"),
        expect.AttributionShare(expect.Part(border=1), 0.5, methods=GRADIENT, name="border"),
        expect.Swap(region, 0.3, name="swap corner"),
        expect.Swap(expect.Part(region=(2, 2, 6, 6)), 0.04, name="swap rest"),
    ]
    words = {each.name: (each.word, each.line.value) for each in pellucid.check(subject, asked).outcomes}
    assert words["corner"] == ("failed", 1.0)
    assert words["rest"] == ("passed", 0.0)
    assert words["border"] == ("failed", 1.0)
    assert words["swap corner"][0] == "failed"
    assert words["swap rest"] == ("passed", 0.0)
    with pytest.raises(InputError, match="names no part of pictures"):
        only(subject, expect.Swap("corner", 0.1))
    with pytest.raises(InputError, match="all of a picture"):
        only(subject, expect.Swap(expect.Part(border=3), 0.1))


def test_rows_of_pictures_are_drawn_beside_what_was_asked():
    subject = pellucid.open(Corner(), data=pictures())
    outcome = only(subject, expect.Swap(expect.Part(region=(0, 0, 2, 2)), 0.3))
    first = outcome.rows[0]
    assert not torch.equal(first.x[:, :2, :2], first.other[:, :2, :2])
    assert torch.equal(first.x[:, 2:], first.other[:, 2:])
    drawn = [line for line in check_text(outcome).splitlines() if " → " in line and "row" not in line]
    (both,) = drawn
    left, right = both.strip("\n")[4:].split(" → ")
    assert len(left) == len(right) == 6
    html = check_html(pellucid.check(subject, [expect.Swap(expect.Part(region=(0, 0, 2, 2)), 0.3)]))
    assert html.count("Asked instead") == len(outcome.rows)


class Says(nn.Module):
    """Yes where the word number 2 stands anywhere."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(6, 1)
        self.embedding.weight.data = torch.tensor([[0.0], [0.0], [9.0], [0.1], [0.1], [0.1]])

    def forward(self, x):
        score = self.embedding(x).sum((1, 2)) - 4
        return torch.stack([torch.zeros_like(score), score], 1)


def test_words_of_texts():
    tokenizer = WordTokenizer(("<pad>", "<unk>", "good", "a", "film", "the"))
    spec = TextSpec(tokenizer=tokenizer, length=4)
    texts = ["Good film", "a film", "the good film", "the film a"] * 10
    x = spec.encode(texts)
    y = torch.tensor([1, 0, 1, 0] * 10)
    data = Dataset("films", x, y, spec, ("bad", "good"), torch.full((40,), 2, dtype=torch.int8))
    subject = pellucid.open(Says(), data=data)
    share = only(subject, expect.AttributionShare("good", 0.1, methods=GRADIENT))
    assert share.line.n == 20
    assert share.line.value > 0.95
    swap = only(subject, expect.Swap("Good", 0.1))
    assert (swap.line.value, swap.line.n) == (1.0, 20)
    # each row that fails can be read, and what was asked in its place
    told = check_text(swap)
    assert "    “good film" in told
    assert "    → “" in told
    with pytest.raises(InputError, match=r"'god' occurs in no text.*Did you mean good"):
        only(subject, expect.Swap("god", 0.1))


def test_bands_and_times_of_sounds():
    spec = AudioSpec(
        rate=1000, front="spectrogram", frequencies=tuple(float(f) for f in range(50, 450, 100)), hop=10
    )
    x = torch.zeros(2, 1, 4, 5)
    band = expect.Part(band=(0, 150)).mask(x, spec)[0, 0]
    assert band.any(1).tolist() == [True, True, False, False]
    time = expect.Part(time=(0.01, 0.03)).mask(x, spec)[0, 0]
    assert time.any(0).tolist() == [False, True, True, False, False]
    with pytest.raises(InputError, match="reach from"):
        expect.Part(band=(800, 900)).mask(x, spec)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "got none"),
        ({"column": "a", "border": 1}, "column and border"),
        ({"region": (1, 2)}, "takes 4 numbers"),
    ],
)
def test_a_part_is_one_thing(given, words):
    with pytest.raises(InputError, match=words):
        expect.Part(**given)


def test_the_network_is_handed_back_as_it_came(data):
    net = scorer().train()
    before = [p.clone() for p in net.parameters()]
    torch.manual_seed(7)
    state = torch.get_rng_state()
    asked = [expect.Swap("sex", 0.1), expect.Monotone("age", "up"), expect.AttributionShare("age", 0.1)]
    pellucid.check(of(net, data), asked)
    assert net.training
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert all(p.grad is None for p in net.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_the_answer_does_not_depend_on_the_batch(data):
    from pellucid import Compute

    asked = [expect.Swap("sex", 0.1), expect.Monotone("age", "up"), expect.AttributionShare("age", 0.1)]
    subject = of(scorer(age=0.5, sex=0.3), data)
    small, large = (pellucid.check(subject, asked, compute=Compute(batch_size=b)) for b in (7, 512))
    for a, b in zip(small.outcomes, large.outcomes, strict=True):
        assert a.line.value == pytest.approx(b.line.value, abs=1e-6)
