"""From a folder of sounds to a run folder, and every verb on it."""

import dataclasses
import wave

import numpy as np
import pytest
import torch

import pellucid
from pellucid import figures, tasks
from pellucid.errors import InputError
from pellucid.inputs import AudioSpec

RATE = 4000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two tones in noise, by three voices."""
    root = tmp_path_factory.mktemp("sounds") / "tones"
    root.mkdir()
    chance = np.random.default_rng(0)
    for label, pitch in (("low", 300), ("high", 1200)):
        for voice, who in enumerate(("ann", "bob", "cy")):
            for k in range(24):
                t = np.arange(int(RATE * chance.uniform(0.12, 0.2))) / RATE
                sound = np.sin(2 * np.pi * (pitch + 20 * voice) * t) + 0.1 * chance.standard_normal(len(t))
                with wave.open(str(root / f"{label}_{who}_{k}.wav"), "wb") as file:
                    file.setparams((1, 2, RATE, 0, "NONE", ""))
                    file.writeframes((sound * 12_000).astype("<i2").tobytes())
    return root


@pytest.fixture(scope="module", params=["spectrogram", "waveform"])
def run(request, folder, tmp_path_factory):
    heard = tasks.Heard("{label}_{who}_{take}", "who=cy", request.param)
    dataset = tasks.dataset_of(folder, heard=heard)
    place = tmp_path_factory.mktemp(request.param) / "run"
    trained = pellucid.train(dataset, epochs=6, batch_size=16, out=place)
    return trained, tasks.open(place)


def test_a_run_comes_back_as_it_was(run):
    trained, opened = run
    assert isinstance(opened.spec, AudioSpec)
    assert opened.spec == trained.spec
    assert opened.model.architecture == trained.model.architecture
    x = opened.data.inputs[:3]
    assert torch.equal(opened.model(x), trained.model.eval()(x))
    assert "Held out for testing: who=cy (48 sounds)." in opened.data.notes


def test_a_voice_that_was_never_heard_is_understood(run):
    assert tasks.performance(run[1]).value > 0.9


def test_why_with_evidence_words_and_a_picture(run):
    _, subject = run
    why = tasks.explain(subject, [0, 1], method="input_x_gradient")
    assert why.cards
    assert " s" in figures.words(why)
    if subject.spec.pitched:
        assert "Hz" in figures.words(why)
    drawn = figures.explanations(why, row=1)
    assert "control: map at random" in str(drawn.chart)


def test_layers_and_features_and_rules(run):
    _, subject = run
    assert any(row.site == "conv1" for row in tasks.layers(subject, rows=16).rows)
    page = tasks.features(subject, "conv2", units=[0], steps=2, rows=80)
    tiles = figures.feature_tiles(page.pictures, page.exemplars, page.real)
    assert len(tiles.svg()) > 500
    rules = tasks.rules(subject, leaves=3)
    assert " dB THEN " in rules.to_text()


def test_the_command_line_names_files(run, call):
    _, opened = run
    asked = opened.data.part("test").names[3]
    for command in ("influence", "nearest"):
        code, out, err = call(command, opened.origin, "--row", 3)
        assert code == 0, err
        assert f"held-out row 3, {asked}" in err
        assert ".wav" in out


def test_the_command_line(folder, tmp_path, call):
    held = ("--held-out", "who=cy", "--front", "waveform", "--epochs", 1, "--out", tmp_path / "run")
    code, _, err = call("train", folder, "--pattern", "{label}_{who}_{take}", *held)
    assert code == 0, err
    assert "144 rows of 1 × " in err
    code, _, err = call("train", folder, "--pattern", "{label}-{who}")
    assert code == 2
    assert "does not fit" in err


def test_sounds_are_told_by_their_files(run):
    _, opened = run
    data = opened.data
    for k in (0, 77, 143):
        assert data.names[k].startswith(data.classes[int(data.answers[k])])
    held = data.part("test")
    assert len(held.names) == 48
    assert all("_cy_" in name for name in held.names)
    found = pellucid.influence(opened, 0)
    first = int(found.proponents()[0][0])
    assert figures.influence(found, data).table.rows[0][2:5:2] == (first, data.names[first])
    near = pellucid.nearest(opened, 0, k=1)
    assert figures.nearest(near, data).table.rows[0][-1] == data.names[int(near.same[0, 0])]
    with pytest.raises(InputError, match="1 names for 48 rows"):
        dataclasses.replace(held, names=("one",))


def test_files_of_a_path_are_told_by_their_names(folder):
    named = {"pattern": "{label}_{who}_{take}", "held_out": "who=cy"}
    subject = pellucid.train(folder, **named, epochs=1)
    assert subject.classes == ("high", "low")
    assert int((subject.data.parts == 2).sum()) == 48
    with pytest.raises(InputError, match="give the path of their folder as data"):
        pellucid.train(subject.data, **named, epochs=1)
