"""The figure of trust plots what was measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid import figures
from pellucid._core import Compute
from pellucid.errors import InputError
from pellucid.features import FeaturePictures, activation_maximization


@pytest.fixture(scope="module")
def made() -> FeaturePictures:
    torch.manual_seed(0)
    data = torch.randn(120, 5)
    net, twin = (nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)) for _ in range(2))
    return activation_maximization(net, "1", data=data, steps=8, twin=twin, compute=Compute(64))


def test_every_mark_is_a_measure(made: FeaturePictures) -> None:
    drawn = figures.picture_trust(made)
    assert made.trust is not None
    choices, way, elsewhere = drawn.chart["concat"]
    told = [each["value"] for each in choices["layer"][-1]["data"]["values"] if each["by"] == "the picture"]
    assert told == pytest.approx(made.trust.told.tolist())
    line = [p["value"] for p in way["data"]["values"] if p["series"] == "these pictures"]
    assert line == pytest.approx(made.trust.path.nanmedian(0).values.tolist())
    outdone = [p["value"] for p in elsewhere["layer"][-1]["data"]["values"] if p["by"] == "the picture"]
    assert outdone == pytest.approx(made.trust.transfer.tolist())
    assert len(drawn.table.rows) == 4
    assert drawn.table.rows[2][1] == pytest.approx(float(made.trust.told[2]))
    assert "second network" in drawn.alt


def test_what_was_not_measured_has_no_place_in_the_legend(made: FeaturePictures) -> None:
    from dataclasses import replace

    assert made.trust is not None
    none = torch.full_like(made.trust.told_by_others, torch.nan)
    alone = replace(made, trust=replace(made.trust, told_by_others=none))
    legends = [
        figures.picture_trust(each).chart["concat"][0]["layer"][-1]["encoding"]["color"]["scale"]
        for each in (made, alone)
    ]
    assert "pictures of other units" in legends[0]["domain"]
    assert "pictures of other units" not in legends[1]["domain"]
    colours = [dict(zip(each["domain"], each["range"], strict=True)) for each in legends]
    assert all(colours[0][name] == colour for name, colour in colours[1].items())


def test_the_note_speaks_of_what_is_drawn_and_counts_what_was_not_tested(made: FeaturePictures) -> None:
    from dataclasses import replace

    trust = made.trust
    assert trust is not None
    assert "curve: median" in figures.picture_trust(made).note
    assert "could not be tested" not in figures.picture_trust(made).note
    gaps = torch.where(torch.arange(4) == 1, torch.nan, trust.told)
    one = replace(trust, told=gaps, sites=trust.sites[:1], path=trust.path[:, :1])
    note = figures.picture_trust(replace(made, trust=one)).note
    assert "curve" not in note
    assert " 1 could not be tested" in note


def test_a_gap_in_the_curve_is_explained(made: FeaturePictures) -> None:
    from dataclasses import replace

    assert made.trust is not None
    assert "no point" not in figures.picture_trust(made).note
    path = made.trust.path.clone()
    path[:, 0] = torch.nan
    note = figures.picture_trust(replace(made, trust=replace(made.trust, path=path))).note
    assert (
        f"hardly more alike than any others, so that they have no way of their own: {made.trust.sites[0]}."
        in note
    )


def test_pictures_without_measures_are_refused(made: FeaturePictures) -> None:
    from dataclasses import replace

    with pytest.raises(InputError, match="make them anew"):
        figures.picture_trust(replace(made, trust=None))
