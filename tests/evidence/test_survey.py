import pytest
import torch
from torch import nn

from pellucid._core import Question, load, log_odds, save, wilson
from pellucid.attribution import input_x_gradient, integrated_gradients, saliency
from pellucid.errors import InputError
from pellucid.evidence import MethodEvidence, Pair, cards, responses, survey
from pellucid.evidence._survey import _reason, evidence_of
from pellucid.inputs import ImageSpec


def rows(n=40, width=12, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def steps(model, inputs, target, *, spec=None, compute=None):
    return integrated_gradients(model, inputs, target, spec=spec, steps=8, compute=compute)


def size(model, inputs, target, *, spec=None, compute=None):
    return saliency(model, inputs, target, absolute=True, spec=spec, compute=compute)


def noise(model, inputs, target, *, spec=None, compute=None):
    q = Question(model, inputs, target, spec=spec, compute=compute)
    return q.answer("noise", rows(q.rows, 12, seed=9), {})


def test_the_exact_method_is_best_and_noise_is_not_supported(linear):
    table = survey(linear, rows(), 2, {"noise": noise, "exact": steps})
    assert table.best == "exact"
    assert [row.method for row in table.methods] == ["exact", "noise", "|x - b|"]
    exact, other, free = table.methods
    assert (exact.share, exact.median) == (1.0, pytest.approx(1, abs=1e-5))
    assert exact.low == pytest.approx(0.912, abs=1e-3)
    assert (exact.high, int(exact.supported.sum())) == (1.0, 40)
    assert other.share <= 0.1
    assert (free.share, free.model_free, free.p_training) == (0.0, True, 1.0)
    assert (table.n, table.tested, table.masks, table.target) == (40, 40, 64, "logit(2)")
    assert table.rows <= 64 + 2 + exact.rows + other.rows + 1
    assert (
        "exact is supported on 40 of 40 inputs (100\u00a0%, 95 % interval 91\u00a0% to 100\u00a0%)"
        in table.reason
    )


def test_rows_that_stand_out_and_are_too_few_to_be_chosen_widen_the_interval(linear):
    seen = responses(linear, rows(32), 2)
    p = torch.full((32,), 0.4)
    p[:8] = 1 / 32  # the least that 31 other inputs allow
    value = torch.zeros(32)
    few = evidence_of("a", value, p, seen, 0.1, None, 0)
    assert (int(few.supported.sum()), few.share, few.low) == (0, 0.0, 0.0)
    assert few.high == pytest.approx(wilson(8, 32)[1])
    p[8] = 1 / 32
    enough = evidence_of("a", value, p, seen, 0.1, None, 0)
    assert (int(enough.supported.sum()), enough.high) == (9, pytest.approx(wilson(9, 32)[1]))
    none = evidence_of("a", value, torch.full((32,), 0.4), seen, 0.1, None, 0)
    assert none.high == pytest.approx(wilson(0, 32)[1])


def test_pairs_are_differences_on_the_same_inputs(linear):
    table = survey(linear, rows(), 2, {"noise": noise, "exact": steps})
    by = {row.method: row for row in table.methods}
    assert {(pair.first, pair.second) for pair in table.pairs} == {
        ("exact", "noise"),
        ("exact", "|x - b|"),
        ("noise", "|x - b|"),
    }
    for pair in table.pairs:
        apart = by[pair.first].agreement - by[pair.second].agreement
        assert pair.difference == pytest.approx(float(apart.mean()), abs=1e-6)
        assert pair.low <= pair.difference <= pair.high
        assert pair.p <= pair.p_holm <= 1
    assert table.pairs[0].p == pytest.approx(1e-4)
    assert table.pairs[0].p_holm == pytest.approx(3e-4)


def test_untrained_copies_rank_the_mean_agreement(linear):
    table = survey(linear, rows(), 2, {"exact": steps, "noise": noise}, twins=4)
    by = {row.method: row for row in table.methods}
    assert by["exact"].p_training == pytest.approx(1 / 5)
    assert by["noise"].p_training == 1.0
    assert by["exact"].rows > 4 * 8


def test_nothing_supported_is_said_plainly(linear):
    table = survey(linear, rows(24), 2, {"noise": noise})
    assert table.methods[0].share == 0
    assert table.best == "noise"
    assert "No method is supported on any of 24 inputs" in table.reason


def test_inputs_that_no_mask_moves_are_counted_and_left_out():
    net = nn.Sequential(nn.Linear(12, 1), nn.ReLU())
    net[0].weight.data.fill_(1.0)
    net[0].bias.data.fill_(0.0)
    x = rows(60).abs()
    x[:15] = -9.0 + rows(15, seed=4) * 0.1
    table = survey(net, x, None, {"exact": steps})
    assert (table.n, table.tested, table.target) == (60, 45, "logit(0)")
    assert not bool(table.methods[0].supported[:15].any())


def test_the_default_target_is_the_log_odds_of_the_predicted_class(linear):
    x = rows(24)
    told = survey(linear, x, None, {"exact": steps})
    given = survey(linear, x, log_odds(linear(x).argmax(1)), {"exact": steps})
    assert torch.equal(told.methods[0].agreement, given.methods[0].agreement)


def test_wrong_calls_are_refused(linear):
    with pytest.raises(InputError, match="20 inputs, got 1 and 5"):
        survey(linear, rows(5), 2, {"exact": steps})
    with pytest.raises(InputError, match="at least one method"):
        survey(linear, rows(), 2, {})
    with pytest.raises(InputError, match="many of these are equal"):
        survey(linear, rows(1).repeat(30, 1), 2, {"exact": steps})


def test_methods_on_digits(digits):
    spec = ImageSpec(size=(16, 16))
    methods = {"size": size, "steps": steps, "product": input_x_gradient}
    table = survey(digits.net, digits.x[:60], None, methods, spec=spec)
    assert table.best == "steps"
    assert [row.method for row in table.methods] == ["steps", "product", "size", "|x - b|", "edges"]
    assert table.methods[0].share >= 0.9
    assert table.methods[2].share <= 0.3
    assert table.fill == "what the spec calls absent (zero)"


def test_a_survey_can_be_stored(linear, tmp_path):
    table = survey(linear, rows(24), 2, {"exact": steps})
    again = load(save(table, tmp_path / "survey.safetensors"))
    assert (again.best, again.reason, again.pairs) == (table.best, table.reason, table.pairs)
    assert torch.equal(again.methods[0].p, table.methods[0].p)


def test_the_next_best_is_called_higher_where_it_is():
    pair = Pair("a", "b", -0.03, -0.05, -0.01, 0.003, 0.0035)
    row = MethodEvidence(
        "a", False, torch.ones(4) > 0, 1, 0.5, 1, torch.ones(4), 0.8, torch.zeros(4), None, 1
    )
    assert "; next is b, 0.03 higher on average (p = 0.0035)." in _reason([row], [pair], 4)


def test_a_table_of_few_columns_is_surveyed_and_says_what_its_cards_will():
    """Five columns have 10 different masks of a quarter: together they tell, one row alone is not tested."""
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    net = nn.Linear(5, 2)
    found = survey(net, x, 1, {"input_x_gradient": input_x_gradient})
    few = responses(net, x, 1).bank.different
    assert few < 32
    assert f"for 40 of 40 only {few} different masks exist" in found.reason
    why = input_x_gradient(net, x[:1], 1)
    (card,) = cards(net, why, input_x_gradient, target=1, others=x[1:])
    assert card.verdict == "not testable"
    assert f"only {few} different masks exist" in card.reason
    wide = torch.randn(40, 12, generator=torch.Generator().manual_seed(0))
    assert "alone" not in survey(nn.Linear(12, 2), wide, 1, {"input_x_gradient": input_x_gradient}).reason
