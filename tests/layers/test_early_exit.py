"""Early exits: read by the network's own head, and refused where that cannot be trusted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from layers.nets import conv, deep, gaussian, left_alone, trained
from pellucid import figures
from pellucid._core import Compute, load, save
from pellucid.errors import InputError, MethodError, SiteError
from pellucid.layers import early_exit
from pellucid.layers._early_exit import exit_near


class Block(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.norm, self.up = nn.LayerNorm(d), nn.Linear(d, d)

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.5 * self.up(self.norm(x)).tanh()


class Residual(nn.Module):
    """A stem, blocks that write into one stream, a norm and a head."""

    def __init__(self, classes: int = 3, skip: bool = False) -> None:
        super().__init__()
        self.stem, self.blocks = nn.Linear(6, 12), nn.ModuleList(Block(12) for _ in range(4))
        self.norm, self.head, self.skip = nn.LayerNorm(12), nn.Linear(12, classes), skip

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        for block in self.blocks:
            h = block(h)
        out = self.head(self.norm(h))
        return out + x[:, :1] if self.skip else out


@pytest.fixture(scope="module")
def residual() -> nn.Module:
    torch.manual_seed(0)
    x = gaussian(400, 6, 0)
    return trained(Residual(), x, (x[:, 0] * x[:, 1] > 0).long() + (x[:, 2] > 1).long(), 200)


def test_each_layer_is_normalised_by_itself_and_read_by_the_head(residual: nn.Module) -> None:
    x = gaussian(90, 6, 1)
    found = early_exit(residual, x, compute=Compute(32))
    assert found.head == "norm"
    assert found.sites[0] == "stem"
    assert found.sites[-1] == "blocks.3"
    with torch.no_grad():
        wanted = residual(x).argmax(1)
        early = residual.head(residual.norm(residual.stem(x)))  # type: ignore[operator]
    assert float(found.agreement[0]) == pytest.approx(float((early.argmax(1) == wanted).double().mean()))
    assert float(found.agreement[-1]) == 1.0
    assert float(found.divergence[-1]) == pytest.approx(0, abs=1e-9)
    p, q = residual(x).detach().double().log_softmax(1), early.double().log_softmax(1)
    assert float(found.divergence[0]) == pytest.approx(float((p.exp() * (p - q)).sum(1).mean()), rel=1e-6)
    assert found.untrained.isfinite().all()
    assert left_alone(residual)


def test_answers_give_accuracy_and_where_it_changes(residual: nn.Module) -> None:
    x = gaussian(60, 6, 1)
    y = residual(x).argmax(1).detach()
    found = early_exit(residual, x, y, untrained_copy=False)
    assert torch.allclose(found.accuracy, found.agreement)
    assert found.changes[0].isnan()
    assert bool((found.changes[1:] >= 0).all())


def test_what_goes_past_the_head_is_noticed() -> None:
    torch.manual_seed(0)
    with pytest.raises(MethodError, match="self-check failed"):
        early_exit(Residual(skip=True).eval(), 3 * gaussian(40, 6, 0))


def test_networks_of_changing_shape_are_sent_to_probes() -> None:
    with pytest.raises(MethodError, match="linear_probes"):
        early_exit(conv(), torch.rand(20, 1, 8, 8))
    with pytest.raises(SiteError, match="does not give what"):
        early_exit(deep((6, 8, 8, 3)), gaussian(20, 6, 0), sites=["4"], head="4")
    with pytest.raises(InputError, match="class numbers"):
        early_exit(deep((6, 8, 8, 3)), gaussian(20, 6, 0), torch.zeros(20))


def test_tokens_are_read_one_by_one() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.block, self.norm, self.head = (
                nn.Linear(4, 6), Block(6), nn.LayerNorm(6), nn.Linear(6, 5),
            )  # fmt: skip

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.norm(self.block(self.embed(x))))

    torch.manual_seed(0)
    found = early_exit(Tokens(), torch.randn(20, 7, 4), torch.zeros(20).long(), untrained_copy=False)
    assert found.head == "norm"
    assert found.sites[-1] == "block"
    assert "more than once per input" in found.note


def test_the_figure_and_the_file(residual: nn.Module, tmp_path: object) -> None:
    found = early_exit(residual, gaussian(40, 6, 1))
    assert torch.equal(load(save(found, f"{tmp_path}/e.safetensors")).agreement, found.agreement)  # pyright: ignore
    drawn = figures.early_exits(found)
    assert "Read by the last part from norm on, stem gives" in drawn.alt
    assert len(drawn.svg()) > 1000


def test_large_pictures_are_exchanged_in_one_piece() -> None:
    # on a processor such rows pass six at a time, and an exchange over two passes would compare strangers
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 8, 8), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(4, 3),
    ).eval()  # fmt: skip
    found = early_exit(net, torch.randn(9, 3, 224, 224), untrained_copy=False)
    assert (found.head, found.sites) == ("3", ("0", "1", "2"))
    assert found.check < 1e-5


@pytest.mark.parametrize("site", ["stem", "blocks.0", "blocks.2"])
def test_one_layer_is_read_as_among_all(residual: nn.Module, site: str) -> None:
    x = gaussian(90, 6, 1)
    y = residual(x).argmax(1).detach()
    every = early_exit(residual, x, y)
    near = exit_near(residual, x, y, site, compute=Compute(32))
    place = every.sites.index(site)
    assert near.sites == every.sites[max(0, place - 1) : place + 1]
    assert torch.equal(near.agreement[-1], every.agreement[place])
    with pytest.raises(MethodError, match="does not take what norm gives"):
        exit_near(residual, x, y, "norm", compute=Compute(32))
    with pytest.raises(MethodError, match=r"does not take what blocks\.1\.up gives"):
        exit_near(residual, x, y, "blocks.1.up", compute=Compute(32))
