"""What a sound means: cells, absence, checks; and the log-mel front end beside a slow twin."""

import dataclasses
import math

import pytest
import torch

from pellucid._core._store import load, save
from pellucid.errors import InputError
from pellucid.inputs import AudioSpec, log_mel, mel_frequencies

CENTRES = (500.0, 1500.0, 2500.0, 3500.0)
WAVES = AudioSpec(8000, size=800, std=(0.1,))
LEVELS = AudioSpec(8000, "spectrogram", size=10, frequencies=CENTRES, hop=80, mean=(-50.0,), std=(20.0,))


def tone(hertz, samples=800, rate=8000, loud=1.0):
    return (
        loud * torch.sin(2 * math.pi * hertz * torch.arange(samples, dtype=torch.float64) / rate)[None, None]
    )


def test_time_and_pitch_of_an_index():
    assert WAVES.seconds(400) == 0.05
    assert LEVELS.seconds(5) == 0.05
    assert [LEVELS.hertz(k) for k in range(5)] == [0.0, 1000.0, 2000.0, 3000.0, 4000.0]
    assert WAVES.axes == ("C", "T")
    assert LEVELS.axes == ("C", "F", "T")


def test_cells_tile_the_sound_and_are_named_in_order():
    spec = AudioSpec(8000, "spectrogram", frequencies=CENTRES, hop=80, seconds_of_cell=0.04, bins_of_cell=2)
    x = torch.zeros(2, 1, 4, 10)
    groups, names = spec.groups(x), spec.group_names(x)
    assert groups.shape == (1, 4, 10)
    assert groups.unique().tolist() == list(range(len(names))) == list(range(6))
    assert names[0] == "0.00–0.04 s, 0–2000 Hz"
    assert names[int(groups[0, 3, 9])] == names[-1] == "0.08–0.10 s, 2000–4000 Hz"
    runs = AudioSpec(8000, seconds_of_cell=0.03)
    assert runs.group_names(torch.zeros(1, 1, 800)) == (
        "0.00–0.03 s",
        "0.03–0.06 s",
        "0.06–0.09 s",
        "0.09–0.10 s",
    )
    assert runs.groups(torch.zeros(1, 1, 800)).flatten().bincount().tolist() == [240, 240, 240, 80]


def test_channels_of_one_moment_belong_together():
    spec = AudioSpec(8000, channels=2)
    groups = spec.groups(torch.zeros(1, 2, 100))
    assert torch.equal(groups[0], groups[1])


def test_silence_decodes_to_silence():
    assert WAVES.levels(WAVES.absent(torch.randn(2, 1, 800))).abs().max() == 0
    quiet = dataclasses.replace(LEVELS, absence="silence")
    assert quiet.levels(quiet.absent(torch.randn(2, 1, 4, 10))).unique().tolist() == [-80.0]


def test_absence_left_open_follows_the_front_and_is_said_in_words(tmp_path):
    assert (WAVES.absence, LEVELS.absence) == ("silence", "mean")
    assert LEVELS.absent_as == "the mean level of the training sounds at each pitch"
    assert dataclasses.replace(LEVELS, mean=(0.0,)).absent_as == "the mean level of each sound at each pitch"
    assert not LEVELS.absent(torch.randn(2, 1, 4, 10)).any()
    assert WAVES.absent_as == "silence"
    assert "noise" in dataclasses.replace(WAVES, absence="noise").absent_as
    # what a run was made with stays
    place = save(dataclasses.replace(LEVELS, absence="silence"), tmp_path / "spec.safetensors")
    assert load(place).absence == "silence"


def test_noise_is_as_loud_as_the_quiet_part_and_the_same_for_any_batch():
    x = torch.cat([tone(440, 1600, loud=0.01), tone(440, 6400, loud=0.5)], -1).float()
    spec = AudioSpec(8000, absence="noise")
    made = spec.absent(x)
    assert float(made.square().mean().sqrt()) == pytest.approx(0.01 / math.sqrt(2), rel=0.1)
    assert torch.equal(spec.absent(torch.cat([torch.randn_like(x) / 9, x]))[1:], made)
    assert torch.equal(AudioSpec(8000, absence="noise", seed=1).absent(x), made) is False


def test_noise_of_a_spectrogram_takes_quiet_frames_and_never_the_padding():
    levels = torch.full((1, 1, 4, 20), -20.0)
    levels[..., 5:7] = torch.tensor([-61.0, -60.0])
    levels[..., 15:] = -80.0
    spec = AudioSpec(8000, "spectrogram", frequencies=CENTRES, hop=80, absence="noise")
    assert spec.absent(levels).unique().tolist() == [-61.0]
    silent = torch.full((1, 1, 4, 20), -80.0)
    assert torch.equal(spec.absent(silent), silent)


def test_the_mean_is_that_of_training_where_known():
    x = torch.randn(2, 1, 4, 10)
    plain = AudioSpec(8000, "spectrogram", frequencies=CENTRES, hop=80, absence="mean")
    assert torch.allclose(plain.absent(x), x.mean(-1, keepdim=True).expand_as(x))
    known = AudioSpec(8000, "spectrogram", frequencies=CENTRES, hop=80, mean=(-40.0,), absence="mean")
    assert not known.absent(x).any()


