"""Made inputs of every kind, as they are drawn."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from pellucid import figures
from pellucid._core import Dataset
from pellucid.features import FeaturePictures, activation_maximization, token_maximization
from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._pixels import png, sheet
from pellucid.figures._real import Real
from pellucid.figures._tiles import drawing, false_colours
from pellucid.inputs import AudioSpec, Column, ImageSpec, TabularSpec, TextSpec, WordTokenizer
from pellucid.layers import exemplars
from pellucid.networks import text_cnn


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def made(data: Tensor, spec: object = None) -> FeaturePictures:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(data[0].numel(), 3))
    return activation_maximization(
        net, "1", data=data, spec=spec, steps=3, untrained_control=False  # pyright: ignore
    )  # fmt: skip


def words_in(chart: object) -> str:
    """All words that a chart writes."""
    if isinstance(chart, dict):
        own = str(chart["text"]) if isinstance(chart.get("text"), str) else ""
        own += " " + str(chart["words"]) if isinstance(chart.get("words"), str) else ""
        return f"{own} " + " ".join(map(words_in, chart.values()))
    return " ".join(map(words_in, chart)) if isinstance(chart, list) else ""


def test_many_channels_become_two_components_and_a_sentence() -> None:
    mix = noise(13, 2, seed=1)
    data = torch.einsum("ck,nkhw->nchw", mix, noise(60, 2, 6, 6))
    drawn = drawing(data, ImageSpec(channels=13))
    assert drawn is not None
    assert drawn.kind == "colours"
    assert "13 channels in false colours" in drawn.note
    assert "100\xa0% of the variance" in drawn.note
    tile = drawn.tile(data[0])
    assert tile.shape == (6, 6, 3)
    # light follows the first component, slow way
    pixels = data.movedim(1, -1).reshape(-1, 13).double().numpy()
    mean = pixels.mean(0)
    first = np.linalg.svd(pixels - mean, full_matrices=False)[2][0]
    light = (data[0].movedim(0, -1).double().numpy() - mean) @ first
    inner = (tile > 0.02).all(2) & (tile < 0.98).all(2)
    weights = np.linalg.lstsq(
        np.stack([light[inner], np.ones(inner.sum())], 1), tile.mean(2)[inner], rcond=None
    )[0]
    assert abs(np.corrcoef(light[inner], tile.mean(2)[inner])[0, 1]) > 0.9
    assert weights[0] != 0


def test_volumes_are_slices_side_by_side() -> None:
    data = noise(20, 1, 7, 5, 6)
    data[:, :, 3] += 5
    drawn = drawing(data, None)
    assert drawn is not None
    tile = drawn.tile(data[0])
    assert tile.shape == (5, 3 * 6 + 2, 3)
    assert tile[:, 7:13].mean() > tile[:, :6].mean()  # the middle slice is the bright one
    figure = figures.feature_tiles(made(data))
    assert "3 slices of each volume" in figure.note


@pytest.mark.parametrize("length", [40, 139, 900])
def test_signals_are_lines_without_gaps(length: int) -> None:
    t = torch.linspace(0, 12, length)
    data = torch.stack([t.sin(), t.cos()]).expand(10, 2, length) * torch.linspace(0.5, 1, 10)[:, None, None]
    drawn = drawing(data, None)
    assert drawn is not None
    ink = drawn.tile(data[-1])[..., 0] < 0.5
    for part in (ink[:48], ink[48:]):
        assert part.any(0).all()
        rows = [np.flatnonzero(column) for column in part.T]
        assert all(a.min() <= b.max() + 1 and b.min() <= a.max() + 1 for a, b in pairwise(rows))


def test_rows_and_texts_are_no_tiles() -> None:
    assert drawing(noise(5, 4), None) is None
    assert drawing(torch.ones(5, 4, dtype=torch.int64), None) is None


def test_sounds_say_seconds_and_pitch() -> None:
    spec = AudioSpec(8000, front="spectrogram", frequencies=tuple(range(100, 4100, 400)), hop=80)
    figure = figures.feature_tiles(made(noise(20, 1, 10, 30), spec))
    said = words_in(figure.chart)
    assert "kHz" in said
    assert "0.3 s" in said
    assert "Each made sound lasts 0.3 s." in figure.note
    wave = figures.feature_tiles(made(0.1 * noise(20, 1, 400), AudioSpec(8000)))
    assert "Each made sound lasts 0.05 s." in wave.note


def test_a_part_of_the_pitches_has_no_place() -> None:
    spec = AudioSpec(8000, front="spectrogram", frequencies=tuple(range(100, 4100, 100)), hop=80)
    data = noise(30, 1, 40, 30)
    net = nn.Sequential(nn.Conv2d(1, 2, 5), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 36 * 26, 2))
    pictures = activation_maximization(net, "0", data=data, spec=spec, steps=2, untrained_control=False)
    sounds = Dataset("s", data, torch.zeros(30).long(), spec, ("a",), torch.zeros(30, dtype=torch.int8))
    figure = figures.feature_tiles(pictures, exemplars(net, data, "0", k=2), sounds)
    assert "It spans 6 of 40 bins of pitch" in figure.note
    assert "Hz" in words_in(figure.chart)  # where the real pieces lie is known
    assert "kHz" not in words_in(figure.chart)


def test_texts_stand_token_by_token_and_what_starts_share_on_blue() -> None:
    some = [f"a{k} b{k % 3} c d" for k in range(12)] * 3
    spec = TextSpec(WordTokenizer.learn(some, least=1))
    x = spec.encode(some)
    pictures = token_maximization(text_cnn(spec.size, 2), "output", spec=spec, data=x, steps=4, seeds=2)
    figure = figures.feature_tiles(pictures)
    card = figure.chart["concat"][0]
    drawn = [d for layer in card["layer"] for d in layer.get("data", {}).get("values", []) if "colour" in d][
        ::1
    ]
    first, second = pictures.pictures[0].tolist()
    common = sum(min(first.count(k), second.count(k)) for k in set(first))
    blue = [d for d in drawn if d["colour"] == OKABE_ITO[0]]
    # ground and letters are drawn from the same values, for both texts
    assert len(blue) == 4 * common
    names = {name for row in spec.tokens(pictures.pictures[0]) for name in row}
    assert names <= {d["words"] for d in drawn}


def test_rows_are_told_in_the_units_of_the_table() -> None:
    spec = TabularSpec(
        (Column("age", mean=40.0, std=10.0, unit="years"), Column("home", levels=("own", "rent")))
    )
    home = torch.nn.functional.one_hot(torch.arange(60) % 2, 2).float()
    data = torch.cat([noise(60, 1), home], 1)
    pictures = made(data, spec)
    cells = figures.feature_tiles(pictures).chart["data"]["values"]
    ages = [cell for cell in cells if cell["column"] == "age"]
    for i, cell in enumerate(ages):
        mean = float(pictures.pictures[i, :, 0].mean())
        assert cell["value"] == pytest.approx(mean, abs=1e-6)
        assert float(cell["words"]) == pytest.approx(40 + 10 * mean, rel=0.01)
    assert {cell["words"] for cell in cells if cell["column"] == "home"} <= {"own", "rent"}
    assert {cell["value"] for cell in cells if cell["column"] == "home"} == {None}


def test_real_inputs_of_many_channels_have_one_set_of_colours_everywhere() -> None:
    data = (0.5 + noise(40, 5, 6, 6) / 8).clamp(0, 1)
    spec = ImageSpec(channels=5)
    rows = Dataset("bands", data, torch.zeros(40).long(), spec, ("a",), torch.zeros(40, dtype=torch.int8))
    colours = false_colours(rows)
    assert colours is not None
    net = nn.Conv2d(5, 2, 1)
    found = exemplars(net, data, ".", k=2)
    tiles = Real.among(replace(found, boxes=None), rows).tiles(0, 2)
    for tile, row in zip(tiles, found.rows[0].tolist(), strict=True):
        assert np.array_equal(tile, colours.tile(data[row]))
        assert not np.allclose(tile[..., 0], tile[..., 2])
    drawn = figures.exemplars(found, rows)
    assert "5 channels in false colours" in drawn.note
    shown = made(data, spec)
    assert "principal component of the inputs" in figures.feature_tiles(shown, None, rows).note
    for channels in (1, 3):
        plain = replace(rows, inputs=data[:, :channels], spec=ImageSpec(channels=channels))
        assert false_colours(plain) is None


def test_a_sheet_of_photographs_is_cut_to_256_colours_and_keeps_its_seams() -> None:
    generator = np.random.default_rng(0)
    wave = np.linspace(0, 3, 80)
    tiles = [
        np.stack([np.sin(np.add.outer(wave * i, wave) + c) / 2 + 0.5 for c in range(3)], 2)[: 80 - 9 * i]
        + generator.normal(0, 0.02, (80 - 9 * i, 80, 3))
        for i in range(4)
    ]
    pixels = sheet(tiles, 80, columns=4, gap=10)
    drawn = Image.open(io.BytesIO(png(pixels)))
    exact = io.BytesIO()
    Image.fromarray(pixels).save(exact, "PNG", optimize=True)
    assert drawn.mode == "P"
    assert len(png(pixels)) < 0.5 * len(exact.getvalue())
    back = np.asarray(drawn.convert("RGBA")).astype(int)
    assert np.array_equal(back[..., 3], pixels[..., 3])
    shown = pixels[..., 3] > 0
    assert np.abs(back - pixels)[shown].mean() < 5
