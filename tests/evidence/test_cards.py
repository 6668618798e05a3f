import dataclasses
import re

import pytest
import torch
from torch import nn

from pellucid._core import Compute, Question, load, log_odds, logit, margin, probability, save, top, unit
from pellucid.attribution import grad_cam, input_x_gradient, integrated_gradients, saliency, smoothgrad
from pellucid.errors import InputError, TargetError
from pellucid.evidence import cards, responses
from pellucid.evidence._case import Pool
from pellucid.evidence._matters import examined, fill_checks
from pellucid.inputs import Column, ImageSpec, TabularSpec

QUESTIONS = (
    "Does it matter to the model?",
    "Does it beat a map made without the model?",
    "Is it about this model?",
    "Is it about this class?",
    "Is it stable?",
    "Does it add up?",
)


def rows(n=40, width=12, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def steps(model, inputs, target, *, spec=None, compute=None):
    return integrated_gradients(model, inputs, target, spec=spec, steps=8, compute=compute)


def made_of(values):
    """A method that gives these maps whatever it is asked, row after row."""

    def method(model, inputs, target, *, spec=None, compute=None):
        q = Question(model, inputs, target, spec=spec, compute=compute)
        index = torch.arange(q.rows) % len(values)
        return q.answer("made", values[index], {})

    return method


def words(card):
    return tuple(check.word for check in card.checks)


def test_the_exact_map_of_a_linear_network_passes_every_gate(linear):
    x = rows()
    found = cards(linear, steps(linear, x, 2), steps)
    assert len(found) == 40
    for card in found[:10]:
        matters, beats, trained, classed, stable, adds = card.checks
        assert tuple(check.question for check in card.checks) == QUESTIONS
        assert (matters.word, adds.word, stable.word) == ("passed", "passed", "passed")
        assert matters.value == pytest.approx(1, abs=1e-5)
        assert matters.low == pytest.approx(1, abs=1e-4)
        assert matters.p == pytest.approx(1 / 40)
        assert matters.n == 64
        assert adds.value == pytest.approx(0, abs=1e-4)
        assert adds.better == "low"
        rival = re.fullmatch(r"as good as .+ \(agreement (-?\d\.\d\d)\)", beats.control_name)
        assert beats.value == pytest.approx(1 - float(rival[1]), abs=0.006)
        assert beats.control == 0  # the margin of a map over itself
        assert trained.n == 2
        assert classed.word in ("passed", "failed")
    assert {"supported"} <= {card.verdict for card in found} <= {"supported", "partly supported"}
    assert found[0].fill == "zeros"


def test_a_one_gradient_method_costs_at_most_80_rows(linear):
    seen = []
    linear.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    x = rows()
    why = input_x_gradient(linear, x, 2)
    seen.clear()
    (card, *_) = cards(linear, why, input_x_gradient)
    # hooks are copied with the twins, so this counts every row of every copy
    assert card.rows * 40 == pytest.approx(sum(seen), abs=40)
    assert sum(seen) / 40 <= 80
    assert card.rows <= 80


def test_the_network_and_the_random_state_stay_as_they_were(linear):
    linear.train()
    state = {name: value.clone() for name, value in linear.state_dict().items()}
    before = torch.get_rng_state()
    cards(linear, steps(linear, rows(), 2), steps)
    assert linear.training
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(state[name], value) for name, value in linear.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in linear.parameters())


def test_cards_do_not_depend_on_the_batch_size(linear):
    x = rows()
    few, many = (
        cards(linear, steps(linear, x, 2), steps, compute=Compute(batch_size=size)) for size in (7, 1000)
    )
    for a, b in zip(few, many, strict=True):
        assert (a.verdict, words(a)) == (b.verdict, words(b))
        for left, right in zip(a.checks, b.checks, strict=True):
            assert left.value == pytest.approx(right.value, abs=1e-4)
            assert left.p == right.p


