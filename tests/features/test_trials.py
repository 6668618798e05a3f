"""Which units of untrained twins stand beside made inputs."""

import pytest
import torch

from pellucid.features._trials import CONTROLS, TWINS, Trials


@pytest.mark.parametrize(
    ("count", "total", "alike"),
    [(1, 64, True), (3, 64, True), (7, 64, True), (40, 64, True), (1, 3, True), (2, 64, False)],
)
def test_no_unit_is_tried_twice_on_one_twin(count, total, alike):
    units = torch.randperm(total, generator=torch.Generator().manual_seed(1))[:count]
    trials = Trials.of(units, total, 0, alike=alike)
    assert len(trials) == max(CONTROLS, count)
    tried = torch.where(trials.unit < 0, units[trials.goal], trials.unit)
    pairs = list(zip(trials.twin.tolist(), tried.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    places = list(zip(trials.goal.tolist(), trials.turn.tolist(), strict=True))
    assert len(set(places)) == len(places)
    counts = trials.goal.bincount(minlength=count)
    assert int(counts.max() - counts.min()) <= 1


def test_few_units_take_four_twins_where_others_may_stand_in():
    one = torch.tensor([5])
    assert Trials.of(one, 64, 0, alike=True).twins == TWINS
    assert set(Trials.of(one, 64, 0, alike=True).unit.tolist()) >= {5}
    assert Trials.of(one, 64, 0, alike=False).twins == CONTROLS
    assert Trials.of(one, 3, 0, alike=True).twins == CONTROLS
