"""What is made cannot leave the statistics of the data."""

from __future__ import annotations

import pytest
import torch

from pellucid.features._covariance import Covariance
from pellucid.features._marginals import Marginals, whitened
from pellucid.features._spectrum import Spectrum
from pellucid.features._statistics import Statistics
from pellucid.inputs import Column, TabularSpec


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(channels: int = 3) -> torch.Tensor:
    """Smooth, correlated over channels."""
    flat = noise(300, channels, 8, 8)
    smooth = torch.nn.functional.avg_pool2d(flat, 3, 1, 1)
    return smooth + smooth.mean(1, keepdim=True)


@pytest.mark.parametrize("kind", [Covariance, Spectrum])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_pictures_stay_in_range_and_near_the_mean(kind: type[Covariance | Spectrum], channels: int) -> None:
    data = pictures(channels)
    kept: Statistics = kind.of(data)
    made = kept.make(noise(20, *kept.latent) * 50)
    assert made.shape == (20, channels, 8, 8)
    assert (made.amin((0, 2, 3)) >= data.amin((0, 2, 3)) - 1e-6).all()
    assert (made.amax((0, 2, 3)) <= data.amax((0, 2, 3)) + 1e-6).all()
    away = (data - data.mean(0)).flatten(1).norm(dim=1)
    # clipping moves values towards the mean, so the reach holds after it too
    assert (made - data.mean(0)).flatten(1).norm(dim=1).max() <= away.quantile(0.95) * 1.001


def test_covariance_keeps_within_the_radius_of_the_data() -> None:
    kept = Covariance.of(pictures(1))
    inside = kept.find(kept.make(noise(20, *kept.latent) * 50))
    assert inside.norm(dim=1).max() <= kept.radius * 1.05


def test_covariance_finds_again_what_it_made() -> None:
    kept = Covariance.of(pictures(1))
    latent = 0.3 * noise(5, *kept.latent)
    assert torch.allclose(kept.find(kept.make(latent)), latent, atol=1e-4)


def test_the_spectrum_stays_inside_the_band_of_the_data() -> None:
    data = noise(400, 1, 16)
    kept = Spectrum.of(data)
    made = kept.make(noise(30, *kept.latent) * 3)
    unclipped = ((made > kept.low) & (made < kept.high)).flatten(1).all(1)
    waves = torch.fft.rfft((made[unclipped] - kept.mean) / kept.mix.squeeze(), norm="ortho").abs()
    assert len(waves) > 5
    assert (waves[..., 1:-1] <= kept.large[..., 1:-1] * 1.001).all()


def test_the_spectrum_finds_the_phases_of_a_real_input() -> None:
    data = pictures(3)
    kept = Spectrum.of(data)
    found = kept.make(kept.find(data[:20]))
    alike = torch.cosine_similarity((found - kept.mean).flatten(1), (data[:20] - kept.mean).flatten(1))
    assert alike.min() > 0.8


def table() -> tuple[torch.Tensor, TabularSpec]:
    spec = TabularSpec(
        (
            Column("age"),
            Column("home", levels=("own", "rent", "other")),
            Column("income", missing=True),
            Column("sex"),
        )
    )
    age, home, sex = noise(300), torch.randint(0, 3, (300,)), (noise(300, seed=2) > 0).float()
    income = (age + 0.3 * noise(300, seed=1)).exp()
    level = torch.nn.functional.one_hot(home, 3).float()
    return torch.stack([age, *level.T, income, torch.zeros(300), sex], 1), spec


def test_rows_stay_in_their_columns_and_inside_the_ball() -> None:
    data, spec = table()
    kept = Marginals.of(data, spec)
    latents = noise(50, *kept.latent) * 20
    numbers = [0, 4, 6]
    made = kept.make(latents)[:, numbers]
    mean, _, back, lengths = whitened(data[:, numbers])
    assert (made >= data[:, numbers].amin(0) - 1e-5).all()
    assert (made <= data[:, numbers].amax(0) + 1e-5).all()
    assert ((made - mean) @ back).norm(dim=1).max() <= lengths.quantile(0.95) * 1.001


def test_settled_rows_are_rows_of_the_table() -> None:
    data, spec = table()
    kept = Marginals.of(data, spec)
    latents = noise(50, *kept.latent) * 3
    between = kept.make(latents)[:, 1:4]
    assert torch.allclose(between.sum(1), torch.ones(50))
    rows = kept.settle(latents)
    spec.check(rows)
    assert set(rows[:, 1:4].unique().tolist()) == {0.0, 1.0}
    assert torch.equal(rows[:, 1:4].argmax(1), between.argmax(1))
    assert (rows[:, 5] == 0).all()
    assert set(rows[:, 6].unique().tolist()) <= {0.0, 1.0}


def test_real_rows_are_found_again() -> None:
    data, spec = table()
    kept = Marginals.of(data, spec)
    middle = data[(data[:, [0, 4]] - data[:, [0, 4]].median(0).values).abs().sum(1).argsort()[:50]]
    rows = kept.settle(kept.find(middle))
    assert torch.equal(rows[:, 1:4], middle[:, 1:4])
    assert torch.allclose(rows[:, 0], middle[:, 0], atol=0.2)
