"""A dossier of chosen rows by many methods, some of them tested."""

from types import SimpleNamespace

import torch
from torch import nn

import pellucid
from pellucid import attribution
from pellucid.report import render, showcase
from pellucid.report._chosen import case_methods


def test_chosen_rows_are_explained_by_all_methods_and_some_are_tested():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(60, 1, 8, 8, generator=generator), torch.arange(60) % 2
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    subject = pellucid.open(network, data=(x, y), spec=pellucid.inputs.ImageSpec(1, (8, 8)), name="small")
    methods = {"saliency": attribution.saliency, "occlusion": attribution.occlusion}
    told = []
    found = showcase(
        subject,
        [1, 3],
        methods,
        why="the second and the fourth",
        tested=("saliency",),
        surveyed={"saliency": attribution.saliency},
        command="pellucid demo small",
        notes=("one note",),
        tell=told.append,
    )
    assert [case.row for case in found.cases] == [1, 3]
    assert {case.chosen for case in found.cases} == {"the second and the fourth"}
    for case in found.cases:
        tested, plain = case.explanations
        assert len(tested.cards) == 1
        assert not plain.cards
        assert tested.class_names == subject.classes
    assert found.survey.n == 60
    assert found.notes == ("one note",)
    assert told[1:] == ["saliency with its evidence", "occlusion", "every layer, beside an untrained copy"]
    assert found.layers is not None
    assert found.picked
    page = render(found)
    assert "pellucid demo small" in page
    assert "the second and the fourth" in page


def test_inputs_whose_answers_nobody_told_are_called_by_their_names_and_not_judged():
    generator = torch.Generator().manual_seed(0)
    x, others = torch.rand(2, 1, 8, 8, generator=generator), torch.rand(30, 1, 8, 8, generator=generator)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    spec = pellucid.inputs.ImageSpec(1, (8, 8))
    subject = pellucid.open(network, data=(x, torch.tensor([0, 1])), spec=spec, name="small")
    methods = {"saliency": attribution.saliency}
    found = showcase(
        subject, [0, 1], methods, why="given", names=("cat.jpg", "dog.jpg"), others=others,
        tested=("saliency",), surveyed={}, command="pellucid demo small",
    )  # fmt: skip
    assert found.performance is None
    assert found.survey is None
    assert [(case.true, case.chosen) for case in found.cases] == [("", "cat.jpg"), ("", "dog.jpg")]
    # the maps of the others are what specificity compares with
    assert "30 maps of other inputs" in found.cases[0].explanations[0].cards[0].checks[0].note or (
        "31 maps of other inputs" in found.cases[0].explanations[0].cards[0].checks[0].note
    )
    page = render(found)
    assert "cat.jpg: answer" in page
    assert "wrong, true" not in page
    assert "never hand-picked" not in page


def test_cases_take_the_methods_of_the_survey_and_try_only_others(monkeypatch):
    from pellucid import tasks

    x, y = torch.rand(12, 3, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 2
    subject = pellucid.open(nn.Linear(3, 2), data=(x, y))
    tried, real = [], tasks.fitting_methods

    def spy(asked, *, among, most):
        tried.extend(among)
        return real(asked, among=among, most=most)

    monkeypatch.setattr(tasks, "fitting_methods", spy)
    found = SimpleNamespace(
        best="saliency", methods=[SimpleNamespace(method=m) for m in ("saliency", "occlusion")]
    )
    assert case_methods(subject, found) == ("saliency", "integrated_gradients", "occlusion")
    assert tried == ["integrated_gradients"]
    assert case_methods(subject, None) == ("integrated_gradients", "occlusion", "saliency")