def test_one_row_needs_the_maps_of_others(linear):
    x = rows()
    alone = cards(linear, steps(linear, x[:1], 2), steps)[0]
    assert alone.verdict == "partly supported"
    assert alone.checks[0].word == "mixed"
    assert "at least 19 others" in alone.reason
    # the row itself is among the others, and is left out
    among = cards(linear, steps(linear, x[:1], 2), steps, others=x)[0]
    assert among.checks[0].word == "passed"
    # 39 maps of others, and 19 of untrained copies
    assert among.checks[0].p == pytest.approx(1 / 20)
    assert among.rows > alone.rows + 39 * 8


def test_19_others_just_suffice_for_five_percent(linear):
    x = rows(20)
    card = cards(linear, steps(linear, x[:1], 2), steps, others=x[1:])[0]
    assert (card.checks[0].p, card.checks[0].word) == (0.05, "passed")
    card = cards(linear, steps(linear, x[:1], 2), steps, others=x[1:19])[0]
    assert card.checks[0].word == "mixed"


def test_a_constant_map_is_not_testable(linear):
    x = rows()
    method = made_of(torch.full((40, 12), 0.1))
    card = cards(linear, method(linear, x, 2), method)[0]
    assert card.verdict == "not testable"
    assert card.reason == "Not testable: the map is the same number everywhere."
    assert words(card) == ("not run",) * 6
    assert all(check.value is None for check in card.checks)


def test_a_still_score_is_not_testable():
    net = nn.Sequential(nn.Linear(12, 1), nn.ReLU())
    net[0].weight.data.fill_(0.01)
    net[0].bias.data.fill_(-50.0)
    x = rows()
    method = made_of(x)
    card = cards(net, method(net, x, 0), method)[0]
    assert card.verdict == "not testable"
    assert "no mask changes the score" in card.reason
    assert card.checks[4].word == "passed"


def test_too_few_columns_are_not_testable():
    net, x = nn.Linear(6, 2), rows(30, 6)
    card = cards(net, steps(net, x, 0), steps)[0]
    assert card.verdict == "not testable"
    assert "only 20 different masks exist" in card.reason


def test_hidden_activations_are_not_testable_by_removing_inputs():
    net, x = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 2)), rows(30)
    card = cards(net, saliency(net, x, 0, at="1"), saliency)[0]
    assert (card.verdict, card.rows) == ("not testable", 0)
    assert "'1'" in card.reason


def test_the_opposite_map_is_contradicted(linear):
    x = rows()
    method = made_of(-x * linear.weight[2].detach())
    card = cards(linear, method(linear, x, 2), method)[0]
    assert card.verdict == "contradicted"
    assert card.checks[0].word == "failed"
    assert card.checks[0].value == pytest.approx(-1, abs=1e-5)
    assert "opposite" in card.reason


def test_a_random_map_is_not_supported(linear):
    x, drawn = rows(), rows(seed=11)

    def method(model, inputs, target, *, spec=None, compute=None):
        # untrained copies share the rows, so a map must go with its row and not with its place
        q = Question(model, inputs, target, spec=spec, compute=compute)
        return q.answer("drawn", drawn[torch.cdist(inputs, x).argmin(1)], {})

    found = cards(linear, method(linear, x, 2), method)
    assert sum(card.verdict == "supported" for card in found) <= 2
    assert sum(card.verdict == "not supported" for card in found) >= 30
    # these maps are the same for an untrained copy and for any class
    assert found[0].checks[2].value == pytest.approx(0, abs=1e-6)
    assert (found[0].checks[2].word, found[0].checks[3].word) == ("failed", "failed")


def test_19_untrained_copies_become_a_null_of_the_test(linear):
    x = rows()
    made = made_of(x * linear.weight[2].detach())
    two, many = (cards(linear, made(linear, x, 2), made, twins=count) for count in (2, 19))
    assert "untrained" not in two[0].checks[0].test
    assert "untrained" in many[0].checks[0].test
    # the same map on every copy: as good as the best of them
    assert many[0].checks[0].p == 1.0
    assert many[0].verdict == "not supported"


def test_a_second_fill_of_another_sign_contradicts(linear):
    x = rows()
    # the mean of the others is three times the row itself: what helps helps even more when it is replaced
    others = 3 * x[:1].repeat(2, 1)
    (near,) = cards(linear, steps(linear, x[:1], 2), steps, others=others, fills=("own", "mean"))
    check = next(c for c in near.checks if c.question == "Does it hold for another kind of absence?")
    assert (check.word, near.verdict) == ("failed", "contradicted")
    assert check.value == pytest.approx(-1, abs=1e-4)
    assert check.control == pytest.approx(1, abs=1e-4)
    assert near.checks[0].rows == check.rows == 64


