"""Sounds on trial: masks of time and pitch, placements that fit one axis, controls that must not pass."""

import pytest
import torch
from torch import nn

from pellucid import evidence
from pellucid._core import log_odds
from pellucid.attribution import integrated_gradients
from pellucid.evidence._free import free_maps
from pellucid.evidence._nulls import placements
from pellucid.inputs import AudioSpec, mel_frequencies

PITCHED = AudioSpec(8000, "spectrogram", frequencies=mel_frequencies(24, 50, 4000), hop=80)
WAVES = AudioSpec(8000)


def runs(mask):
    """Lengths of the stretches of true in a row."""
    text = "".join("x" if flag else " " for flag in mask.tolist())
    return [len(part) for part in text.split()]


def test_boxes_of_time_and_pitch_all_as_large():
    drawn = evidence.bank(torch.zeros(1, 1, 24, 160), PITCHED, masks=32)
    assert drawn.grid == (24, 54)
    assert drawn.masks.sum(1).unique().tolist() == [round(0.25 * 24 * 54)]
    assert drawn.different == 32
    assert drawn.units.shape == (1, 24, 160)
    mask = drawn.masks[1].reshape(24, 54)  # every second mask has four cells along each axis
    # boxes stretch along both axes alike, not along the shorter one only
    assert max(runs(mask[int(mask.sum(1).argmax())])) >= 54 // 4
    assert max(runs(mask[:, int(mask.sum(0).argmax())])) >= 24 // 4


def test_stretches_of_a_waveform_all_as_long():
    drawn = evidence.bank(torch.zeros(1, 1, 5000), WAVES, masks=48)
    assert drawn.grid == (1, 64)
    assert drawn.masks.sum(1).unique().tolist() == [16]
    assert drawn.different >= 40
    assert drawn.units.shape == (1, 5000)
    assert drawn.units.flatten().diff().unique().tolist() == [0, 1]
    assert all(len(runs(mask)) <= 6 for mask in drawn.masks)


def test_placements_of_a_waveform_shift_and_reverse_each_once():
    drawn = evidence.bank(torch.zeros(1, 1, 640), WAVES, masks=8)
    moves = placements(drawn, 1000)
    assert len(moves) == len(moves.unique(dim=0)) == 2 * 64 - 1
    assert not bool((moves == torch.arange(64)).all(1).any())


def test_energy_stands_among_the_maps_without_a_network():
    x = torch.randn(2, 1, 100)
    assert list(free_maps(x, torch.zeros_like(x), pictures=True)) == ["|x - b|", "energy"]
    assert list(free_maps(torch.rand(2, 1, 8, 9), torch.zeros(2, 1, 8, 9), pictures=True)) == [
        "|x - b|",
        "edges",
    ]


class Bursts(nn.Module):
    """Answers by the power of a sound in its first and its second half; smooth, known, no training."""

    def forward(self, x):
        power = x.square().mean(1)
        half = power.shape[-1] // 2
        early, late = power[:, :half].mean(1), power[:, half:].mean(1)
        return torch.stack([early - 0.2 * late, late - 0.2 * early], 1)


@pytest.fixture(scope="module")
def trial():
    generator = torch.Generator().manual_seed(0)
    loud = torch.rand(64, 1, 16, generator=generator).square().repeat_interleave(40, -1)
    x = loud * torch.randn(64, 1, 640, generator=generator).clamp(-1.4, 1.4)
    target = log_odds(Bursts()(x).argmax(1))
    seen = evidence.responses(Bursts(), x, target, spec=WAVES)
    return x, target, seen


def test_a_true_map_of_a_waveform_passes_and_controls_do_not(trial):
    x, target, seen = trial
    why = integrated_gradients(Bursts(), x, target, spec=WAVES, steps=16).values
    strangers = ~torch.eye(64, dtype=torch.bool)

    def share(maps):
        joint = evidence.joint(
            evidence.placement(seen, maps), evidence.specificity(seen, maps, maps, strangers)
        )
        return float((joint <= 0.05).float().mean())

    assert float(evidence.agreement(seen, why).median()) > 0.95
    assert share(why) > 0.9
    assert share(why.roll(1, 0)) <= 0.1
    generator = torch.Generator().manual_seed(1)
    smooth = torch.randn(64, 1, 32, generator=generator).repeat_interleave(20, -1)
    assert share(smooth) <= 0.1
    assert share(smooth * (x.abs() > 0)) <= 0.1


def test_silence_behind_a_sound_stays_where_it_is():
    drawn = evidence.bank(torch.zeros(1, 1, 640), WAVES, masks=8)
    moves = placements(drawn, 1000, columns=20)
    assert len(moves) == len(moves.unique(dim=0)) == 2 * 20 - 1
    assert bool((moves[:, 20:] == torch.arange(20, 64)).all())
    assert bool((moves[:, :20].sort(1).values == torch.arange(20)).all())
    pitched = evidence.bank(torch.zeros(1, 1, 24, 160), PITCHED, masks=8)
    moved = placements(pitched, 300, columns=30).view(300, 24, 54)
    assert len(moved.unique(dim=0)) == 300
    assert bool((moved[..., 30:] == torch.arange(24 * 54).view(24, 54)[:, 30:]).all())
    assert bool((moved[..., :30] % 54 < 30).all())


def test_placements_are_confined_row_by_row_to_what_is_heard(trial):
    x, target, _ = trial
    cut = x.clone()
    cut[:32, :, 300:] = 0
    cut[0, :, 5:] = 0
    seen = evidence.responses(Bursts(), cut, target, spec=WAVES)
    assert seen.lasting.tolist() == [10] + [30] * 31 + [64] * 32
    maps = torch.randn(64, 64, generator=torch.Generator().manual_seed(2))
    found = evidence.placement(seen, maps)
    assert found.n.tolist() == [19] + [59] * 31 + [127] * 32
    # the slow way, for one row
    own = evidence.agreement(seen, maps)[1]
    way = [maps[1, move] for move in placements(seen.bank, 499, columns=30)]
    alone = torch.stack([evidence.agreement(seen, each.expand(64, 64))[1] for each in way])
    assert float(found.p[1]) == pytest.approx((1 + int((alone >= own - 1e-5).sum())) / 60)


def test_rows_without_silence_and_pictures_are_placed_as_before(trial):
    _, _, seen = trial
    assert seen.lasting.tolist() == [64] * 64
    assert torch.equal(placements(seen.bank, 99, 3), placements(seen.bank, 99, 3, columns=64))
    plain = evidence.responses(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), torch.rand(2, 1, 8, 8), 0)
    assert plain.lasting is None
