"""Attention read off any network: path sums, cuts and written-out gradients as oracles."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import zoo
from pellucid._core import Batch, unit
from pellucid.attribution import attention_flow, attention_relevance, attention_rollout
from pellucid.errors import InputError, MethodError

ALL = [attention_rollout, attention_flow, attention_relevance]
TOKENS, WIDTH = 4, 6


class Layer(nn.Module):
    """One attention layer and a dense one; how attention is written is an argument."""

    def __init__(self, written="plain"):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.dense, self.written = nn.Linear(WIDTH, WIDTH), written

    def weights(self, x):
        q, k = (part(x).unflatten(-1, (2, 3)).transpose(1, 2) for part in (self.query, self.key))
        return (3 * q @ k.transpose(-2, -1) / 3**0.5).softmax(-1)

    def forward(self, x, weights=None):
        q, k, v = (
            part(x).unflatten(-1, (2, 3)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        if self.written == "fused":
            out = F.scaled_dot_product_attention(3 * q, k, v)
        elif self.written == "einsum":
            logits = torch.einsum("bhtd,bhsd->bhts", 3 * q, k) / 3**0.5
            out = torch.einsum("bhts,bhsd->bhtd", F.softmax(logits, dim=-1), v)
        elif self.written == "turned":
            logits = k @ (3 * q).transpose(-2, -1) / 3**0.5
            out = (v.transpose(-2, -1) @ logits.softmax(-2)).transpose(-2, -1)
        else:
            out = (self.weights(x) if weights is None else weights) @ v
        x = x + out.transpose(1, 2).flatten(2)
        return x + self.dense(x).tanh()


class Net(nn.Module):
    """Two such layers; reads the mean of its tokens, or one of them."""

    def __init__(self, written="plain", read="mean"):
        super().__init__()
        self.layers = nn.ModuleList([Layer(written), Layer(written)])
        self.head, self.read = nn.Linear(WIDTH, 3), read

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x.mean(1) if self.read == "mean" else x[:, self.read])


def net(written="plain", read="mean"):
    return zoo.seeded(lambda: Net(written, read)).double().eval()


def inputs(rows=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(rows, TOKENS, WIDTH, dtype=torch.float64, generator=generator)


def weights_of(model, x):
    """The weights of both layers, written out."""
    found = []
    for layer in model.layers:
        found.append(layer.weights(x).detach())
        x = layer(x)
    return found


def halves(weights):
    return [(a.mean(1) + torch.eye(TOKENS)) / 2 for a in weights]


def by_token(why):
    return why.values.sum(-1)


def close(a, b, within=1e-9):
    torch.testing.assert_close(a, b, rtol=within, atol=within)


def test_rollout_is_the_sum_over_all_paths():
    model, x = net(), inputs()
    found = by_token(attention_rollout(model, x, 1))
    first, second = halves(weights_of(model, x))
    wanted = torch.zeros(3, TOKENS, dtype=torch.float64)
    for row, (reader, middle, token) in itertools.product(
        range(3), itertools.product(range(TOKENS), repeat=3)
    ):
        wanted[row, token] += second[row, reader, middle] * first[row, middle, token] / TOKENS
    close(found, wanted)
    close(found.sum(1), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("fusion", ["max", "min"])
def test_heads_are_fused_as_asked(fusion):
    model, x = net(), inputs()
    found = by_token(attention_rollout(model, x, 1, fusion=fusion, query=2))
    wanted = torch.eye(TOKENS, dtype=torch.float64)[2].expand(3, 1, -1)
    for weights in reversed(weights_of(model, x)):
        fused = getattr(weights, f"a{fusion}")(1)
        fused = fused / fused.sum(-1, keepdim=True)
        wanted = wanted @ ((fused + torch.eye(TOKENS)) / 2)
    close(found, wanted[:, 0])


def least_cut(pipes, reader, token):
    """Maximum flow by trying every cut of the nodes into two sides."""
    depth, count = len(pipes), len(pipes[0])
    nodes = [(layer, i) for layer in range(depth + 1) for i in range(count)]
    others = [node for node in nodes if node not in {(depth, reader), (0, token)}]
    best = float("inf")
    for bits in itertools.product([False, True], repeat=len(others)):
        near = {node for node, side in zip(others, bits, strict=True) if side} | {(depth, reader)}
        cut = sum(
            float(pipes[layer - 1][i, j])
            for layer, i in near
            if layer
            for j in range(count)
            if (layer - 1, j) not in near
        )
        best = min(best, cut)
    return best


def test_flow_is_the_least_cut():
    model, x = net(), inputs(1)[:, :3]
    found = by_token(attention_flow(model, x, 0, query=1))[0]
    pipes = [(a.mean(1)[0] + torch.eye(3)) / 2 for a in weights_of(model, x)]
    wanted = [least_cut(pipes, 1, token) for token in range(3)]
    close(found, torch.tensor(wanted, dtype=torch.float64), within=1e-7)
    assert len({round(v, 3) for v in wanted}) == 3


def test_relevance_is_the_formula_with_gradients_written_out():
    model, x = net(), inputs()
    weights, hidden = [], x
    for layer in model.layers:
        weights.append(layer.weights(hidden))
        hidden = layer(hidden, weights[-1])
    slopes = torch.autograd.grad(model.head(hidden.mean(1))[:, 2].sum(), weights)
    gathered = torch.eye(TOKENS, dtype=torch.float64).repeat(3, 1, 1)
    for a, g in zip(weights, slopes, strict=True):
        gathered = gathered + (a * g).clamp(min=0).mean(1) @ gathered
    wanted = (gathered - torch.eye(TOKENS)).mean(1).detach()
    close(by_token(attention_relevance(model, x, 2)), wanted)


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("written", ["fused", "einsum", "turned"])
def test_how_attention_is_written_does_not_matter(method, written):
    x = inputs()
    wanted = method(net(), x, 1)
    found = method(net(written), x, 1)
    close(found.values, wanted.values)
    close(found.scores, wanted.scores)
    assert ("fused" in found.note) == (written == "fused")


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("first", [True, False])
def test_torch_layers_fused_or_not(method, first):
    encoder = zoo.seeded(lambda: nn.TransformerEncoderLayer(WIDTH, 2, 8, batch_first=first, norm_first=True))

    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.head = encoder, nn.Linear(WIDTH, 2)

        def forward(self, x):
            return self.head(self.encoder(x if first else x.transpose(0, 1)).mean(1 if first else 0))

    model, x = zoo.seeded(Turned).double().eval(), inputs()
    found = method(model, x, 0)
    normed = encoder.norm1(x)
    _, weights = encoder.self_attn(normed, normed, normed) if first else (None, None)
    if not first:
        turned = normed.transpose(0, 1)
        _, weights = encoder.self_attn(turned, turned, turned)
    assert "1 attention layer" in found.note
    halved = ((weights + torch.eye(TOKENS)) / 2).detach()
    if method is attention_rollout:
        close(by_token(found), halved.mean(1), within=1e-6)
    if method is attention_flow:
        close(by_token(found), halved.clamp(max=1 / TOKENS).sum(1), within=1e-6)


@pytest.mark.parametrize("method", [attention_rollout, attention_flow])
def test_uniform_attention_gives_uniform_maps(method):
    model = net()
    for layer in model.layers:
        nn.init.zeros_(layer.query.weight)
        nn.init.zeros_(layer.query.bias)
    found = by_token(method(model, inputs(), 0))
    close(found, found[:, :1].expand_as(found), within=1e-8)


def test_the_reader_is_what_the_target_depends_on():
    x = inputs()
    mean = attention_rollout(net(), x, 0)
    assert "mean over the tokens" in mean.note
    last = attention_rollout(net(read=-1), x, 0)
    assert "token 3, on which alone the target depends" in last.note
    close(last.values, attention_rollout(net(), x, 0, query=-1).values)
    close(mean.values, sum(attention_rollout(net(), x, 0, query=k).values for k in range(TOKENS)) / TOKENS)
    with pytest.raises(InputError, match="0 to 3"):
        attention_rollout(net(), x, 0, query=9)


class Causal(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside, self.head = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, 2)

    def forward(self, x):
        q, k, v = self.inside(x).unflatten(-1, (3, 1, WIDTH)).permute(2, 0, 3, 1, 4)
        return self.head(F.scaled_dot_product_attention(q, k, v, is_causal=True)[:, 0, -1])


@pytest.mark.parametrize("method", ALL)
def test_what_comes_later_gets_nothing(method):
    found = by_token(method(zoo.seeded(Causal).double(), inputs(), 0, query=1))
    assert float(found[:, 2:].abs().max()) == 0
    # the target depends on the last token alone, so no attention of another token raises it
    assert (float(found[:, :2].abs().sum()) > 0) == (method is not attention_relevance)


def test_relevance_knows_the_class_and_rollout_does_not():
    model, x = net(), inputs()
    close(attention_rollout(model, x, 0).values, attention_rollout(model, x, 2).values)
    a, b = (attention_relevance(model, x, k).values for k in (0, 2))
    assert float((a - b).abs().max()) > 0.1 * float(a.abs().max())


class Patches(nn.Module):
    """A small vision transformer with a class token."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.place = nn.Parameter(torch.randn(1, 7, WIDTH))
        self.norm, self.layer, self.head = nn.LayerNorm(WIDTH), Layer("fused"), nn.Linear(WIDTH, 2)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.place
        return self.head(self.layer(self.norm(x))[:, 0])