def test_a_second_fill_that_agrees_passes(linear):
    x = rows()
    card = cards(linear, steps(linear, x, 2), steps, fills=("own", "zero"))[0]
    check = card.checks[2]
    assert (check.word, check.value) == ("passed", pytest.approx(1, abs=1e-4))


def test_the_baseline_of_the_method_is_the_first_fill(linear):
    x = rows()

    def method(model, inputs, target, *, spec=None, compute=None):
        return integrated_gradients(model, inputs, target, baseline=2.0, steps=8, spec=spec, compute=compute)

    card = cards(linear, method(linear, x, 2), method)[0]
    assert card.fill == "the method's own baseline"
    assert card.checks[0].value == pytest.approx(1, abs=1e-5)


def test_a_network_without_parameters_has_no_untrained_copy():
    class Fixed(nn.Module):
        def forward(self, x):
            return torch.stack([(x * torch.arange(12.0)).sum(1), x.sum(1)], 1)

    x = rows()
    card = cards(Fixed(), steps(Fixed(), x, 0), steps)[0]
    assert card.checks[2].word == "not run"
    assert "no parameters" in card.checks[2].note
    assert "training was not tested" in card.reason


def test_regression_has_no_next_class():
    net, x = nn.Linear(12, 1), rows()
    found = cards(net, steps(net, x, 0), steps)
    assert {card.checks[3].word for card in found} == {"not run"}
    assert "supported" in {card.verdict for card in found}


def test_completeness_is_relative_and_only_where_promised(linear):
    x = rows()
    assert cards(linear, input_x_gradient(linear, x, 2), input_x_gradient)[0].checks[5].word == "not run"
    why = steps(linear, x, 2)
    change = why.scores - why.reference
    off = dataclasses.replace(why, gap=0.5 * change)
    check = cards(linear, off, steps)[0].checks[5]
    assert (check.word, check.value) == ("failed", pytest.approx(0.5, abs=1e-5))


def test_noise_that_changes_the_class_is_left_out():
    class Edge(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.arange(1.0, 13))

        def forward(self, x):
            score = (x * self.weight).sum(1)
            return torch.stack([score, -score], 1) * 1e3

    net = Edge()
    x = rows()
    x = x - (x @ net.weight.detach() / net.weight.detach().square().sum())[:, None] * net.weight.detach()
    x = x + 1e-3
    found = cards(net, steps(net, x, 0), steps)
    checks = [card.checks[4] for card in found]
    assert any(c.n < 4 and f"{4 - c.n} of 4 noises changed the class" in c.note for c in checks)


def test_categories_are_not_moved_by_noise():
    columns = (*(Column(f"n{k}") for k in range(10)), Column("colour", levels=("red", "green", "blue")))
    spec = TabularSpec(columns)
    x = torch.cat([rows(40, 10), torch.eye(3)[torch.arange(40) % 3]], 1)
    net = nn.Linear(13, 2)
    why = steps(net, x, 0, spec=spec)
    calls = []

    def method(model, inputs, target, *, spec=None, compute=None):
        calls.append(inputs)
        return steps(model, inputs, target, spec=spec, compute=compute)

    cards(net, why, method, others=x)
    noisy = next(inputs for inputs in calls if len(inputs) == 160)
    assert torch.equal(noisy[:, 10:], x.repeat(4, 1)[:, 10:])
    assert noisy[:40, :10].sub(x[:, :10]).std() == pytest.approx(0.05, rel=0.6)


def test_sampling_methods_show_their_seed_to_seed_floor():
    net, x = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 2)), rows(24)

    def method(model, inputs, target, *, spec=None, compute=None):
        return smoothgrad(model, inputs, target, samples=4, noise=2.0, spec=spec, compute=compute)

    card = cards(net, method(net, x, 0), method)[0]
    assert "Another seed alone gives" in card.checks[4].note


