import dataclasses
import math

import numpy as np
import pytest
import torch

from pellucid._core import InputSpec, load, save
from pellucid.errors import InputError
from pellucid.inputs import ImageSpec, superpixels


def pictures(n=2, channels=1, height=8, width=8):
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(0))


def test_is_a_frozen_input_spec_with_equality():
    spec = ImageSpec(mean=(0.5,), std=(0.5,))
    assert isinstance(spec, InputSpec)
    assert spec == ImageSpec(mean=[0.5], std=[0.5])
    assert dataclasses.replace(spec, size=(8, 8)).size == (8, 8)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.cell = 3


@pytest.mark.parametrize(
    ("given", "channels"),
    [({}, 1), ({"mean": (0.1, 0.2, 0.3), "std": (1, 1, 1)}, 3), ({"channels": 4}, 4), ({"std": (1, 2)}, 2)],
)
def test_channels_follow_what_is_given(given, channels):
    spec = ImageSpec(**given)
    assert (spec.channels, len(spec.mean), len(spec.std)) == (channels, channels, channels)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"mean": (0.1, 0.2), "std": (1, 1, 1)}, "3 channels, but mean has 2"),
        ({"std": (0.0,)}, "std must be above 0"),
        ({"mean": (math.nan,)}, "mean finite"),
        ({"absence": "blurr"}, "Did you mean blur"),
        ({"parts": "cell"}, "Did you mean cells"),
        ({"size": (0, 4)}, "must be positive"),
        ({"channels": 3, "channel_names": ("red",)}, "channel_names has 1"),
    ],
)
def test_refuses_contradictions(given, text):
    with pytest.raises(InputError, match=text):
        ImageSpec(**given)


@pytest.mark.parametrize(("side", "cell"), [(8, 1), (16, 1), (28, 2), (32, 2), (224, 16)])
def test_default_cell_gives_about_fourteen_along_the_side(side, cell):
    assert ImageSpec(size=(side, side)).cell == cell
    assert int(ImageSpec().groups(torch.zeros(1, 1, side, side)).max()) + 1 == math.ceil(side / cell) ** 2


def test_cells_are_squares_shared_by_all_channels():
    groups = ImageSpec(channels=2, cell=2).groups(torch.zeros(3, 2, 4, 6))
    expected = torch.tensor([[0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5], [3, 3, 4, 4, 5, 5]])
    assert torch.equal(groups, expected.expand(2, 4, 6))


def test_cells_that_do_not_divide_the_picture_are_cut_off_and_named():
    spec, x = ImageSpec(cell=3), torch.zeros(1, 1, 4, 5)
    groups = spec.groups(x)
    assert groups[0].tolist() == [[0, 0, 0, 1, 1]] * 3 + [[2, 2, 2, 3, 3]]
    assert spec.group_names(x) == (
        "rows 0–2, columns 0–2",
        "rows 0–2, columns 3–4",
        "row 3, columns 0–2",
        "row 3, columns 3–4",
    )


def test_absent_zero_is_black_in_pixels():
    spec = ImageSpec(mean=(0.5, 0.25), std=(0.5, 0.5))
    absent = spec.absent(pictures(channels=2))
    assert absent[0, :, 0, 0].tolist() == [-1.0, -0.5]
    assert torch.count_nonzero(spec.to_pixels(absent)) == 0


def test_absent_mean_is_the_spec_mean_or_the_mean_of_each_picture():
    x = pictures(channels=2)
    given = ImageSpec(mean=(0.5, 0.25), std=(0.5, 0.5), absence="mean")
    assert torch.count_nonzero(given.absent(x)) == 0
    own = ImageSpec(channels=2, absence="mean").absent(x)
    assert torch.allclose(own, x.mean((2, 3), keepdim=True).expand_as(x))


def test_absent_blur_keeps_colour_and_drops_detail():
    checkers = (torch.arange(32)[:, None] + torch.arange(32)).remainder(2).float()[None, None]
    blurred = ImageSpec(absence="blur").absent(checkers)
    assert torch.allclose(blurred, torch.full_like(blurred, 0.5), atol=0.02)
    flat = torch.full((1, 3, 9, 5), 0.3)
    assert torch.allclose(ImageSpec(channels=3, absence="blur").absent(flat), flat, atol=1e-6)


def test_blur_equals_the_direct_sum():
    x = pictures(n=1, height=7, width=5)[0, 0].double()
    expected = torch.zeros_like(x)
    for r in range(7):
        for c in range(5):
            weight = torch.tensor(
                [
                    [math.exp(-((i - r) ** 2 + (j - c) ** 2) / (2 * (7 / 8) ** 2)) for j in range(5)]
                    for i in range(7)
                ],
                dtype=torch.float64,
            )
            expected[r, c] = (weight * x).sum() / weight.sum()
    assert torch.allclose(ImageSpec(absence="blur").absent(x[None, None])[0, 0], expected, atol=1e-12)


