"""What a network that can be read says of itself, and where it stands in the dossier."""

import pytest
import torch

import pellucid
from pellucid import tasks
from pellucid.networks import mlp, rules_for
from pellucid.report import dossier, write
from pellucid.rules import WeightedRules


@pytest.fixture(scope="module")
def data():
    x = torch.rand(160, 3, generator=torch.Generator().manual_seed(0))
    return pellucid.data.arrays(x, (x[:, 0] > 0.5).long(), classes=["low", "high"], name="planted")


@pytest.fixture(scope="module")
def rules(data):
    return pellucid.train(data, network=rules_for(data, soft=False), epochs=2)


def test_rules_are_what_the_network_computes(rules):
    told = tasks.own_account(rules)
    own = told["rules"]
    assert isinstance(own, WeightedRules)
    assert "x1" in str(own.rules[0])


def test_any_other_network_has_none(data):
    assert tasks.own_account(pellucid.train(data, network=mlp(3, 2), epochs=1)) == {}


def test_the_dossier_shows_it_and_explains_cases_by_what_fits(rules, tmp_path):
    made = dossier(rules, layers=1, units=2, steps=4)
    assert list(made.own) == ["rules", "path"]
    assert made.cases
    # steps have no slopes, so that nothing of gradients is tried
    assert {why.provenance.method for case in made.cases for why in case.explanations} == {
        "occlusion",
        "kernel_shap",
    }
    assert "The network itself" in write(made, tmp_path / "page.html").read_text()
