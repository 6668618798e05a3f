"""Heads of attention: which one the answers need, and what its figure says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from layers.nets import gaussian, left_alone
from pellucid import figures
from pellucid._core import Compute, load, save
from pellucid.errors import InputError, SiteError
from pellucid.layers import attention_heads, unit_effects


class Attends(nn.Module):
    """Three heads over four tokens; the answer reads the second head alone, which looks back one token."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Identity()

    def heads(self, x: Tensor) -> Tensor:
        n, tokens, _ = x.shape
        back = torch.eye(tokens).roll(1, 0)
        scores = torch.stack([torch.zeros(tokens, tokens), 50 * back, 50 * torch.eye(tokens)])
        values = x.unsqueeze(1).expand(n, 3, tokens, -1)
        return scores.expand(n, 3, tokens, tokens).softmax(-1) @ values

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(self.heads(x)[:, 1, -1])


def test_the_head_that_decides_is_found_and_its_map_is_right() -> None:
    x = gaussian(240, 8, 0).unflatten(1, (4, 2))
    y = x[:, 2].argmax(1)
    net = Attends()
    found = attention_heads(net, x, ".", y, compute=Compute(32))
    assert found.moved.tolist() == pytest.approx([0, 1, 0], abs=0.01)
    assert found.keys.tolist() == pytest.approx([4, 1, 1], abs=1e-6)
    assert torch.allclose(found.weights[:, 1], torch.eye(4).roll(1, 0).expand(4, 4, 4), atol=1e-6)
    assert torch.allclose(found.weights.sum(-1), torch.ones(4, 3, 4))
    assert found.effects is not None
    assert found.effects.accuracy == 1.0
    assert found.effects.drop.tolist() == pytest.approx([0, float(found.effects.drop[1]), 0])
    assert float(found.effects.low[1]) > 0.2
    assert left_alone(net)


def test_a_head_is_held_at_the_mean_of_each_feature() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), nn.Flatten(), nn.Linear(24, 2)
    ).eval()
    x, y = torch.randn(40, 4, 6), torch.arange(40) % 2
    found = attention_heads(net, x, "0.self_attn", y, untrained_copy=False, compute=Compute(7))
    attention = net[0].self_attn
    with torch.no_grad():
        q, k, v = nn.functional.linear(x, attention.in_proj_weight, attention.in_proj_bias).chunk(3, -1)
        q, k, v = (t.unflatten(-1, (2, 3)).transpose(1, 2) for t in (q, k, v))
        heads = (q @ k.transpose(-2, -1) / 3**0.5).softmax(-1) @ v
        plain = net(x)

        def rest(heads: Tensor) -> Tensor:
            layer = net[0]
            h = layer.norm1(x + attention.out_proj(heads.transpose(1, 2).flatten(2)))
            return net[2](layer.norm2(h + layer.linear2(layer.linear1(h).relu())).flatten(1))

        assert torch.allclose(rest(heads), plain, atol=1e-5)
        for head in range(2):
            held = heads.clone()
            held[:, head] = heads[:, head].mean((0, 1))
            moved = (rest(held) - plain).norm(dim=1).mean() / (plain - plain.mean(0)).norm(dim=1).mean()
            assert float(found.moved[head]) == pytest.approx(float(moved), rel=1e-4)
            right = [(out.argmax(1) == y).double().mean() for out in (plain, rest(held))]
            assert found.effects is not None
            assert float(found.effects.drop[head]) == pytest.approx(float(right[0] - right[1]))
    again = unit_effects(net, x, y, "0.self_attn:heads()")
    assert torch.allclose(again.drop, found.effects.drop)


def test_the_figure_the_file_and_the_refusals(tmp_path: object) -> None:
    x = gaussian(60, 8, 0).unflatten(1, (4, 2))
    found = attention_heads(Attends(), x, ".", x[:, 2].argmax(1))
    assert torch.equal(load(save(found, f"{tmp_path}/h.safetensors")).weights, found.weights)  # pyright: ignore
    drawn = figures.attention_heads(found, tokens=["a", "b", "c", "d"])
    assert "without head 1 the output moves by 100" in drawn.alt
    assert drawn.table.rows[0][0] == 1
    assert str(drawn.table.rows[0][-1]).startswith("a → d")
    assert "head 1" in drawn.svg()
    alone = figures.attention_heads(attention_heads(Attends(), x, ".", untrained_copy=False))
    assert "moves the output by 100" in alone.svg()
    with pytest.raises(SiteError, match=r"No .*\(\) was called by the forward of 'mix' itself"):
        attention_heads(Attends(), x, "mix")
    with pytest.raises(InputError, match="maps of 4 inputs were kept"):
        figures.attention_heads(found, row=4)
    with pytest.raises(InputError, match="at least 2 inputs"):
        attention_heads(Attends(), x[:1], ".")
