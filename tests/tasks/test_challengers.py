"""Simple models beside the network: paired numbers against slow twins, and what is said of them."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

import pellucid
from pellucid._core import Dataset
from pellucid.cli._json import to_json
from pellucid.data import breast_cancer
from pellucid.errors import InputError
from pellucid.inputs import WordTokenizer
from pellucid.tasks import challengers
from pellucid.tasks._challenger_models import _held_words
from pellucid.tasks._challengers import _standing, paired_auc
from pellucid.tasks._compared import Difference


def planted(rows=600, *, answer=None, network=None, classes=("no", "yes")):
    x = torch.randn(rows, 3, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long() if answer is None else answer(x)
    network = network or nn.Linear(3, 2 if classes else 1)
    return pellucid.open(network, data=(x, y), classes=classes)


class Xor(nn.Module):
    def forward(self, x):
        score = x[:, 0] * x[:, 1]
        return torch.stack([-score, score], 1)


def test_a_useless_network_is_beaten_and_told_so():
    found = challengers(planted(), among=["tree", "linear"])
    assert [one.standing for one in found.table] == ["better", "better"]
    assert found.simplest is found.table[0]
    assert (
        "A simple model is better than this network: logistic regression (3 coefficients)" in found.sentence
    )
    assert found.n + found.learned == 600
    json.dumps(to_json(found))


def test_what_only_the_network_can_do_is_left_to_it():
    subject = planted(answer=lambda x: (x[:, 0] * x[:, 1] > 0).long(), network=Xor())
    found = challengers(subject, among=["linear"])
    assert found.score == 1.0
    assert found.table[0].standing == "worse"
    assert found.simplest is None
    assert found.sentence.startswith("No simple model is as good")


def test_a_linear_world_needs_no_network():
    network = nn.Linear(3, 2)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[-9.0, 0, 0], [9.0, 0, 0]]))
        network.bias.zero_()
    found = challengers(planted(20_000, network=network), among=["linear"], rows=5000)
    assert found.table[0].standing == "as good"
    assert found.learned == 5000
    assert "5,000 of" in found.notes[0]


def test_numbers_are_compared_by_their_errors():
    found = challengers(
        planted(answer=lambda x: 3 * x[:, 0] + x[:, 1], classes=()), among=["linear", "tree", "rules"]
    )
    assert found.metric == "mean absolute error"
    assert found.table[0].score.b < 0.01 < found.score
    assert [one.standing for one in found.table] == ["better", "better"]
    assert found.refused == {"rules": "for classes only"}


def test_readable_networks_challenge_too():
    data = breast_cancer()
    few = dataclasses.replace(
        data,
        inputs=data.inputs[:, :4],
        spec=dataclasses.replace(data.spec, columns=data.spec.columns[:4], background=None),
    )
    found = challengers(pellucid.open(nn.Linear(4, 2), data=few), among=["rules", "additive"], rows=100)
    assert [one.name for one in found.table] == ["rule network", "additive network"]
    for one in found.table:
        assert one.auc.b > 0.9
        assert one.size > 0
    assert not found.refused


def test_paired_auc_is_that_of_scikit_learn_and_its_interval_that_of_the_bootstrap():
    draw = np.random.default_rng(0)
    y = draw.random(400) < 0.4
    a, b = (y + draw.normal(0, scale, 400).round(1) for scale in (1.0, 1.5))
    found = paired_auc(torch.tensor(a), torch.tensor(b), torch.tensor(y))
    assert found.a == pytest.approx(roc_auc_score(y, a))
    assert found.b == pytest.approx(roc_auc_score(y, b))
    drawn = [rows for rows in draw.integers(400, size=(400, 400)) if 0 < y[rows].sum() < 400]
    apart = [roc_auc_score(y[r], b[r]) - roc_auc_score(y[r], a[r]) for r in drawn]
    low, high = np.quantile(apart, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.012)
    assert found.high == pytest.approx(high, abs=0.012)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.03, "better"),
        (-0.015, 0.03, "as good"),
        (-0.015, -0.001, "as good"),
        (-0.05, -0.001, "worse"),
        (-0.05, 0.04, "not told apart"),
    ],
)
def test_standing_follows_from_the_interval(low, high, word):
    assert _standing(Difference("accuracy", 0.9, 0.9, 0, low, high, None, 9), 0.02) == word
    turned = Difference("mean absolute error", 0.9, 0.9, 0, -high, -low, None, 9)
    assert _standing(turned, 0.02) == word


def test_refusals_in_words():
    with pytest.raises(InputError, match="no challenger 'logistik'"):
        challengers(planted(), among=["logistik"])
    with pytest.raises(InputError, match="nothing to learn"):
        challengers(planted(answer=lambda x: torch.ones(len(x)).long()))
    subject = planted()
    parts = torch.zeros(600, dtype=torch.int8)
    alone = dataclasses.replace(subject, data=dataclasses.replace(subject.data, parts=parts))
    with pytest.raises(InputError, match="no rows that were held out"):
        challengers(alone)


def texts_of(spec, texts, answers):
    parts = torch.tensor([0, 0, 0, 1, 2], dtype=torch.int8).repeat(len(texts) // 5 + 1)[: len(texts)]
    return Dataset("texts", spec.encode(texts), torch.tensor(answers), spec, ("no", "yes"), parts)


def test_simple_models_of_texts_read_words():
    chance = torch.Generator().manual_seed(0)
    words = ["good", "bad", *(f"w{k}" for k in range(60))]
    spec = pellucid.inputs.TextSpec(WordTokenizer.learn([" ".join(words)], least=1))
    said = torch.randint(2, (400,), generator=chance).tolist()
    rest = torch.randint(2, len(words), (400, 6), generator=chance)
    texts = [" ".join([words[1 - y], *(words[k] for k in row)]) for y, row in zip(said, rest, strict=True)]
    network = nn.Sequential(nn.EmbeddingBag(spec.size, 2, padding_idx=0))
    found = challengers(pellucid.open(network, data=texts_of(spec, texts, said)))
    assert [(one.name, one.score.b, one.standing) for one in found.table] == [
        ("logistic regression on words", 1.0, "better"),
        ("naive Bayes on words", 1.0, "better"),
        ("decision tree on words", 1.0, "better"),
    ]
    assert [one.size for one in found.table[1:]] == [30, 2]
    assert found.refused == {"rules": "for tables only", "additive": "for tables only"}


def test_which_words_a_text_holds_against_a_slow_count():
    spec = pellucid.inputs.TextSpec(WordTokenizer.learn(["a b c a"], least=1))
    data = texts_of(spec, ["a a b", "c", "z a"], [0, 1, 0])
    held = _held_words(data, spec).toarray()
    for row, text in enumerate(data.inputs.tolist()):
        assert [k for k in range(spec.size) if held[row, k]] == sorted(set(text) - {0})