@pytest.mark.parametrize(
    "target",
    [2, logit(2), log_odds(2), probability(2), margin(2, 0), top(), torch.arange(24) % 3],
    ids=["int", "logit", "log-odds", "probability", "margin", "top", "each"],
)
def test_targets_are_asked_again_by_their_name(linear, target):
    x = rows(24)
    told = cards(linear, steps(linear, x, target), steps)
    given = cards(linear, steps(linear, x, target), steps, target=target)
    assert [c.checks for c in told] == [c.checks for c in given]


def test_other_targets_must_be_given():
    net, x = nn.Sequential(nn.Linear(12, 8), nn.Linear(8, 2)), rows(24)
    for target in (unit("0", 3), lambda output, rows: output[:, 0] - 2 * output[:, 1]):
        why = steps(net, x, target)
        with pytest.raises(TargetError, match="Give the same target="):
            cards(net, why, steps)
        card = cards(net, why, steps, target=target)[0]
        assert card.checks[0].value == pytest.approx(1, abs=1e-4)
        assert card.checks[3].word == "not run"


def test_another_network_is_refused(linear):
    why = steps(linear, rows(), 2)
    linear.weight.data += 0.5
    with pytest.raises(InputError, match="another network"):
        cards(linear, why, steps)


def test_wrong_others_and_responses_are_refused(linear):
    x = rows(24)
    why = steps(linear, x, 2)
    with pytest.raises(InputError, match="others"):
        cards(linear, why, steps, others=rows(3, 5))
    with pytest.raises(InputError, match="24 rows"):
        cards(linear, why, steps, seen=responses(linear, x[:3], 2))


def test_responses_can_be_shared_between_methods(linear):
    x = rows()
    seen = responses(linear, x, 2)
    shared = cards(linear, steps(linear, x, 2), steps, seen=seen)
    fresh = cards(linear, steps(linear, x, 2), steps)
    assert [c.checks for c in shared] == [c.checks for c in fresh]


def test_cards_of_digits_say_what_is_known_of_the_methods(digits):
    spec, x, asked = ImageSpec(size=(16, 16)), digits.x[:40], log_odds(digits.classes[:40])
    found = {
        method: cards(digits.net, method(digits.net, x, asked, spec=spec), method)
        for method in (steps, saliency_size, grad_cam)
    }
    share = {m: sum(c.verdict == "supported" for c in found[m]) / 40 for m in found}
    assert share[steps] >= 0.8
    assert share[saliency_size] <= 0.2
    assert share[grad_cam] <= 0.2
    assert all(card.fill == "what the spec calls absent (zero)" for card in found[steps])
    # the size of the gradient hardly depends on the class
    assert sum(card.checks[3].word == "failed" for card in found[saliency_size]) >= 5


def saliency_size(model, inputs, target, *, spec=None, compute=None):
    return saliency(model, inputs, target, absolute=True, spec=spec, compute=compute)


def test_cards_can_be_stored(linear, tmp_path):
    made = cards(linear, steps(linear, rows(24), 2), steps)
    assert load(save(made, tmp_path / "cards.safetensors")) == made


def test_another_sign_near_zero_is_no_contradiction(linear):
    x = rows()
    generator = torch.Generator().manual_seed(8)
    # under the second fill the network answers with noise of its own: agreement is of either sign by chance
    fixed = {fill: torch.randn(len(x), 12, generator=generator) for fill in ("a", "b")}

    def check(own, other):
        seen = [responses(linear, x, 2, fill=one) for one in (own, other)]
        units = seen[0].bank.reduce(x * linear.weight[2].detach())
        pool = Pool(units, ~torch.eye(len(x), dtype=torch.bool), 0)
        first, second = (examined(one, units, pool, None, draws=199, seed=0) for one in seen)
        return fill_checks(first, second, [""] * len(x))

    far = check(torch.zeros_like(x), x + 5 * fixed["a"])
    opposed = [c for c in far if c.value * c.control < 0]
    assert len(opposed) > 5
    assert sum(c.word == "failed" for c in opposed) <= len(opposed) // 4
    exact = check(torch.zeros_like(x), 2 * x)
    assert all(c.word == "failed" for c in exact)
