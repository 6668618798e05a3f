"""Dissection: against the definition written out, on masks that are known."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from layers.nets import conv, left_alone
from pellucid import figures
from pellucid._core import Compute, load, save
from pellucid.errors import InputError, MethodError
from pellucid.layers import network_dissection


def patches(n: int = 60) -> tuple[Tensor, Tensor]:
    """Noise with a bright square somewhere in every second picture, and where it is."""
    generator = torch.Generator().manual_seed(0)
    x = 0.2 * torch.rand(n, 1, 12, 12, generator=generator)
    mask = torch.zeros(n, 12, 12, dtype=torch.bool)
    for i in range(0, n, 2):
        top, left = torch.randint(0, 9, (2,), generator=generator).tolist()
        mask[i, top : top + 3, left : left + 3] = True
    x[:, 0][mask] = 1.0 + 0.1 * torch.rand(int(mask.sum()), generator=generator)
    return x, mask


class Shows(nn.Module):
    """Unit 0 is the picture, unit 1 its negative, unit 2 always likes the same corner."""

    def forward(self, x: Tensor) -> Tensor:
        corner = torch.zeros_like(x)
        corner[..., :3, :3] = 1 + 0.01 * x[..., :3, :3]
        return torch.cat([x, -x, corner], 1)


def test_a_unit_that_is_the_patch_detects_it_and_one_that_is_not_does_not() -> None:
    x, mask = patches()
    found = network_dissection(Shows(), x, {"patch": mask}, ".", quantile=0.03, untrained_copy=False)
    assert found.iou[0, 0] > 0.9
    assert found.iou[1, 0] == 0
    assert found.iou[0, 0] > 5 * found.shuffled[0, 0]
    assert found.untrained.isnan().all()
    assert found.detectors["units"] >= 1


def test_the_numbers_are_those_of_the_definition_for_any_batch_size() -> None:
    net, (x, mask) = conv(), patches()
    x, mask = x[..., :8, :8], mask[:, :8, :8]
    found, other = (
        network_dissection(net, x, {"a": mask, "b": ~mask}, "2", compute=Compute(size)) for size in (7, 60)
    )
    assert torch.allclose(found.iou, other.iou)
    assert torch.allclose(found.rotated, other.rotated)
    with torch.no_grad():
        maps = net[:3](x)
    for unit in range(4):
        values = maps[:, unit].flatten().sort(descending=True).values
        cut = values[-(-len(values) * 5 // 1000) - 1]
        lit = (
            F.interpolate(maps[:, unit : unit + 1], size=(8, 8), mode="bilinear", align_corners=False)[:, 0]
            > cut
        )
        wanted = float((lit & mask).sum()) / float((lit | mask).sum())
        assert float(found.iou[unit, 0]) == pytest.approx(wanted)
    assert found.untrained.isfinite().all()
    assert left_alone(net)


def test_a_concept_spread_over_channels_shows_in_mixtures_too() -> None:
    x, mask = patches()

    class Spread(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.repeat(1, 4, 1, 1)

    found = network_dissection(Spread(), x, {"patch": mask}, ".", quantile=0.03, untrained_copy=False)
    assert found.iou.min() > 0.9
    assert found.rotated.max() > 0.9


def test_boxes_of_blood_cells_are_dissected() -> None:
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    path = Path(os.environ.get("PELLUCID_TEST_DATA", beside)) / "bccd_cells.zip"
    if not path.exists():
        pytest.skip(f"{path.name} is not in {path.parent}; set PELLUCID_TEST_DATA to where it lies")
    x, mask = cells(path, 40)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 5, padding=2, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
    found = network_dissection(net, x, mask, "2", compute=Compute(16))
    assert found.iou.shape == (8, 2)
    assert bool(((found.iou >= 0) & (found.iou <= 1)).all())
    assert "random mixtures" in figures.dissection(found).alt


def cells(path: Path, n: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Pictures ``[n, 3, 60, 80]`` and where white cells and platelets lie."""
    import csv
    import io
    import zipfile

    import numpy as np
    from PIL import Image

    with zipfile.ZipFile(path) as box:
        lines = list(csv.DictReader(io.StringIO(box.read("boxes.csv").decode())))
        files = list(dict.fromkeys(line["image"] for line in lines))[:n]
        pixels = [io.BytesIO(box.read(f"images/{file}.jpg")) for file in files]
    read = [np.asarray(Image.open(each).resize((80, 60))) for each in pixels]
    x = torch.tensor(np.stack(read)).permute(0, 3, 1, 2).float() / 255
    masks = {kind: torch.zeros(len(files), 60, 80, dtype=torch.bool) for kind in ("WBC", "Platelets")}
    for line in lines:
        if line["image"] in files and line["label"] in masks:
            left, top, right, bottom = (round(float(line[k]) / 4) for k in ("xmin", "ymin", "xmax", "ymax"))
            masks[line["label"]][files.index(line["image"]), top:bottom, left:right] = True
    return x, masks


def test_what_cannot_be_dissected_is_refused(tmp_path: object) -> None:
    x, mask = patches()
    with pytest.raises(InputError, match="expected bool"):
        network_dissection(Shows(), x, {"patch": mask.float()}, ".")
    with pytest.raises(InputError, match="is empty"):
        network_dissection(Shows(), x, {"patch": torch.zeros_like(mask)}, ".")
    with pytest.raises(MethodError, match="needs maps"):
        network_dissection(conv(), x[..., :8, :8], {"patch": mask[:, :8, :8]}, "3")
    found = network_dissection(Shows(), x, {"patch": mask}, ".", untrained_copy=False)
    back = load(save(found, f"{tmp_path}/d.safetensors"))
    assert torch.equal(back.iou, found.iou)  # pyright: ignore
    assert len(figures.dissection(found).svg()) > 1000


def test_of_many_concepts_the_best_are_drawn_and_all_are_in_the_table():
    x, mask = patches()
    stripes = {f"rows {i}": torch.zeros_like(mask) for i in range(8)}
    for i, name in enumerate(stripes):
        stripes[name][:, i] = True
    found = network_dissection(Shows(), x, {**stripes, "patch": mask}, ".", untrained_copy=False)
    drawn = figures.dissection(found)
    assert len(drawn.chart["concat"]) == 6
    assert drawn.chart["concat"][0]["title"] == "patch"
    assert {row[1] for row in drawn.table.rows} == set(found.concepts)
    assert "6 of 9 concepts" in drawn.note
