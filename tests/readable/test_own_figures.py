"""Figures of concepts and prototypes say what their values hold."""

import pytest

import pellucid
from pellucid import figures, tasks
from pellucid.data import by_name
from pellucid.errors import InputError


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
    with pytest.raises(InputError, match="for network 'concepts' only"):
        tasks.network_for(data, kind="prototypes", concepts=["has a loop: 0"])


def test_computed_concepts_have_no_curve():
    found = tasks.own_concepts(pellucid.train("breast-cancer", network="concepts"))
    (weights,) = figures.figures_of(found)
    assert "without a weight left out" in weights.table.note
