"""What single units do: quantiles, ablation, companions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from layers.nets import conv, deep, gaussian, left_alone, trained
from pellucid import figures
from pellucid._core import Compute, load, save
from pellucid.errors import InputError
from pellucid.layers import co_activation, exemplars, quantile_exemplars, unit_effects


def test_quantiles_are_those_of_the_values() -> None:
    net, x = conv().eval(), torch.rand(101, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = quantile_exemplars(net, x, "1", quantiles=[1.0, 0.9, 0.5], compute=Compute(13))
    with torch.no_grad():
        values = net[:2](x).flatten(2).amax(2)
    for unit in range(4):
        order = values[:, unit].sort().values
        assert found.values[unit].tolist() == pytest.approx([float(order[k]) for k in (100, 90, 50)])
        assert torch.equal(values[found.rows[unit], unit], found.values[unit])
    assert found.boxes is not None
    top = exemplars(net, x, "1", k=1)
    assert torch.equal(top.rows[:, 0], found.rows[:, 0])
    assert torch.equal(top.boxes[:, 0], found.boxes[:, 0])  # type: ignore[index]
    small = quantile_exemplars(net, x, "1", most=20)
    assert len(small.rows.unique()) <= 20
    with pytest.raises(InputError, match="between 0 and 1"):
        quantile_exemplars(net, x, "1", quantiles=[50])


def test_equal_values_keep_the_order_of_rows_for_any_batch_size() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(-3, 3, (200, 5), generator=generator).float()
    x[x == 0] *= -1  # minus zero is zero
    wanted = x.T.sort(dim=1, descending=True, stable=True)
    for kind in (torch.float32, torch.float64):
        for size in (3, 16, 200):
            found = exemplars(nn.Identity(), x.to(kind), ".", k=30, compute=Compute(size))
            assert torch.equal(found.rows, wanted.indices[:, :30])
            assert found.values.dtype == kind


def test_the_unit_that_decides_a_class_is_found() -> None:
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.units = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            h = self.units(x)
            return torch.stack([h[:, 0], h[:, 1], 0.5 + 0 * h[:, 0]], 1)

    x = torch.zeros(90, 3)
    y = torch.arange(90) % 3
    x[y == 0, 0], x[y == 1, 1] = 1.0, 1.0
    x[:, 2] = gaussian(90, 1, 0)[:, 0]
    found = unit_effects(Reads(), x, y, "units", compute=Compute(17))
    assert found.accuracy == 1.0
    assert found.drop.tolist() == pytest.approx([1 / 3, 1 / 3, 0])
    assert found.by_class[0].tolist() == pytest.approx([1, 0, 0])
    assert found.low[0] > 0
    assert float(found.margin[2]) == 0.0


def test_ablation_is_holding_at_the_mean_whatever_the_batch_size() -> None:
    x = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0, :4].mean((1, 2)) > x[:, 0, 4:].mean((1, 2))).long()
    net = trained(conv(), x, y, 60)
    one, other = (unit_effects(net, x, y, "2", units=[3, 1], compute=Compute(size)) for size in (9, 200))
    assert torch.allclose(one.margin, other.margin, atol=1e-5)
    with torch.no_grad():
        h = net[:3](x)
        base = net(x).argmax(1) == y
        h[:, 3] = h[:, 3].mean()
        left = net[3:](h).argmax(1) == y
    assert float(one.drop[0]) == pytest.approx(float(base.double().mean() - left.double().mean()))
    assert left_alone(net)


def test_companions_are_those_of_numpy() -> None:
    net, x = deep((6, 10, 4)).eval(), gaussian(80, 6, 0)
    found = co_activation(net, x, "0", k=2, compute=Compute(11))
    with torch.no_grad():
        r = np.corrcoef(net[:1](x).double().numpy().T)
    np.fill_diagonal(r, 0)
    for unit in range(10):
        assert int(found.partners[unit, 0]) == int(np.abs(r[unit]).argmax())
        assert float(found.correlation[unit, 0]) == pytest.approx(
            r[unit, int(found.partners[unit, 0])], abs=1e-6
        )
    assert found.untrained.isfinite().all()


def test_a_dead_unit_has_no_companion() -> None:
    x = torch.cat([gaussian(30, 2, 0), torch.ones(30, 1)], 1)
    found = co_activation(nn.Identity(), x, ".", k=1, untrained_copy=False)
    assert float(found.correlation[2, 0]) == 0.0


def test_effects_are_drawn_stored_and_refused(tmp_path: object) -> None:
    x = gaussian(60, 6, 0)
    y = (x[:, 0] > 0).long()
    found = unit_effects(trained(deep((6, 8, 2)), x, y), x, y, "1")
    assert torch.equal(load(save(found, f"{tmp_path}/e.safetensors")).drop, found.drop)  # pyright: ignore
    drawn = figures.effects(found, ("low", "high"))
    assert "would by chance" in drawn.alt
    assert len(drawn.table.rows) == 8
    assert len(drawn.svg()) > 1000
    with pytest.raises(InputError, match="class numbers"):
        unit_effects(deep(), x, y[:5], "1")
    with pytest.raises(InputError, match="has 2 classes"):
        unit_effects(deep((6, 8, 2)), x, y + 1, "1")
