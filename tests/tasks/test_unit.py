"""One unit, or one element of a dictionary, as a page."""

import dataclasses

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

import pellucid
from layers.nets import conv, trained
from pellucid import figures, tasks
from pellucid._core import load, predict, save, untrained
from pellucid._core._units import by_unit
from pellucid.errors import InputError, MethodError, TargetError
from pellucid.evidence import unit_matters
from pellucid.inputs import ImageSpec
from pellucid.layers import exemplars, matrix_factorisation, unit_effects, with_elements
from pellucid.report import unit_page
from pellucid.report._unit_page import _lede


@pytest.fixture(scope="module")
def subject():
    x = torch.rand(260, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0, :4].mean((1, 2)) > x[:, 0, 4:].mean((1, 2))).long()
    net = trained(conv(), x, y, 80)
    net[4] = nn.Linear(64, 2)
    data = (x, y)
    return pellucid.open(trained(net, x, y, 40), data=data, spec=ImageSpec(), classes=["below", "above"])


@pytest.fixture(scope="module")
def page(subject):
    return pellucid.unit_of(subject, "1", 2, steps=8)


def activation(subject, page, site="1"):
    seen = []
    module = subject.model.get_submodule(site)
    handle = module.register_forward_hook(lambda _, __, out: seen.append(by_unit(subject.model, out, site)))
    with torch.no_grad():
        subject.model(page.real.inputs)
    handle.remove()
    return seen[0].amax(2)


def test_every_part_is_what_a_slow_loop_finds(subject, page):
    values = activation(subject, page)
    assert torch.allclose(page.values.values[:, 0], values[:, 2])
    assert page.strongest.rows[0].tolist() == values[:, 2].argsort(descending=True)[:10].tolist()
    for i, k in enumerate(page.areas.classes.tolist()):
        area = roc_auc_score((page.groups == k).numpy(), values[:, 2].numpy())
        assert float(page.areas.auc[i]) == pytest.approx(area, abs=1e-9)
        assert page.areas.low[i] <= page.areas.auc[i] <= page.areas.high[i]
    r = torch.corrcoef(values.T)[2].abs()
    r[2] = 0
    assert page.together.partners[2, 0] == r.argmax()
    assert page.effects.units[0] == 2
    assert len(page.effects.units) == 4
    assert page.matters == unit_matters(page.effects)
    assert page.matters.control == pytest.approx(float(page.effects.margin[1:].median()))


def test_the_first_line_claims_no_class_that_chance_would_tell_too(page, tmp_path):
    for low, said in ((0.6, "best (AUC"), (0.4, "It tells no class for certain (AUC")):
        areas = dataclasses.replace(page.areas, low=torch.full_like(page.areas.low, low))
        html = unit_page(
            dataclasses.replace(page, areas=areas), tmp_path / "unit.html", name="net"
        ).read_text()
        assert said in html


def test_the_first_line_does_not_contradict_the_card_nor_the_control(page):
    def lede(**parts):
        return _lede(dataclasses.replace(page, **parts))

    flat = torch.zeros_like(page.effects.drop)
    still = dataclasses.replace(page.effects, drop=flat, low=flat - 0.1, high=flat + 0.1)
    passed = dataclasses.replace(page.matters, word="passed", value=1.5)
    said = lede(effects=still, matters=passed)
    assert "No loss of accuracy" in said
    assert "but the right answer's lead falls by 1.50 units of score" in said
    harmful = dataclasses.replace(still, drop=flat - 0.04, low=flat - 0.08, high=flat - 0.01)
    assert "Without it accuracy rises by 4\xa0% (loss −8\xa0% to −1\xa0%)." in lede(effects=harmful)
    failed = dataclasses.replace(passed, word="failed")
    assert "lead falls" not in lede(effects=still, matters=failed)
    sure = dataclasses.replace(page.areas, low=torch.full_like(page.areas.low, 0.6))
    for before, worse in ((0.7, True), (0.55, False)):
        control = dataclasses.replace(sure, auc=torch.full_like(sure.auc, before))
        said = lede(areas=sure, untrained_areas=control)
        assert ("not clearly better than the untrained copy" in said) == worse


def test_a_page_says_what_the_words_on_it_mean_and_no_others(page, tmp_path):
    html = unit_page(page, tmp_path / "unit.html").read_text()
    words = html[html.index('id="glossary"') :]
    assert "<dt>AUC</dt>" in words
    assert "<dt>untrained copy</dt>" in words
    assert "<dt>fidelity</dt>" not in words
    assert '<a href="#glossary">' in html


