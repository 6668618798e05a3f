"""Sounds drawn: ticks where seconds and hertz lie, words from the numbers, hatches, controls."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from pellucid import figures
from pellucid._core import Card
from pellucid.attribution import input_x_gradient
from pellucid.errors import InputError
from pellucid.figures._heard import heard, scale_of
from pellucid.figures._sound_words import sound_like, where_heard
from pellucid.inputs import AudioSpec

CENTRES = tuple(100.0 + 200 * k for k in range(20))
LEVELS = AudioSpec(
    8000,
    "spectrogram",
    frequencies=CENTRES,
    hop=80,
    mean=(-40.0,),
    std=(20.0,),
    seconds_of_cell=0.1,
    bins_of_cell=5,
)
WAVES = AudioSpec(8000, std=(0.25,), seconds_of_cell=0.1)


def linear(shape, weight):
    """A network whose contributions are known: x times weight."""
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(weight.numel(), 2, bias=False))
    with torch.no_grad():
        net[1].weight[0] = 0
        net[1].weight[1] = weight.flatten()
    assert weight.shape == torch.Size(shape)
    return net


@pytest.fixture(scope="module")
def pitched():
    weight = torch.zeros(1, 20, 40)
    weight[0, 5:10, 10:20] = 0.02  # 1000 to 2000 Hz, 0.1 to 0.2 s
    weight[0, 15:, 30:] = -0.01
    x = torch.ones(2, 1, 20, 40)
    return input_x_gradient(linear((1, 20, 40), weight), x, 1, spec=LEVELS)


@pytest.fixture(scope="module")
def waves():
    weight = torch.zeros(1, 4000)
    weight[0, 800:1600] = 0.01
    return input_x_gradient(linear((1, 4000), weight), torch.ones(1, 1, 4000), 1, spec=WAVES)


def test_the_words_say_when_and_how_high(pitched, waves):
    assert figures.words(pitched) == where_heard(pitched, 0)
    assert figures.words(pitched).startswith("Strongest for class 1: 0.10–0.20 s at 1000–2000 Hz (+1")
    assert "strongest against: 0.30–0.40 s at 3000–4000 Hz (−0.500)" in figures.words(pitched)
    assert "0.10–0.20 s (+8" in figures.words(waves)
    assert sound_like(pitched)
    assert sound_like(waves)


def test_a_map_of_a_hidden_layer_is_no_sound(pitched):
    hidden = dataclasses.replace(pitched, provenance=dataclasses.replace(pitched.provenance, at="conv1"))
    assert not sound_like(hidden)
    with pytest.raises(InputError, match="explains no sound"):
        figures.sound(hidden)


def test_panels_ticks_and_table(pitched):
    figure = figures.explanations([pitched, pitched])
    parts = figure.chart["concat"]
    assert len(parts) == 4
    said = str(parts)
    assert "1 kHz" in said
    assert "0.2 s" in said
    assert figure.table.rows[0][3] == pytest.approx(1.0, abs=1e-5)
    assert "0.10–0.20 s, 1000–2000 Hz +1" in figure.table.rows[0][-1]
    assert figure.alt.startswith("Input x gradient: Strongest for class 1")
    assert len(figure.svg()) > 1000


def test_low_pitch_lies_at_the_bottom_and_loud_is_dark():
    x = dataclasses.replace(LEVELS, absence="silence").absent(torch.zeros(1, 1, 20, 40))[0]
    x[0, 2, 10] = 2.0
    drawn = heard(x, LEVELS)
    assert drawn.shape == (20, 40, 3)
    assert np.unravel_index(drawn[..., 0].argmin(), (20, 40)) == (17, 10)
    assert float(drawn[0, 0, 0]) == 1.0


def test_hertz_ticks_lie_where_the_bins_lie():
    scale = scale_of(LEVELS, torch.zeros(1, 20, 40), 240)
    ticks = {words: y for y, words in scale.hertz}
    # bins are equally wide here, 0 to 4000 Hz from the bottom to the top
    assert ticks["1 kHz"] == pytest.approx(0.75 * scale.height, abs=0.5)
    assert ticks["2 kHz"] == pytest.approx(0.5 * scale.height, abs=0.5)
    assert {words: x for x, words in scale.seconds}["0.2 s"] == pytest.approx(scale.width / 2)


def test_a_failed_map_is_hatched_and_stands_last(pitched, waves):
    for why in (pitched, waves):
        failed = dataclasses.replace(why, cards=(Card("not supported", "no", (), "silence", 0),) * len(why))
        figure = figures.sound([failed, why])
        assert [row[1].text for row in figure.table.rows] == ["not run", "not supported"]
        plain, hatched = (str(part) for part in figure.chart["concat"][1:3])
        assert plain != hatched
        assert "Evidence: not supported." in figure.alt


def test_one_sound_alone(pitched, waves):
    assert "loudest at" in figures.picture(pitched.point[0], LEVELS).alt
    figure = figures.picture(waves.point[:1], WAVES)
    assert figure.alt == "A sound of 0.500 s; loudest at 0.00–0.10 s (-12 dB)."
    assert dict(figure.table.rows)["samples per second"] == 8000


def test_an_empty_map_is_said(pitched):
    nothing = dataclasses.replace(pitched, values=torch.zeros_like(pitched.values))
    assert "is empty" in figures.words(nothing)
    against = dataclasses.replace(pitched, values=-pitched.values.abs())
    assert figures.words(against).startswith("Nothing in the sound speaks for class 1")


def test_a_piece_of_a_spectrogram_is_drawn_too():
    drawn = heard(torch.rand(1, 7, 9), LEVELS)
    assert drawn.shape == (7, 9, 3)
    assert drawn.max() == 1.0


def test_names_of_pitches_never_touch():
    for size in (90, 140, 240, 400):
        heights = [y for y, _ in scale_of(LEVELS, torch.zeros(1, 20, 40), size).hertz]
        assert all(low - high >= 14 for high, low in itertools.pairwise(heights))