@pytest.mark.parametrize("method", ALL)
def test_patches_lie_on_the_picture_and_the_class_token_nowhere(method):
    model = zoo.seeded(Patches).double()
    x = torch.rand(2, 3, 8, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found = method(model, x, 1)
    assert found.values.shape == x.shape
    assert "the class token" in found.note
    assert "stays on tokens that no input goes into" in found.note
    patches = F.unfold(found.values, 4, stride=4)
    # all pixels of a patch are alike
    close(patches, patches[:, :1].expand_as(patches))
    if method is attention_rollout:
        embedded = model.norm(
            torch.cat([model.token.expand(2, -1, -1), model.patch(x).flatten(2).transpose(1, 2)], 1)
            + model.place
        )
        row = model.layer.weights(embedded).mean(1)[:, 0] / 2
        close(patches.sum(1), row[:, 1:].detach())


def test_a_hidden_layer_is_explained_by_the_attention_after_it():
    model, x = net(), inputs()
    found = attention_rollout(model, x, 1, at="layers.0")
    second = halves(weights_of(model, x))[1]
    close(by_token(found), second.mean(1))
    assert found.note.startswith("1 attention layer")


def test_a_hidden_unit_is_a_target():
    model, x = net(), inputs()
    found = attention_rollout(model, x, unit("layers.0", (2, 1)))
    close(by_token(found), halves(weights_of(model, x))[0][:, 2])
    assert "token 2" in found.note


def test_padding_that_is_masked_gets_nothing():
    encoder = zoo.seeded(lambda: nn.TransformerEncoderLayer(WIDTH, 2, 8, batch_first=True))

    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.head = encoder, nn.Linear(WIDTH, 2)

        def forward(self, tokens, padding):
            x = self.encoder(tokens, src_key_padding_mask=padding)
            kept = (~padding)[..., None].to(x.dtype)
            return self.head((x * kept).sum(1) / kept.sum(1))

    padding = torch.tensor([[False, False, False, True], [False] * 4, [False, False, True, True]])
    batch = Batch({"tokens": inputs()}, held={"padding": padding})
    model = zoo.seeded(Masked).double()
    for method in ALL:
        found = method(model, batch, 0).values["tokens"].sum(-1)
        assert float(found[padding].abs().max()) == 0
        assert float(found[~padding].min()) >= 0
    close(attention_rollout(model, batch, 0).values["tokens"].sum((1, 2)), torch.ones(3, dtype=torch.float64))


class Crossed(nn.Module):
    def __init__(self):
        super().__init__()
        self.asked, self.head = nn.Parameter(torch.randn(1, 2, WIDTH)), nn.Linear(WIDTH, 2)

    def forward(self, x):
        return self.head(F.scaled_dot_product_attention(self.asked.expand(len(x), -1, -1), x, x).mean(1))


class Windows(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, x):
        parts = x.unflatten(1, (2, 2)).flatten(0, 1)
        weights = (parts @ parts.transpose(1, 2)).softmax(-1)
        return self.head((weights @ parts).unflatten(0, (-1, 2)).flatten(1, 2).mean(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * WIDTH, 2)

    def forward(self, x):
        x = self.gru(x)[0]
        return self.head((x @ x.transpose(1, 2)).softmax(-1) @ x).mean(1)


class Shorter(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.head = Layer(), nn.Linear(WIDTH, 2)

    def forward(self, x):
        x = self.first(x).unflatten(1, (2, 2)).mean(2)
        return self.head(F.scaled_dot_product_attention(x, x, x).mean(1))


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, x):
        return self.head(x.mean(1)).softmax(-1)


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize(
    ("made", "words"),
    [
        (Crossed, "'matmul' takes 4 keys for 2 queries"),
        (Windows, "different parts of it, as windows do"),
        (Recurrent, "already depends on 100\u00a0% of it"),
        (Shorter, "has 2 of them, the first attention layer has 4"),
        (Plain, "needs attention"),
    ],
)
def test_attention_that_cannot_be_followed_is_named(method, made, words):
    with pytest.raises(MethodError, match=words):
        method(zoo.seeded(made).double(), inputs(), 0)


def test_wrong_words_are_refused():
    with pytest.raises(InputError, match="mean"):
        attention_rollout(net(), inputs(), 0, fusion="meen")


def test_a_model_of_the_transformers_library_fused_and_eager():
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra: text)")
    config = transformers.BertConfig(
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=16,
        vocab_size=20,
        max_position_embeddings=8,
        num_labels=2,
    )
    found = {}
    for kind in ("eager", "sdpa"):
        config._attn_implementation = kind
        model = zoo.seeded(lambda: transformers.BertForSequenceClassification(config)).double().eval()
        embedded = torch.randn(2, 5, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
        batch = Batch({"inputs_embeds": embedded}, held={"attention_mask": mask})
        for method in ALL:
            found[kind, method] = method(model, batch, 1).values["inputs_embeds"].sum(-1)
            assert float(found[kind, method][1, 3:].abs().max()) == 0
        why = attention_rollout(model, batch, 1)
        assert "2 attention layers" in why.note
        assert "token 0, on which alone the target depends" in why.note
        close(why.values["inputs_embeds"].sum((1, 2)), torch.ones(2, dtype=torch.float64))
    for method in ALL:
        close(found["eager", method], found["sdpa", method])


def test_a_single_token_gets_everything():
    found = attention_rollout(net(), inputs()[:, :1], 0)
    close(by_token(found), torch.ones(3, 1, dtype=torch.float64))