@pytest.mark.parametrize(
    ("spec", "x", "hint"),
    [
        (WAVES, torch.zeros(3, 800), r"x\[:, None\]"),
        (WAVES, torch.zeros(3, 2, 800), "stereo"),
        (WAVES, torch.zeros(3, 800, 1), "movedim"),
        (WAVES, torch.zeros(3, 1, 1600), "Another rate"),
        (WAVES, torch.zeros(3, 1, 800, dtype=torch.int16), "32768"),
        (WAVES, torch.full((3, 1, 800), 3e4), "16-bit numbers"),
        (WAVES, torch.full((3, 1, 800), torch.nan), "finite"),
        (LEVELS, torch.zeros(3, 1, 10, 4), "exchanged"),
        (LEVELS, torch.zeros(3, 1, 800), "log_mel"),
        (LEVELS, torch.zeros(0, 1, 4, 10), "at least one sound"),
    ],
)
def test_what_does_not_fit_is_said_with_a_way_out(spec, x, hint):
    with pytest.raises(InputError, match=hint):
        spec.check(x)


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"front": "spectogram"}, "spectrogram"),
        ({"front": "spectrogram"}, "mel_frequencies"),
        ({"frequencies": CENTRES}, "a waveform has none"),
        ({"front": "spectrogram", "frequencies": (2.0, 1.0)}, "rise"),
        ({"hop": 4}, "hop belongs"),
        ({"std": (0.0,)}, "above 0"),
        ({"mean": (0.0, 1.0)}, "one finite number"),
        ({"absence": "quiet"}, "silence"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(fields, hint):
    with pytest.raises(InputError, match=hint):
        AudioSpec(8000, **fields)


def test_a_spec_survives_its_file(tmp_path):
    assert load(save(LEVELS, tmp_path / "spec.safetensors")) == LEVELS


def test_a_sound_in_words():
    x = WAVES.encoded(tone(440).float())
    name, level = WAVES.describe(x)[3]
    assert (name, level) == ("0.015–0.020 s", "-3 dB")
    with pytest.raises(InputError, match="one sound"):
        WAVES.describe(torch.zeros(2, 1, 800))


def slow_log_mel(x, rate, bins, window, hop, low, high):
    """Frame by frame, by the definition: Hann window, discrete Fourier transform, triangles."""
    size = 2 ** math.ceil(math.log2(2 * window))
    mel = lambda f: 2595 * math.log10(1 + f / 700)  # noqa: E731
    back = lambda m: 700 * (10 ** (m / 2595) - 1)  # noqa: E731
    points = [back(mel(low) + (mel(high) - mel(low)) * k / (bins + 1)) for k in range(bins + 2)]
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * t / window) for t in range(window)]
    rows = []
    for k in range(len(x) // hop):
        begin = k * hop - (window - hop) // 2
        frame = torch.tensor([x[t] if 0 <= t < len(x) else 0.0 for t in range(begin, begin + window)])
        spectrum = torch.fft.rfft(frame.double() * torch.tensor(hann).double(), n=size) * 2 / sum(hann)
        row = []
        for below, centre, above in zip(points, points[1:], points[2:], strict=False):
            total = 0.0
            for j, power in enumerate(spectrum.abs().square().tolist()):
                f = j * rate / size
                total += power * max(0.0, min((f - below) / (centre - below), (above - f) / (above - centre)))
            row.append(10 * math.log10(total * window / (1.5 * size) + 1e-8))
        rows.append(row)
    return torch.tensor(rows).T


def test_the_log_mel_levels_are_those_of_the_definition():
    x = 0.3 * torch.randn(600, generator=torch.Generator().manual_seed(0))
    fast = log_mel(x[None, None], 8000, bins=12, window=200, hop=80)[0, 0]
    slow = slow_log_mel(x.tolist(), 8000, 12, 200, 80, 50.0, 4000.0)
    assert fast.shape == slow.shape == (12, 7)
    assert torch.allclose(fast, slow.float(), atol=1e-3)


def test_a_tone_is_loudest_in_its_band_and_near_zero_decibels():
    for hertz in (300, 1000, 3000):
        levels = log_mel(tone(hertz, 4000), 8000)[0, 0, :, 20]
        centres = mel_frequencies(40, 50, 4000)
        nearest = min(range(40), key=lambda k: abs(centres[k] - hertz))
        assert abs(int(levels.argmax()) - nearest) <= 1
        assert -4 < float(levels.max()) <= 0.1


def test_digital_silence_has_finite_slopes():
    x = torch.zeros(1, 1, 800, dtype=torch.float64, requires_grad=True)
    levels = log_mel(x, 8000)
    assert levels.unique().numel() == 1
    (slope,) = torch.autograd.grad(levels.sum(), x)
    assert torch.equal(slope, torch.zeros_like(slope))


def test_sounds_that_are_none_are_refused():
    with pytest.raises(InputError, match="at least 80 samples"):
        log_mel(torch.zeros(1, 1, 50), 8000)
    with pytest.raises(InputError, match="0 <= low < high"):
        log_mel(torch.zeros(1, 1, 800), 8000, low=5000.0)
    with pytest.raises(InputError, match="got list"):
        log_mel([0.0] * 800, 8000)


def test_levels_of_cells_are_those_of_their_samples():
    spec = AudioSpec(8000, seconds_of_cell=0.05)
    x = torch.cat([tone(400, 400), 0.1 * tone(400, 400)], -1)
    assert spec.cell_levels(x).tolist()[0] == pytest.approx([-3.01, -23.01], abs=0.02)
    levels = torch.arange(40.0).reshape(1, 1, 4, 10)
    whole = AudioSpec(8000, "spectrogram", frequencies=CENTRES, hop=80, seconds_of_cell=0.1, bins_of_cell=2)
    assert whole.cell_levels(levels).tolist() == [[9.5, 29.5]]
