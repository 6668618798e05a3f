"""What estimated numbers are worth, against slow twins and networks whose faults are known."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

import pellucid
from pellucid.errors import InputError
from pellucid.report._certain import number_words
from pellucid.tasks import number_calibration, parts_scored
from pellucid.tasks._number_calibration import _chance


class Says(nn.Module):
    """``scale`` times the first number plus ``shift``."""

    def __init__(self, scale=1.0, shift=0.0):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.tensor(scale)), nn.Parameter(torch.tensor(shift))

    def forward(self, x):
        return x[:, :1] * self.scale + self.shift


def subject(rows=1200, *, wide=False, **says):
    chance = torch.Generator().manual_seed(2)
    x = torch.randn(rows, 2, generator=chance)
    noise = torch.randn(rows, generator=chance)
    y = x[:, 0] + noise * (torch.where(x[:, 1] > 0, 3.0, 0.5) if wide else 0.5)
    columns = [pellucid.inputs.Column("a"), pellucid.inputs.Column("b")]
    spec = pellucid.inputs.TabularSpec(columns=columns)
    return pellucid.open(Says(**says), data=(x, y), spec=spec, classes=())


def test_a_network_that_says_the_mean_of_the_truth_is_not_called_off():
    found = number_calibration(subject())
    assert found.bias.low < 0 < found.bias.high
    assert found.slope.low < 1 < found.slope.high
    assert number_words(found, "")[0] == "passed"


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ({"shift": 0.3}, "too high on average"),
        ({"shift": -0.3}, "too low on average"),
        ({"scale": 2.0}, "too far apart"),
        ({"scale": 0.5}, "too close together"),
    ],
)
def test_known_faults_are_named(says, told):
    word, text = number_words(number_calibration(subject(**says)), "mm")
    assert word == "mixed"
    assert told in text


def test_the_promise_is_called_broken_about_as_seldom_as_chance_says():
    draws, chance = torch.Generator().manual_seed(0), []
    for _ in range(2000):
        off = torch.randn(180 + 150, generator=draws).abs()
        reach = off[:180].sort().values[math.ceil(0.9 * 181) - 1]
        chance.append(_chance(int((off[180:] <= reach).sum()), 150, 180))
    assert 0.01 < np.mean(np.array(chance) <= 0.025) <= 0.033


def test_a_promise_that_breaks_off_the_validation_rows_is_told():
    found = number_calibration(subject())
    broken = dataclasses.replace(found, chance=0.001)
    assert number_words(broken, "mm")[0] == "failed"


def test_against_a_slow_count():
    which = subject(scale=0.8, shift=0.1)
    found, data = number_calibration(which), which.data
    held, tuned = (data.rows(data.parts == part) for part in (2, 1))
    given = 0.8 * held.inputs[:, 0].double().numpy() + 0.1
    true = held.answers.double().numpy()
    assert found.bias.value == pytest.approx(float((given - true).mean()), abs=1e-6)
    assert found.slope.value == pytest.approx(np.polyfit(given, true, 1)[0], abs=1e-5)
    off = sorted(
        abs(0.8 * float(x) + 0.1 - float(y)) for x, y in zip(tuned.inputs[:, 0], tuned.answers, strict=True)
    )
    assert found.reach == pytest.approx(off[math.ceil(0.9 * (len(off) + 1)) - 1], abs=1e-6)
    inside = np.abs(given - true) <= found.reach
    assert found.within[0].share.value == pytest.approx(inside.mean())
    assert found.within[1].share.value == pytest.approx(
        inside[np.argsort(given)[: found.within[1].share.n]].mean()
    )
    assert sum(band.n for band in found.bands) == found.n == len(held)
    order = np.argsort(given, kind="stable")[: found.bands[0].n]
    assert found.bands[0].came.value == pytest.approx(true[order].mean(), abs=1e-6)


def test_parts_of_a_regression_are_scored_by_their_error():
    which = subject(wide=True)
    found = parts_scored(which)
    worst, held = found[0], which.data.rows(which.data.parts == 2)
    assert worst.metric == "root mean squared error"
    assert worst.name.startswith(("b ≥", "0.")) or " b " in worst.name
    assert [part.value for part in found] == sorted((part.value for part in found), reverse=True)
    whole = float((held.inputs[:, 0] - held.answers).square().mean().sqrt())
    assert worst.low > whole > found[-1].high


def test_classes_are_sent_elsewhere():
    with pytest.raises(InputError, match=r"certainty\(\)"):
        number_calibration(pellucid.train("breast-cancer", epochs=1))
