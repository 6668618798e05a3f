"""Rules over units and over concepts, on tables, pictures and sounds."""

import wave

import numpy as np
import pytest
import torch
from PIL import Image

import pellucid
from layers.nets import conv, trained
from pellucid import figures, tasks
from pellucid._core import percent
from pellucid.errors import InputError, SiteError
from pellucid.inputs import ImageSpec


@pytest.fixture(scope="module")
def planted():
    """Only the first of four columns decides."""
    x = torch.rand(500, 4, generator=torch.Generator().manual_seed(0))
    data = pellucid.data.arrays(x, (x[:, 0] > 0.5).long(), classes=["low", "high"], name="planted")
    return pellucid.train(data, epochs=40, patience=None)


@pytest.fixture(scope="module")
def pictured():
    """Pictures whose class is a bright upper half."""
    x = 0.6 * torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    y = torch.arange(300) % 2
    x[y == 1, :, :4] += 0.4
    net = trained(conv(), 2 * x - 1, y, 80)
    spec = ImageSpec(mean=(0.5,), std=(0.5,))
    return pellucid.open(net, data=(2 * x - 1, y), spec=spec, classes=["plain", "topped", "none"])


def test_the_column_that_decides_is_what_the_rules_ask_for(planted):
    first, last = (planted.spec.columns[k].name for k in (0, 3))
    found = tasks.concept_rules(planted, [first, f"much: {last} > 0.7"], leaves=2)
    assert [*found.names.values()] == [f"high {first}", f"low {first}", "much"]
    assert {c.column for r in found.rules.rules for c in r.conditions} <= {f"high {first}", f"low {first}"}
    assert found.rules.fidelity > 0.9
    assert found.told[f"high {first}"] > found.told_null[f"high {first}"]
    assert f"fidelity {percent(found.untrained)}" in found.rules.note
    assert "told from other inputs in" in found.rules.note
    assert "0 is what other inputs have on average" in found.rules.note


def test_a_budget_picks_from_rules_of_other_sizes(planted):
    found = tasks.unit_rules(planted, "dense1", fidelity=0.9, regrown=1)
    assert found.frontier is not None
    shortest = found.frontier.pick(fidelity=0.9)
    assert found.rules.rules == shortest.rules
    assert found.rules.regrown == 1
    test = planted.data.part("test")
    assert found.rules.n_test == len(test) == 75
    assert found.frontier.apart
    # the figures are those of the test rows, counted here by hand
    reached = planted.model.eval()(test.inputs).argmax(1)
    values = planted.model.dense1(test.inputs)
    rows = [
        {f"dense1 unit {k}": float(v) for k, v in enumerate(row)} for row in values.detach().reshape(75, -1)
    ]
    told = found.rules.predict(rows)
    same = sum(a == planted.classes[b] for a, b in zip(told, reached.tolist(), strict=True))
    assert found.rules.fidelity == pytest.approx(same / 75)
    one = tasks.unit_rules(planted, "dense1", conditions=shortest.conditions)
    assert one.rules.conditions <= shortest.conditions
    assert "of that size" in one.rules.note


def test_units_stand_beside_those_of_an_untrained_copy(planted):
    found = tasks.unit_rules(planted, "dense1", leaves=2)
    assert 0.4 < found.untrained <= 1
    assert "Over the units of the same layer in an untrained copy" in found.rules.note
    assert not found.names


def test_classes_and_folders_are_concepts_of_pictures(pictured, tmp_path):
    draw = np.random.default_rng(0)
    for name in ("bright top", "random"):
        folder = tmp_path / name
        folder.mkdir()
        for k in range(32):
            pixels = draw.uniform(0, 0.6, (8, 8))
            pixels[:4] += 0.4 if name == "bright top" else 0
            Image.fromarray((255 * pixels).astype(np.uint8)).save(folder / f"{k}.png")
    found = tasks.concept_rules(pictured, tmp_path, "0", leaves=2)
    assert [*found.names.values()] == ["bright top"]
    assert found.rules.fidelity > 0.95
    assert found.rules.rules[-1].outcome == "topped"
    drawn = figures.exemplars(found.exemplars, pictured.data, names=found.names)
    assert drawn.table.columns[:2] == ("concept", "place")
    assert {row[0] for row in drawn.table.rows} == {"bright top"}
    assert {row[3] for row in drawn.table.rows} == {"topped"}
    by_class = tasks.concept_rules(pictured, "with a roof: topped", "0", leaves=2)
    assert by_class.rules.fidelity > 0.95


def test_a_folder_of_sounds_is_heard_as_the_network_hears(tmp_path):
    chance, rate = np.random.default_rng(0), 4000

    def written(folder, pitch, count):
        folder.mkdir(parents=True)
        for k in range(count):
            t = np.arange(800) / rate
            sound = np.sin(2 * np.pi * pitch * t) + 0.1 * chance.standard_normal(len(t))
            with wave.open(str(folder / f"{k}.wav"), "wb") as file:
                file.setparams((1, 2, rate, 0, "NONE", ""))
                file.writeframes((sound * 12_000).astype("<i2").tobytes())

    for label, pitch in (("low", 300), ("high", 1200)):
        written(tmp_path / "tones" / label, pitch, 60)
        written(tmp_path / "said" / f"{label} pitch", pitch + 30, 32)
    subject = pellucid.train(tmp_path / "tones", epochs=8, batch_size=16)
    found = tasks.concept_rules(subject, tmp_path / "said", leaves=2)
    assert sorted(found.names.values()) == ["high pitch", "low pitch"]
    assert found.rules.fidelity > 0.9
    drawn = figures.exemplars(found.exemplars, subject.data, names=found.names)
    assert drawn.table.columns[-1] == "piece"
    assert all(" s, " in row[-1] and row[-1].endswith("Hz") for row in drawn.table.rows)


def test_what_says_no_concept_is_refused_in_a_sentence(planted, pictured, tmp_path):
    with pytest.raises(InputError, match="No column is called"):
        tasks.concept_rules(planted, "nothing")
    with pytest.raises(InputError, match="no column"):
        tasks.concept_rules(planted, "nothing > 3")
    with pytest.raises(InputError, match=r"says no concept: expected a folder .* 'name: class, class'"):
        tasks.concept_rules(pictured, "stripes")
    with pytest.raises(InputError, match="is no class"):
        tasks.concept_rules(pictured, "with a roof: tapped")
    with pytest.raises(InputError, match="Two concepts are called"):
        tasks.concept_rules(pictured, ["a: topped", "a: plain"])
    with pytest.raises(SiteError):
        tasks.concept_rules(pictured, "a: topped", "conv9")