@pytest.mark.parametrize("absence", ["zero", "mean", "blur"])
@pytest.mark.parametrize("mean", [(0.0,), (0.4,)])
def test_absent_keeps_shape_type_and_input(absence, mean):
    x = pictures().half()
    before = x.clone()
    absent = ImageSpec(mean=mean, absence=absence).absent(x)
    assert (absent.shape, absent.dtype) == (x.shape, x.dtype)
    absent.zero_()
    assert torch.equal(x, before)


def test_pixels_round_trip_and_clip():
    spec = ImageSpec(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    pixels = pictures(channels=3)
    assert torch.allclose(spec.to_pixels(spec.from_pixels(pixels)), pixels, atol=1e-6)
    assert float(spec.to_pixels(spec.from_pixels(pixels * 3)).max()) == 1.0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_check_accepts_pictures_on_the_scale(dtype):
    spec = ImageSpec(size=(8, 8), mean=(0.5,), std=(0.25,))
    spec.check(spec.from_pixels(pictures()).to(dtype))


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (torch.zeros(8, 8), r"\[N, 1, 8, 8\], got \[8, 8\]"),
        (torch.zeros(1, 8, 8), r"x\[None\] for one picture"),
        (torch.zeros(2, 3, 8, 8), r"got \[2, 3, 8, 8\]"),
        (torch.zeros(2, 8, 8, 1), "permute"),
        (torch.zeros(2, 1, 8, 9), r"got \[2, 1, 8, 9\]"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), "floating pictures, got torch.uint8"),
        (torch.zeros(0, 1, 8, 8), "at least one picture"),
        (torch.full((1, 1, 8, 8), math.nan), "NaN or infinity in row 0"),
        (torch.full((1, 1, 8, 8), math.inf), "NaN or infinity"),
        (pictures() * 255, r"0\.\.255: use spec.from_pixels\(x / 255\)"),
        (torch.full((1, 1, 8, 8), -2.1), "mean and std the network was trained with"),
    ],
)
def test_check_refuses_with_what_to_do(x, text):
    with pytest.raises(InputError, match=text):
        ImageSpec(size=(8, 8)).check(x)


def test_check_refuses_raw_pixels_under_a_normalising_spec():
    with pytest.raises(InputError, match=r"raw values 0\.\.255"):
        ImageSpec(mean=(0.13,), std=(0.31,)).check(pictures() * 255)


def test_survives_the_store(tmp_path):
    spec = ImageSpec(size=(8, 8), mean=(0.1, 0.2), std=(0.3, 0.4), absence="blur", channel_names=("a", "b"))
    assert load(save(spec, tmp_path / "spec.safetensors")) == spec


def halves():
    x = torch.zeros(2, 3, 12, 10)
    x[0, :, :, 5:] = 1
    x[1, :, 6:] = 1
    return x


def test_superpixels_follow_colour_borders_and_differ_by_row():
    spec = ImageSpec(channels=3, parts="superpixels", regions=8)
    groups = spec.groups(halves())
    assert groups.shape == (2, 3, 12, 10)
    assert torch.equal(groups[:, 0], groups[:, 2])
    for picture, regions in zip(halves(), groups[:, 0], strict=True):
        for k in range(int(regions.max()) + 1):
            assert len(picture[0][regions == k].unique()) == 1
    assert len(spec.group_names(halves())) == int(groups.max()) + 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 7, 30])
def test_superpixels_are_connected_without_holes_and_repeatable(seed, count):
    noise = torch.rand(1, 2, 15, 11, generator=torch.Generator().manual_seed(seed))
    label = superpixels(noise, count)
    assert torch.equal(label, superpixels(noise, count))
    assert torch.equal(label, superpixels(torch.cat([noise, noise.flip(-1)]), count)[:1])
    numbers = label.unique().tolist()
    assert numbers == list(range(len(numbers)))
    assert count / 2 <= len(numbers) <= count
    for k in numbers:
        assert pieces(label[0] == k) == 1


def pieces(mask):
    left, count = {tuple(p) for p in mask.nonzero().tolist()}, 0
    while left:
        count, todo = count + 1, [left.pop()]
        while todo:
            r, c = todo.pop()
            near = {(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)} & left
            left -= near
            todo += near
    return count


def test_superpixels_of_a_flat_picture_are_a_grid():
    label = superpixels(torch.zeros(1, 1, 8, 8), 4)[0]
    assert torch.equal(label, ImageSpec(cell=4).groups(torch.zeros(1, 1, 8, 8))[0])


@pytest.mark.parametrize(
    ("x", "count"), [(torch.zeros(1, 4, 4), 2), (torch.zeros(1, 1, 4, 4), 0), (torch.zeros(1, 1, 4, 4), 17)]
)
def test_superpixels_refuse(x, count):
    with pytest.raises(InputError):
        superpixels(x, count)


@pytest.mark.parametrize("given", [0.5, [0.5], np.float32(0.5), np.array([0.5]), torch.tensor(0.5)])
def test_one_number_serves_all_channels_however_it_is_written(given):
    spec = ImageSpec(channels=3, mean=given, std=given)
    assert spec.mean == spec.std == (0.5, 0.5, 0.5)


def test_what_is_no_number_is_told():
    with pytest.raises(InputError, match="mean: expected one number, or one for each channel, got 'grey'"):
        ImageSpec(mean="grey")
