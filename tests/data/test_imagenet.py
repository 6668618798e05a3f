"""ImageNet's names, and photographs that other packages bring."""

import importlib.util

import pytest
import torch

from pellucid import data
from pellucid.errors import LoadError

photos = pytest.mark.skipif(
    importlib.util.find_spec("skimage") is None, reason="the photographs come with scikit-image"
)


def test_a_thousand_names_all_different_in_the_usual_order():
    names = data.imagenet_classes()
    assert len(set(names)) == len(names) == 1000
    known = {0: "tench", 285: "Egyptian cat", 517: "crane (machine)", 872: "tripod", 967: "espresso"}
    assert {k: names[k] for k in known} == known


def test_names_agree_with_the_numbers_of_another_list(real_file):
    import csv

    with real_file("imagenet_classes.csv").open() as file:
        listed = {int(line["class_index"]): line["name"].lower() for line in csv.DictReader(file)}
    ours = data.imagenet_classes()
    same = sum(listed[k].replace("_", " ") == ours[k].lower() for k in range(1000))
    assert same > 950


@photos
def test_photographs_are_pictures_on_the_scale_of_imagenet():
    made = data.photographs()
    assert made.inputs.shape == (8, 3, 224, 224)
    made.spec.check(made.inputs)
    assert made.classes[made.answers[0]] == "Egyptian cat"
    assert data.by_name("photographs").name == made.name


@photos
def test_views_are_smaller_squares_of_the_same_photograph():
    several, single = data.photographs(views=6), data.photographs()
    assert several.inputs.shape == (48, 3, 224, 224)
    assert torch.equal(several.inputs[::6], single.inputs)
    assert several.part("test").inputs.shape[0] == 8
    assert len({row.sum().item() for row in several.inputs}) == 48
    assert several.answers.tolist() == single.answers.repeat_interleave(6).tolist()


def test_what_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LoadError, match="pip install scikit-image"):
        data.photographs()
