"""Functions inside a forward, heads of attention and recurrent layers as sites."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models import sequences
from models.case import drawn, made
from pellucid._core import probe, sites
from pellucid._core._attention import recomputed
from pellucid.errors import MethodError, SiteError
from pellucid.layers import exemplars


class Written(nn.Module):
    """The same three activations as functions, methods and in place."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 4)

    def forward(self, x):
        h = F.relu(self.a(x))
        h = self.b(h)
        h.relu_()
        h = F.relu(h - 1, inplace=True)
        return h.sigmoid()


def test_activations_are_listed_in_order_whichever_way_they_are_written():
    net, x = made(Written), drawn(3)
    found = [(r.site, r.kind, r.shape) for r in sites(net, lambda: net(x), called=True)]
    assert found == [
        ("a", "Linear", (2, 4)),
        (".:relu()#0", "relu()", (2, 4)),
        ("b", "Linear", (2, 4)),
        (".:relu()#1", "relu()", (2, 4)),
        (".:relu()#2", "relu()", (2, 4)),
        (".:sigmoid()", "sigmoid()", (2, 4)),
        (".", "Written", (2, 4)),
    ]
    assert [r.site for r in sites(net, lambda: net(x))] == ["a", "b", "."]


def test_functions_are_read_overwritten_and_differentiated():
    net, x = made(Written), drawn(3, rows=5)
    one = net.a(x).relu()
    two = net.b(one).relu()
    three = (two - 1).relu()
    names = [".:relu()#0", ".:relu()#1", ".:relu()#2"]
    with probe(net, read=names) as seen:
        out = net(x)
    for name, wanted in zip(names, (one, two, three), strict=True):
        torch.testing.assert_close(seen[name], wanted)
    torch.testing.assert_close(out, three.sigmoid())
    (slope,) = torch.autograd.grad(out.sum(), seen[".:relu()#1"])
    wanted = torch.autograd.grad(three.sigmoid().sum(), two)[0]
    torch.testing.assert_close(slope, wanted)
    with probe(net, write={".:relu()#1": lambda h: 2 * h}):
        changed = net(x)
    torch.testing.assert_close(changed, (2 * two - 1).relu().sigmoid())
    with probe(net, read=[".:relu()#0"], stop=".:relu()#0") as seen:
        net(x)
        pytest.fail("goes on")
    torch.testing.assert_close(seen[".:relu()#0"], one)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_any_function_has_an_address_and_what_is_not_called_is_said():
    net, x = made(Written), drawn(3)
    with probe(net, read=[".:sub()", ".:gelu()", ".:relu()"]) as seen:
        net(x)
    torch.testing.assert_close(seen[".:sub()"], net.b(net.a(x).relu()).relu() - 1)
    with pytest.raises(SiteError, match=r"No gelu\(\) was called by the forward of '\.' itself"):
        seen[".:gelu()"]
    with pytest.raises(SiteError, match=r"called 3 times in this pass; say which call: '\.:relu\(\)#0'"):
        seen[".:relu()"]


def test_an_error_inside_leaves_nothing_behind():
    class Fails(Written):
        def forward(self, x):
            super().forward(x)
            raise ValueError("broken")

    net = made(Fails)
    with pytest.raises(ValueError, match="broken"), probe(net, read=[".:relu()#0"]):
        net(drawn(3))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert torch.overrides._get_current_function_mode_stack() == []


HEADED = [
    (sequences.ByHand, "."),
    (sequences.Fused, "."),
    (sequences.Layered, "layer"),
    (sequences.Weighing, "layer"),
    (sequences.TimeFirst, "layer"),
]


@pytest.mark.parametrize(("kind", "name"), HEADED, ids=lambda value: getattr(value, "__name__", ""))
def test_heads_and_attention_are_those_written_by_hand(kind, name):
    net, x = made(kind), drawn(5, 8, rows=3)
    weights, heads = f"{name}:attention()", f"{name}:heads()"
    with probe(net, read=[weights, heads]) as seen:
        out = net(x)
    q, k, v = made(sequences.ByHand).heads(x)
    wanted = torch.stack(
        [(a @ b.T / 2).softmax(-1) for a, b in zip(q.flatten(0, 1), k.flatten(0, 1), strict=True)]
    )
    torch.testing.assert_close(seen[weights].flatten(0, 1), wanted)
    torch.testing.assert_close(seen[heads], seen[weights] @ v)
    torch.testing.assert_close(out, net(x))
    assert (heads in [r.site for r in sites(net, lambda: net(x), called=True)]) is True
    with probe(net, write={heads: lambda h: torch.cat([h[:, :1], 0 * h[:, 1:]], 1)}):
        changed = net(x)
    alone = (wanted.unflatten(0, (3, 2)) @ v) * torch.tensor([1.0, 0.0]).double()[:, None, None]
    attention = made(sequences.ByHand).layer
    joined = F.linear(alone.transpose(1, 2).flatten(2), attention.out_proj.weight, attention.out_proj.bias)
    torch.testing.assert_close(changed, net.head(joined.mean(1)))
    even = torch.full((3, 2, 5, 5), 0.2).double()
    with probe(net, write={weights: lambda _: even}, read=[heads]) as seen:
        net(x)
    torch.testing.assert_close(seen[heads], even @ v)


