"""The verb ``features`` on networks that read texts."""

from __future__ import annotations

import pytest
import torch

import pellucid
from pellucid import figures, tasks
from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.features import Logit, Unit
from pellucid.inputs import TextSpec, WordTokenizer
from pellucid.networks import text_cnn


@pytest.fixture(scope="module")
def reader() -> pellucid.Subject:
    some = [f"{'good' if k % 2 else 'bad'} film {k % 7} with {k % 5} stars" for k in range(60)]
    spec = TextSpec(WordTokenizer.learn(some, least=1))
    x = spec.encode(some)
    answers = torch.arange(60) % 2
    data = Dataset("films", x, answers, spec, ("bad", "good"), torch.zeros(60, dtype=torch.int8))
    return pellucid.open(text_cnn(spec.size, 2, channels=6).eval(), data=data)


def test_units_are_made_beside_their_strongest_texts(reader: pellucid.Subject) -> None:
    page = pellucid.features(reader, "conv2", units=[4, 1], steps=4, exemplars=2)
    assert page.pictures.units.tolist() == [4, 1]
    assert page.pictures.pictures.dtype == torch.int64
    assert page.exemplars is not None
    assert page.exemplars.rows.shape == (2, 2)
    figure = figures.feature_tiles(page.pictures, page.exemplars, page.real)
    assert len(figure.chart["concat"]) == 2
    assert "2 of 6 units shown." in figure.note


def test_without_a_layer_it_is_the_last_with_weights(reader: pellucid.Subject) -> None:
    assert pellucid.features(reader, units=[0], steps=2).pictures.site == "conv3"


def test_classes_are_read_from_the_output(reader: pellucid.Subject) -> None:
    made = pellucid.features(reader, objectives=[Logit(1, "good")], steps=4).pictures
    assert made.labels == ("good",)
    with torch.no_grad():
        read = reader.model(made.pictures.flatten(0, 1))[:, 1].view(1, 2)
    assert torch.allclose(read, made.reached, atol=1e-5)


def test_what_it_will_take_is_told_beforehand(reader: pellucid.Subject) -> None:
    assert tasks.estimate_features(reader, "conv2", units=[0], steps=6).forward > 0


def test_a_unit_of_a_text_network_has_made_texts_on_its_page(reader: pellucid.Subject) -> None:
    page = tasks.unit_of(reader, "conv3", 2, steps=3)
    assert page.pictures is not None
    assert page.pictures.pictures.shape[-1] == 3


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"accentuate": [0]}, "Accentuation"),
        ({"faces": 3}, "Faces"),
        ({"statistics": "phase"}, "Statistics"),
        ({"objectives": [Unit(1)]}, "Objectives other than classes"),
        ({"objectives": [Logit(1)], "site": "conv2"}, "network's output"),
    ],
)
def test_what_only_numbers_have_is_refused(reader: pellucid.Subject, asked, text) -> None:
    with pytest.raises(InputError, match=text):
        pellucid.features(reader, **asked, steps=2)
