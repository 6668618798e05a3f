"""Real inputs that move a unit most, on nets where they are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid import figures
from pellucid._core import Compute, Dataset
from pellucid.errors import InputError, SiteError, TargetError
from pellucid.figures import _contour as figures_contour
from pellucid.inputs import AudioSpec
from pellucid.layers import exemplar_maps, exemplars, exemplars_of, quantile_exemplars


def test_a_linear_unit_likes_the_largest_projection() -> None:
    net = nn.Linear(5, 3)
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    found = exemplars(net, x, ".", k=4, compute=Compute(16))
    with torch.no_grad():
        wanted = net(x).T.topk(4)
    assert torch.equal(found.rows, wanted.indices)
    assert torch.allclose(found.values, wanted.values)
    assert (found.boxes, found.n, found.total) == (None, 200, 3)


def test_the_box_lies_around_the_planted_pixel() -> None:
    conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.zeros_(conv.weight)
    with torch.no_grad():
        conv.weight[0, 0, 1, 1] = 1.0
    x = torch.zeros(6, 1, 9, 9)
    x[4, 0, 5, 2] = 3.0
    x[1, 0, 0, 8] = 2.0
    found = exemplars(conv, x, ".", k=2)
    assert found.rows.tolist() == [[4, 1]]
    assert found.boxes is not None
    assert found.boxes.tolist() == [[[4, 1, 7, 4], [0, 7, 2, 9]]]


def test_several_layers_in_one_pass_equal_one_after_the_other() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2))
    x = torch.randn(20, 1, 8, 8)
    passes = 0

    def count(*_: object) -> None:
        nonlocal passes
        passes += 1

    net[0].register_forward_hook(count)
    together = exemplars_of(net, x, ["1", "3"], k=3, compute=Compute(20))
    assert passes == 2  # the data, and the rows and columns of pixels that measure the fields
    for site, both in zip(["1", "3"], together, strict=True):
        alone = exemplars(net, x, site, k=3)
        assert torch.equal(both.rows, alone.rows)
        assert both.boxes is not None
        assert alone.boxes is not None
        assert torch.equal(both.boxes, alone.boxes)


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.spare = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(x)


def test_errors_say_what_is_wrong() -> None:
    net, x = Unused(), torch.zeros(3, 2)
    with pytest.raises(SiteError, match="Did you mean conv1"):
        exemplars(net, x, "conv11")
    with pytest.raises(SiteError, match="never reached 'spare'"):
        exemplars(net, x, "spare")
    with pytest.raises(TargetError, match="numbered 0 to 1"):
        exemplars(net, x, "conv1", units=[2])
    with pytest.raises(InputError, match="at least one input and most=1, got 0 inputs"):
        quantile_exemplars(net, x[:0], "conv1")


def test_a_line_on_the_picture_lies_around_where_the_unit_is_active() -> None:
    x = torch.zeros(6, 1, 16, 16)
    x[2, 0, 4:8, 6:10] = 1.0
    net = nn.MaxPool2d(2)
    found = exemplar_maps(net, x, exemplars(net, x, ".", k=1))
    assert found.maps is not None
    assert found.maps.shape == (1, 1, 8, 8)
    whole = figures_contour.contoured(x[2, 0].numpy()[..., None].repeat(3, 2), None, found.maps[0, 0])
    amber = abs(whole - figures_contour.LINE).sum(2) < 1e-6
    rows, columns = amber.nonzero()
    times = whole.shape[0] / 16
    assert rows.min() >= 3 * times
    assert rows.max() < 9 * times
    assert columns.min() >= 5 * times
    assert columns.max() < 11 * times
    assert amber.any()


def test_the_piece_of_a_sound_is_told_in_seconds_and_hertz() -> None:
    spec = AudioSpec(
        8000, front="spectrogram", hop=80, frequencies=tuple(float(100 * k) for k in range(1, 13))
    )
    x = torch.full((8, 1, 12, 20), -60.0)
    x[3, 0, 4:6, 10:12] = 0.0
    net = nn.Conv2d(1, 1, 3, padding=1)
    with torch.no_grad():
        net.weight.fill_(1.0)
    found = exemplars(net, x, ".", k=2)
    data = Dataset("s", x, torch.arange(8) % 2, spec, ("a", "b"), torch.zeros(8, dtype=torch.int8))
    drawn = figures.exemplars(found, data)
    assert drawn.table.columns[-1] == "piece"
    said = str(drawn.table.rows[0][-1])
    assert " s, " in said
    assert said.endswith("Hz")
    assert said in drawn.svg()
