"""Figures of concepts and prototypes say what their values hold."""

import pytest
import torch

import pellucid
from pellucid import figures, tasks
from pellucid.data import by_name
from pellucid.errors import InputError
from pellucid.inputs import AudioSpec, ImageSpec
from pellucid.readable import LooksLike
from pellucid.readable._looks_like import Pair


def test_pairs_are_drawn_with_their_test():
    subject = pellucid.train("digits", network="prototypes", epochs=2)
    found, pairs = tasks.own_prototypes(subject)
    drawn = figures.figures_of(pairs)
    assert len(drawn) == 4
    first = pairs.pairs[0][0]
    assert f"training row {first.row}" in drawn[0].alt
    assert drawn[0].chart is not None
    assert len(drawn[0].table.rows) == 3
    assert f"{found.held} of {found.tested}" in figures.prototype_test(found).alt
    with pytest.raises(InputError, match="numbered 0 to 3"):
        figures.this_looks_like_that(pairs, row=9)
    with pytest.raises(InputError, match="no concepts of its own"):
        tasks.own_concepts(subject)


def test_concepts_are_drawn_with_their_leak():
    data = by_name("digits")
    network = tasks.network_for(data, kind="concepts", concepts=["has a loop: 0, 6, 8, 9"])
    found = tasks.own_concepts(tasks.train(data, network=network, epochs=2))
    weights, curve = figures.figures_of(found)
    assert "has a loop" in weights.alt
    assert curve.chart is not None
    assert "by class only" in curve.note
    assert found.mixed == found.n  # each class shares its only concept with others
    assert curve.chart["encoding"]["strokeDash"]["legend"] is None  # one legend for one distinction
    with pytest.raises(InputError, match="for network 'concepts' only"):
        tasks.network_for(data, kind="prototypes", concepts=["has a loop: 0"])


def test_a_leak_that_cannot_be_tested_is_not_called_none():
    data = by_name("digits")
    asked = [f"is {name}: {name}" for name in data.classes]
    network = tasks.network_for(data, kind="concepts", concepts=asked)
    found = tasks.own_concepts(tasks.train(data, network=network, epochs=1))
    _, curve = figures.figures_of(found)
    assert found.mixed == 0
    assert "cannot be tested here" in curve.alt
    assert ("leak", "cannot be tested") in curve.table.rows


def test_computed_concepts_have_no_curve():
    found = tasks.own_concepts(pellucid.train("breast-cancer", network="concepts"))
    (weights,) = figures.figures_of(found)
    assert "without a weight left out" in weights.table.note


def lines_of(figure):
    """Ends of the drawn lines of a figure, as ``(x, y, x2, y2)``."""
    found = []
    for layer in figure.chart["layer"]:
        place = layer.get("encoding", {})
        if layer["mark"].get("type") == "rule" and "x2" in place and "y2" in place:
            found.append(tuple(place[key]["value"] for key in ("x", "y", "x2", "y2")))
    return found


def pair_of(spec, shape, box):
    pair = Pair(0, 7, "a", 4.0, 0.1, 1.0, box, box, (), 1.0, 2.0)
    return LooksLike(torch.zeros(1, *shape), torch.zeros(1, *shape), ((pair,),), ("a",), (0.9,), 1, spec)


def test_a_box_lies_on_the_part_in_wide_pictures_and_in_sounds():
    wide = pair_of(ImageSpec(), (1, 20, 40), (0, 0, 10, 10))
    ends = lines_of(figures.this_looks_like_that(wide))
    left = [end for end in ends if end[0] < 96]
    assert {round(y) for end in left for y in (end[1], end[3])} == {48, 68}  # 20 of letters, 28 of margin
    assert {round(x) for end in left for x in (end[0], end[2])} == {8, 28}
    spec = AudioSpec(8000, "spectrogram", frequencies=tuple(100.0 * k for k in range(1, 41)), hop=80)
    low = pair_of(spec, (1, 40, 40), (0, 0, 10, 20))
    drawn = figures.this_looks_like_that(low)
    left = [end for end in lines_of(drawn) if end[0] < 96]
    assert {round(y) for end in left for y in (end[1], end[3])} == {88, 108}  # low pitch at the bottom
    assert drawn.table.columns[-2:] == ("this piece", "that piece")
    assert drawn.table.rows[0][-1] == "0.00–0.20 s, 50–1050 Hz"