def test_a_mask_is_part_of_recomputed_attention():
    class Causal(sequences.Fused):
        def attend(self, x):
            return F.scaled_dot_product_attention(*self.heads(x), is_causal=True)

    class Masked(sequences.Fused):
        def attend(self, x):
            return F.scaled_dot_product_attention(*self.heads(x), attn_mask=torch.ones(5, 5).bool().tril())

    x = drawn(5, 8)
    for kind in (Causal, Masked):
        net = made(kind)
        with probe(net, read=[".:attention()"]) as seen:
            net(x)
        assert not bool(seen[".:attention()"].triu(1).any())


def test_recomputed_attention_must_give_what_the_fused_one_gave():
    class Dropping(sequences.Fused):
        def attend(self, x):
            return F.scaled_dot_product_attention(*self.heads(x), dropout_p=0.5)

    net = made(Dropping)
    with pytest.raises(MethodError, match="its output differs"), probe(net, read=[".:attention()"]):
        net(drawn(5, 8))


def test_what_is_lost_either_way_is_alike():
    """Exemplars find what a head sees by what NaN reaches."""
    net, x = made(sequences.Fused), drawn(5, 8, rows=12)
    for site in (".:attention()", ".:heads()"):
        found = exemplars(net, x, site, k=2)
        with probe(net, read=[site]) as seen, torch.no_grad():
            net(x)
        largest = seen[site].flatten(2).amax(2).topk(2, 0).values.T
        torch.testing.assert_close(found.values.double(), largest)
    one = torch.tensor([1.0, torch.nan])
    recomputed(one, one.clone(), "a layer")
    with pytest.raises(MethodError, match="differs by nan"):
        recomputed(one, torch.ones(2), "a layer")


def test_windows_are_not_taken_for_rows():
    class Windows(sequences.Fused):
        def forward(self, x):
            return super().forward(x.unflatten(0, (-1, 1)).repeat(1, 3, 1, 1).flatten(0, 1))

    net = made(Windows)
    with pytest.raises(MethodError, match="cannot be told from windows"), probe(net, read=[".:heads()"]):
        net(drawn(5, 8))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_are_read_rows_first(kind, first):
    layer = made(lambda: kind(4, 5, num_layers=2, batch_first=first))
    x = drawn(6, 4, rows=3)
    given = x if first else x.transpose(0, 1)
    out, state = layer(given)
    hidden, cell = state if kind is nn.LSTM else (state, None)
    names = [".[0]", ".[h]", *([".[c]"] if cell is not None else [])]
    with probe(layer, read=names) as seen:
        again = layer(given)
    torch.testing.assert_close(seen[".[0]"], out if first else out.transpose(0, 1))
    torch.testing.assert_close(seen[".[h]"], hidden.transpose(0, 1))
    if cell is not None:
        torch.testing.assert_close(seen[".[c]"], cell.transpose(0, 1))
    torch.testing.assert_close(again, (out, state))
    with probe(layer, write={".[h]": lambda h: h * 0 + 7, ".[0]": lambda h: h + 1}):
        changed, moved = layer(given)
    torch.testing.assert_close(changed, out + 1)
    after = moved[0] if cell is not None else moved
    assert after.shape == hidden.shape
    assert bool((after == 7).all())
    if cell is not None:
        torch.testing.assert_close(moved[1], cell)


def test_a_packed_output_is_refused_and_its_state_read():
    net, x = made(lambda: sequences.Packed(nn.GRU, batch_first=True)), drawn(5, 4, rows=3)
    with pytest.raises(SiteError, match=r"packed sequence.*'layer\[h\]'"), probe(net, read=["layer[0]"]):
        net(x)
    with probe(net, read=["layer[h]"]) as seen:
        net(x)
    torch.testing.assert_close(seen["layer[h]"][:, 0], net.layer(x)[1][0])