def test_the_page_shows_it_beside_its_controls(page, tmp_path):
    titles = [each.title for each in page.figures()]
    assert titles[0] == "Real inputs of unit 2 of 1"
    assert "What it sees of an input" in titles
    assert "Which classes unit 2 of 1 tells" in titles
    assert "How far to trust these pictures" in titles  # what the page draws is exported too
    assert all(each.alt and each.table.rows for each in page.figures())
    html = unit_page(page, tmp_path / "unit.html", name="net").read_text()
    assert "<script" not in html
    assert "Synthetic: 2 pictures" in html
    assert "of an untrained copy" in html
    assert "Does it matter to the model?" in html
    again = load(save(page, tmp_path / "page.safetensors"))
    assert torch.equal(again.values.values, page.values.values)


def test_a_unit_that_nothing_moves_is_said_to_be_so_and_shows_no_inputs(tmp_path):
    x = torch.rand(60, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    with torch.no_grad():
        net[0].bias[1] = -50.0
    subject = pellucid.open(net, data=(x, torch.tensor([0, 1] * 30)), spec=ImageSpec(), classes=["a", "b"])
    page = pellucid.unit_of(subject, "1", 1, steps=0)
    assert not page.moved
    html = unit_page(page, tmp_path / "unit.html").read_text()
    assert f"No real input moves it: it gives 0 for all {len(page.real)}." in html
    assert "above what the middle one gives, 0." in html
    for part in ("Which classes it tells", "Units that go with it", "What it sees of an input"):
        assert part not in html
    titles = [each.title for each in page.figures()]
    assert titles == ["Real inputs of unit 1 of 1", "Without unit 1 of 1"]


def test_mistakes_are_told(subject, page):
    with pytest.raises(TargetError, match="numbered 0 to 3"):
        pellucid.unit_of(subject, "1", 9)
    made = matrix_factorisation(subject.model, subject.data.inputs, "1", width=3, shuffled_control=False)
    with pytest.raises(InputError, match="dictionary is of '1'"):
        pellucid.unit_of(subject, "2", 0, dictionary=made)
    with pytest.raises(InputError, match=r"no dictionary 'nfm'.*nmf"):
        pellucid.dictionary_of(subject, "1", "nfm")


def test_regression_has_a_unit_page_by_thirds_of_the_answer():
    x = torch.rand(150, 3, generator=torch.Generator().manual_seed(0))
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    page = pellucid.unit_of(pellucid.open(net, data=(x, x.sum(1))), "0", 1, steps=0)
    assert page.group_names[0].startswith("lowest third of")
    assert page.effects is None
    assert page.pictures is None
    assert "Which classes" in page.figures()[1].title


def test_a_network_with_elements_answers_as_before_and_loses_one_direction_at_a_time(subject, page):
    x, net = page.real.inputs, subject.model
    made = matrix_factorisation(net, subject.data.inputs, "1", width=3, shuffled_control=False)
    whole = with_elements(net, made)
    assert torch.equal(predict(whole, x), predict(net, x))
    found = exemplars(whole, x, "elements", k=4)
    assert found.boxes is not None
    effects = unit_effects(whole, x, page.real.answers, "elements")

    # by hand: the layer without what the element's code is above its mean, and on from there
    with torch.no_grad():
        layer = net[:2](x)
        vectors = layer.movedim(1, -1)
        codes = made.codes(vectors)
        assert torch.equal(found.values[:, 0], codes.flatten(0, 2).amax(0))
        for element in range(3):
            changed = codes.clone()
            changed[..., element] = codes[..., element].mean()
            moved = vectors + made.scale * ((changed - codes) @ made.decoder)
            right = (net[2:](moved.movedim(-1, 1)).argmax(1) == page.real.answers).double().mean()
            assert effects.accuracy - float(effects.drop[element]) == pytest.approx(float(right), abs=1e-9)
    assert not any(module._forward_hooks for module in net.modules())


def test_an_untrained_copy_with_elements_measures_them_in_its_own_unit(subject, page):
    x, net = page.real.inputs, subject.model
    made = matrix_factorisation(net, subject.data.inputs, "1", width=3, shuffled_control=False)
    twin = untrained(with_elements(net, made, x), seed=1)
    found = exemplars(twin, x, "elements", k=1).values
    with torch.no_grad():
        vectors = untrained(net, seed=1)[:2](x).movedim(1, -1)
    own = dataclasses.replace(made, scale=float(vectors.mean()))
    assert torch.allclose(found[:, 0], own.codes(vectors).flatten(0, 2).amax(0), rtol=1e-4)
    # and without inputs in the trained layer's unit
    plain = exemplars(untrained(with_elements(net, made), seed=1), x, "elements", k=1).values
    assert not torch.allclose(plain, found, rtol=0.05)


def test_companions_of_an_element_are_elements(subject):
    made = matrix_factorisation(subject.model, subject.data.inputs, "1", width=3, shuffled_control=False)
    page = pellucid.unit_of(subject, "1", 1, dictionary=made, steps=0)
    figure = figures.co_activation(page.together, page.companions, page.real, unit=1)
    assert figure.title == "Elements that go with element 1"
    assert "unit" not in figure.alt.split(";")[0].lower()


def test_wrong_dictionaries_and_elements_are_said(subject):
    with pytest.raises(InputError, match=r"no dictionary 'tokp'.*topk"):
        pellucid.layer(subject, "1", dictionary="tokp", steps=0)
    made = matrix_factorisation(subject.model, subject.data.inputs, "1", width=3, shuffled_control=False)
    with pytest.raises(TargetError, match="numbered 0 to 2, got 3"):
        pellucid.unit_of(subject, "1", 3, dictionary=made, steps=0)


@pytest.mark.parametrize(("kind", "last"), [("topk", 15), ("nmf", 9)])
def test_an_element_that_will_not_be_is_refused_before_the_dictionary_is_learned(subject, kind, last):
    seen = []
    handle = subject.model.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    with pytest.raises(TargetError, match=f"numbered 0 to {last}, got {last + 1}"):
        tasks.learned_dictionary(subject, "1", kind, element=last + 1)
    handle.remove()
    assert sum(seen) <= 1
    assert len(tasks.learned_dictionary(subject, "1", kind, element=last).decoder) == last + 1


@pytest.mark.parametrize("asked", [pellucid.layer, tasks.estimate_layer])
def test_a_layer_with_negative_values_has_no_factors_and_says_so_before_the_work(subject, asked):
    seen = []
    handle = subject.model[0].register_forward_hook(lambda _, __, out: seen.append(len(out)))
    with pytest.raises(MethodError, match=r"'0' has negative values.*Take the ReLU after it"):
        asked(subject, "0", dictionary="nmf", steps=0)
    handle.remove()
    assert 0 < sum(seen) <= 66


def test_elements_have_the_page_of_a_unit_with_the_dictionary_on_top(subject, tmp_path):
    found = tasks.dictionary_of(subject, "1", "nmf", width=3, steps=4)
    assert [each.title for each in found.figures()] == [
        "A dictionary of 1",
        "Elements of the nmf dictionary of 1",
    ]
    assert found.made.shuffled is not None
    page = pellucid.unit_of(subject, "1", 2, dictionary=found.made, steps=4)
    assert page.name == "element 2 of nmf dictionary of 1"
    assert torch.equal(page.strongest.rows[0, :6], found.units.strongest.rows[2])
    html = unit_page(page, tmp_path / "element.html").read_text()
    assert "shuffled weights" in html
    assert "Elements that go with it" in html
    # an element is nowhere called a unit, but for its network's own
    assert page.pictures.label(0) == "element 2"
    drawn = [each for each in page.figures() if each.title != "A dictionary of 1"]
    told = " ".join(f"{each.title} {each.alt} {each.note} {each.table.text()}" for each in drawn)
    assert "element 2" in told
    assert "unit" not in told.replace("units of 1", "").lower()
    assert html.index("The dictionary") < html.index("Real inputs that move it")


def test_few_inputs_leave_wide_intervals_and_a_warning(tmp_path):
    x = torch.eye(2).repeat(4, 1)
    net = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.eye(2) * 9)
    page = pellucid.unit_of(pellucid.open(net, data=(x, torch.tensor([0, 1] * 4))), ".:in", 0, steps=0)
    assert float(page.areas.auc.max()) == 1
    assert 0 < float(page.areas.low.max()) < 0.95
    assert "every number here is rough" in unit_page(page, tmp_path / "few.html").read_text()
    untouched = unit_effects(nn.Linear(2, 2), x, torch.tensor([0, 1] * 4), ".:in")
    assert bool((untouched.high > untouched.low).all())


def test_matters_needs_more_than_the_middle_unit(page):
    import dataclasses

    effects = page.effects
    alike = torch.full_like(effects.margin, 0.5)
    certain = dataclasses.replace(effects, margin=alike, margin_low=alike - 0.1, margin_high=alike + 0.1)
    assert unit_matters(certain).word == "mixed"
    best = alike.clone()
    best[0] = 2.0
    assert unit_matters(dataclasses.replace(certain, margin=best, margin_low=best - 0.1)).word == "passed"
    unsure = dataclasses.replace(certain, margin_low=alike - 0.6)
    assert unit_matters(unsure).word == "failed"
    assert "stand in for each other" in unit_matters(unsure).note


def test_a_figure_of_companions_needs_a_unit_that_is_there(page):
    with pytest.raises(InputError, match="units 0 to 3"):
        figures.co_activation(page.together, unit=7)
    assert "go together most" in figures.co_activation(page.together).alt
