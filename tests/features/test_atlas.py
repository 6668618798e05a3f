"""An atlas of activations whose groups are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid import figures
from pellucid._core import Compute, load, save, untrained
from pellucid.errors import InputError
from pellucid.features import activation_atlas
from pellucid.inputs import ImageSpec


def grouped(n: int = 160) -> tuple[Tensor, Tensor]:
    """Rows around four corners of a square in six dimensions."""
    generator = torch.Generator().manual_seed(0)
    group = torch.arange(n) % 4
    corners = torch.tensor([[0.0, 0], [6, 0], [0, 6], [6, 6]])[group]
    return torch.cat([corners, torch.zeros(n, 4)], 1) + 0.3 * torch.randn(n, 6, generator=generator), group


def test_groups_have_cells_of_their_own_and_their_inputs_lead_back() -> None:
    x, group = grouped()
    net = nn.Identity()
    atlas = activation_atlas(net, ".", data=x, grid=2, steps=64, compute=Compute(64))
    assert atlas.cells.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert atlas.counts.tolist() == [40, 40, 40, 40]
    assert atlas.n == len(x)
    assert atlas.trust > 0.9
    assert atlas.found.tolist() == [0, 0, 0, 0]
    assert atlas.near == 1.0
    # the made input of each cell lies nearest to the group whose rows lie furthest along it
    made = torch.cdist(atlas.pictures.pictures[:, 0], torch.stack([x[group == k].mean(0) for k in range(4)]))
    assert sorted(made.argmin(1).tolist()) == [0, 1, 2, 3]
    assert made.argmin(1).tolist() == group[atlas.pictures.rows[:, 0]].tolist()


def test_neither_batch_size_nor_order_of_work_changes_it() -> None:
    x, _ = grouped()
    one, other = (
        activation_atlas(nn.Identity(), ".", data=x, grid=2, steps=4, compute=Compute(size))
        for size in (7, 200)
    )
    assert torch.equal(one.counts, other.counts)
    assert torch.allclose(one.pictures.pictures, other.pictures.pictures, atol=1e-5)


@pytest.fixture(scope="module")
def pictures() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(512, 3)
    )
    return net.eval(), torch.rand(30, 1, 12, 12)


def test_positions_are_sampled_and_the_map_is_drawn_beside_an_untrained_one(
    pictures: tuple[nn.Module, Tensor], tmp_path: object
) -> None:
    net, x = pictures
    spec = ImageSpec(channels=1)
    made, twin = (
        activation_atlas(model, "3", spec=spec, data=x, grid=3, positions=8, least=4, steps=2)
        for model in (net, untrained(net))
    )
    assert made.n == 240
    assert int(made.counts.sum()) <= 240
    assert made.pictures.pictures.shape[2:] == (1, 6, 6)
    with torch.no_grad():
        values = net[:4](x).flatten(2)
    assert float(made.pictures.largest.max()) <= float(values.norm(dim=1).max()) + 1e-4
    drawn = figures.activation_atlas(made, twin, real=True)
    assert "lead back to their cell" in drawn.alt
    assert "Untrained" in drawn.alt
    assert len(drawn.table.rows) == len(made.cells)
    assert drawn.svg().count("<image") == 3
    back = load(save(made, f"{tmp_path}/atlas.safetensors"))
    assert torch.equal(back.cells, made.cells)  # pyright: ignore[reportAttributeAccessIssue]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_what_cannot_be_mapped_is_said(pictures: tuple[nn.Module, Tensor]) -> None:
    net, x = pictures
    with pytest.raises(InputError, match="needs 100 activations, got 60"):
        activation_atlas(net, "3", data=x, positions=2)
    with pytest.raises(InputError, match="No cell of 20 × 20 holds 200"):
        activation_atlas(net, "3", data=x, grid=20, least=200)
    with pytest.raises(InputError, match="at least 1"):
        activation_atlas(net, "3", data=x, grid=0)
    x, _ = grouped()
    with pytest.raises(InputError, match="read its table"):
        figures.activation_atlas(activation_atlas(nn.Identity(), ".", data=x, grid=2, steps=1))
