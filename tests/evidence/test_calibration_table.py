"""The calibration itself: an honest test keeps empty maps at its level, a broken one is caught."""

import math

import pytest
import torch
from torch import nn

from pellucid._core import Question, load, log_odds, save
from pellucid.attribution import input_x_gradient
from pellucid.errors import InputError
from pellucid.evidence import calibration
from pellucid.figures import figures_of

MATTERS = "Does it matter to the model?"


def empty(model, inputs, target, *, spec=None, compute=None):
    q = Question(model, inputs, target, spec=spec, compute=compute)
    return q.answer("empty", torch.randn(q.point.shape, generator=torch.Generator().manual_seed(9)), {})


@pytest.fixture(scope="module")
def found():
    generator = torch.Generator().manual_seed(5)
    x, net = torch.randn(60, 12, generator=generator), nn.Linear(12, 3)
    net.weight.data = torch.randn(3, 12, generator=generator)
    methods = {"exact": input_x_gradient, "empty": empty}
    return calibration(
        net, x, log_odds(net(x).argmax(1)), methods, fills=("mean",), networks=4, repeats=4, name="linear"
    )


def test_what_is_right_passes_and_empty_maps_do_not(found):
    rows = {row.name: row for row in found.rows}
    assert rows["exact"].shares[MATTERS].value >= 0.95
    assert rows["empty"].shares[MATTERS].value <= 0.12
    assert rows["untrained copy, exact"].n == 240
    assert rows["random, smoothness 0"].draws == 4
    for name, row in rows.items():
        for share in row.shares.values():
            assert 0 <= share.low <= share.value <= share.high <= 1
        if row.kind != "method" and row.n >= 200:
            assert row.shares[MATTERS].value <= 0.07, name
    assert rows["without network: |x - b|"].shares[MATTERS].value == 0
    # nothing is wrong about the other class of a map that is not right
    assert "wrong class, exact" in rows
    assert "wrong class, empty" not in rows


def test_a_test_that_passes_empty_maps_is_told(found):
    assert found.kept == all(row.worst <= 0.065 for row in found.rows if row.kind != "method")
    (controls, power) = figures_of(found)
    assert "linear" in controls.alt
    assert len(controls.table.rows) == sum(row.kind != "method" for row in found.rows)
    assert [row[0] for row in power.table.rows] == ["exact", "empty"]
    assert "exact is told from chance most often" in power.alt


def test_it_is_kept_in_a_file(found, tmp_path):
    again = load(save(found, tmp_path / "c.safetensors"))
    assert again.rows == found.rows
    assert math.isnan(again.accuracy)


def test_too_few_inputs_are_refused():
    with pytest.raises(InputError, match="at least one method"):
        calibration(nn.Linear(4, 2), torch.randn(8, 4), 0, {"exact": input_x_gradient})
