"""Inputs are changed one by one, and the canvas stays."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid._core import Compute
from pellucid.features import activation_maximization
from pellucid.features._views import Views
from pellucid.inputs import AudioSpec


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_hand(picture: Tensor, down: float, right: float, stretch: float, turn: float) -> Tensor:
    """One picture ``[C, H, W]``, pixel by pixel: turned and stretched about its middle, then moved."""
    _, high, wide = picture.shape
    seen = torch.zeros_like(picture)
    angle = torch.tensor(turn).deg2rad()
    for i in range(high):
        for j in range(wide):
            y, x = (i - (high - 1) / 2) / stretch, (j - (wide - 1) / 2) / stretch
            row = float(angle.sin() * x + angle.cos() * y) + (high - 1) / 2 + down
            column = float(angle.cos() * x - angle.sin() * y) + (wide - 1) / 2 + right
            seen[:, i, j] = bilinear(picture, row, column)
    return seen


def bilinear(picture: Tensor, row: float, column: float) -> Tensor:
    total = torch.zeros(len(picture))
    i, j = int(row // 1), int(column // 1)
    for di in (0, 1):
        for dj in (0, 1):
            share = (1 - abs(row - i - di)) * (1 - abs(column - j - dj))
            total += (
                share * picture[:, mirrored(i + di, picture.shape[1]), mirrored(j + dj, picture.shape[2])]
            )
    return total


def mirrored(k: int, side: int) -> int:
    # the border itself is the mirror, so the last pixel comes twice
    return -1 - k if k < 0 else 2 * side - 1 - k if k >= side else k


def test_pictures_are_moved_stretched_and_turned_as_by_hand() -> None:
    views = Views.of("full", (2, 18, 32), None)
    assert views is not None
    assert (views.jitter, views.turn) == ((1, 2), 10.0)
    made = noise(2, 2, 18, 32)
    chance = torch.tensor([[0.5, -1.0, 0.3, 0.9], [0.0, 0.25, -1.0, -0.5]])
    seen = views(made, chance)
    for k, (down, right, stretch, turn) in enumerate(((0.5, -2.0, 1.03, 9.0), (0.0, 0.5, 0.9, -5.0))):
        expected = by_hand(made[k], down, right, stretch, turn)
        # at the very border mirrored twice
        assert torch.allclose(seen[k][:, 2:-2, 4:-4], expected[:, 2:-2, 4:-4], atol=1e-3)


def test_whole_steps_move_by_whole_pixels() -> None:
    views = Views.of("jitter", (3, 32, 20), None)
    assert views is not None
    made = noise(2, 3, 32, 20)
    seen = views(made, torch.tensor([[1.0, -1.0, 0.7, 0.7], [-0.5, 0.0, 0.0, 0.0]]))
    assert torch.allclose(seen[0][:, :-2, 1:], made[0][:, 2:, :-1], atol=1e-5)
    assert torch.allclose(seen[1][:, 1:], made[1][:, :-1], atol=1e-5)


def test_signals_and_volumes_are_moved_too() -> None:
    for shape in ((2, 40), (1, 20, 20, 20)):
        views = Views.of("full", shape, None)
        assert views is not None
        made = noise(3, *shape)
        chance = torch.zeros(3, len(shape) + 1)
        assert torch.allclose(views(made, chance), made, atol=1e-4)
        chance[:, len(shape) - 2] = 1.0
        moved = views(made, chance)
        step = shape[-1] // 16
        assert torch.allclose(moved[..., : -step or None], made[..., step:], atol=1e-4)


def test_sounds_change_along_time_alone() -> None:
    spec = AudioSpec(8000)
    views = Views.of("full", (1, 40, 64), spec)
    assert views is not None
    assert (views.jitter, views.turn) == ((0, 4), 0.0)
    made = noise(1, 1, 40, 1).expand(1, 1, 40, 64)
    assert torch.allclose(views(made, torch.ones(1, 4)), made, atol=1e-4)


@pytest.mark.parametrize(
    ("transforms", "shape"), [("none", (1, 64, 64)), ("full", (1, 8, 8)), ("full", (30,))]
)
def test_small_inputs_and_rows_stay(transforms: str, shape: tuple[int, ...]) -> None:
    assert Views.of(transforms, shape, None) is None  # pyright: ignore


def test_each_input_has_a_chance_of_its_own() -> None:
    views = Views.of("jitter", (1, 32, 32), None)
    assert views is not None
    both, one = views.drawn(torch.tensor([5, 9]), 6), views.drawn(torch.tensor([9]), 6)
    assert torch.equal(both[1], one[0])
    assert not torch.equal(both[0], both[1])
    assert both.abs().max() <= 1


@pytest.mark.parametrize("transforms", ["jitter", "full"])
def test_the_head_gets_the_size_that_it_was_made_for_and_batches_do_not_matter(transforms: str) -> None:
    # a fixed head breaks where a transformation crops the canvas
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 5, stride=4), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 64, 3))
    data = nn.functional.avg_pool2d(noise(60, 1, 33, 33), 5, 1, 2)
    made, again = (
        activation_maximization(
            net,
            "3",
            data=data,
            steps=9,
            statistics="spectrum",
            transforms=transforms,  # pyright: ignore
            untrained_control=False,
            compute=Compute(size),
        )
        for size in (64, 2)
    )
    assert made.pictures.shape == (3, 2, 1, 33, 33)
    assert torch.allclose(made.pictures, again.pictures, atol=1e-3)
