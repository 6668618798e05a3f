"""Texts of several lengths, on networks that want a mask: padding must not matter anywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid import figures
from pellucid._core import Compute, Dataset
from pellucid.inputs import TextSpec, WordTokenizer
from pellucid.layers import (
    activation_patching,
    attribution_patching,
    co_activation,
    concepts,
    early_exit,
    edge_attribution,
    element_exemplars,
    exemplar_maps,
    exemplars,
    hierarchy,
    linear_probes,
    matrix_factorisation,
    quantile_exemplars,
    representation_similarity,
    selectivity,
    space_map,
    sparse_autoencoder,
    summary,
    unit_effects,
)
from pellucid.networks import gru

WORDS = [f"w{k}" for k in range(24)]


class Encoder(nn.Module):
    """A small transformer that takes its mask by name."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(40, 16)
        self.block = nn.TransformerEncoderLayer(16, 2, 24, dropout=0.0, batch_first=True, norm_first=True)
        self.mix, self.gate, self.out = nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.block(self.embedding(input_ids), src_key_padding_mask=attention_mask == 0)
        hidden = self.gate(self.mix(hidden)) * attention_mask[..., None]
        return self.out(hidden.sum(1) / attention_mask.sum(1, keepdim=True))


@pytest.fixture(scope="module")
def task() -> tuple[nn.Module, Tensor, Tensor, Tensor, TextSpec]:
    """A network, texts, the same texts with more padding, answers, and what they mean."""
    generator = torch.Generator().manual_seed(0)
    texts: list[str] = []
    for i in range(120):
        length = 3 + i % 6
        picked = torch.randint(2, 24, (length,), generator=generator).tolist()
        picked[i % length] = i % 2
        texts.append(" ".join(WORDS[k] for k in picked))
    spec = TextSpec(WordTokenizer.learn(texts, least=1), ids_name="input_ids", mask_name="attention_mask")
    ids = spec.encode(texts)
    longer = torch.cat([ids, torch.zeros(120, 3, dtype=torch.int64)], 1)
    y = torch.arange(120) % 2
    torch.manual_seed(0)
    net = Encoder()
    mask = (ids != 0).long()
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(40):
        loss = nn.functional.cross_entropy(net(input_ids=ids, attention_mask=mask), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.zero_grad()
    return net.eval(), ids, longer, y, spec


Asked = Callable[[nn.Module, Tensor, Tensor, TextSpec], tuple[Tensor | float, ...]]
HOW = Compute(batch_size=50)


def _of_concepts(net: nn.Module, x: Tensor, y: Tensor, spec: TextSpec) -> tuple[Tensor | float, ...]:
    sets = {"first word": x[y == 0][:40]}
    found = concepts(net, x[:40], 0, sets, ["gate"], random=x[y == 1], draws=49, spec=spec, compute=HOW)
    return found.effect, found.score, found.untrained_score


ASKED: dict[str, Asked] = {
    "summary": lambda net, x, y, spec: tuple(
        part
        for row in summary(net, x, spec=spec, compute=HOW).rows
        if "heads" not in row.site  # a weight for each pair of tokens, padding too
        for part in (row.mean, row.sd, row.rank)
    ),
    "exemplars": lambda net, x, y, spec: (exemplars(net, x, "mix", k=5, spec=spec, compute=HOW).values,),
    "quantiles": lambda net, x, y, spec: (quantile_exemplars(net, x, "mix", spec=spec, compute=HOW).values,),
    "selectivity": lambda net, x, y, spec: (selectivity(net, x, y, "mix", spec=spec, compute=HOW).auc,),
    "co_activation": lambda net, x, y, spec: (
        co_activation(net, x, "mix", spec=spec, compute=HOW).correlation,
    ),
    "effects": lambda net, x, y, spec: (unit_effects(net, x, y, "gate", spec=spec, compute=HOW).margin,),
    "probes": lambda net, x, y, spec: (
        linear_probes(net, x, y, ["embedding", "mix"], spec=spec, compute=HOW).accuracy,
    ),
    "similarity": lambda net, x, y, spec: (
        representation_similarity(
            net, x, ["embedding", "mix", "out"], draws=3, spec=spec, compute=HOW
        ).values,
    ),
    "concepts": _of_concepts,
    "patching": lambda net, x, y, spec: (
        activation_patching(net, x[y == 0], x[y == 1], 0, ["mix"], spec=spec, compute=HOW).restored,
    ),
    "attribution": lambda net, x, y, spec: (
        attribution_patching(net, x[y == 0], x[y == 1], 0, "gate", draws=2, spec=spec, compute=HOW).estimate,
    ),
    "edges": lambda net, x, y, spec: (
        edge_attribution(
            net, x[y == 0], x[y == 1], 0, "mix", "gate", steps=1, most=3, draws=1, spec=spec, compute=HOW
        ).edges,
    ),
    "space_map": lambda net, x, y, spec: (
        space_map(net, x, "mix", y, untrained_copy=False, spec=spec, compute=HOW).maps[1].same_class,
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_padding_changes_nothing(name: str, task: tuple[nn.Module, Tensor, Tensor, Tensor, TextSpec]) -> None:
    net, ids, longer, y, spec = task
    short, long = (ASKED[name](net, x, y, spec) for x in (ids, longer))
    for a, b in zip(short, long, strict=True):
        assert torch.allclose(torch.as_tensor(a), torch.as_tensor(b), atol=1e-4, rtol=1e-3, equal_nan=True)
        assert bool(torch.as_tensor(a).isfinite().any())


@pytest.mark.parametrize("kind", ["topk", "nmf"])
def test_dictionaries_are_learned_from_tokens(
    kind: str, task: tuple[nn.Module, Tensor, Tensor, Tensor, TextSpec]
) -> None:
    net, ids, longer, _, spec = task
    tokens = int((ids != 0).sum())

    def made(x: Tensor):
        if kind == "nmf":
            return matrix_factorisation(
                net, x, "gate", width=4, shuffled_control=False, spec=spec, compute=HOW
            )
        return sparse_autoencoder(
            net, x, "gate", width=12, k=3, steps=20, shuffled_control=False, spec=spec, compute=HOW
        )

    short, long = made(ids), made(longer)
    assert short.quality.error == pytest.approx(long.quality.error, abs=1e-3)
    assert short.params.get("vectors", tokens) <= tokens
    found = element_exemplars(net, ids, short, k=3, spec=spec, compute=HOW)
    assert found.positions is not None
    assert bool((ids[found.rows, found.positions[..., 0]] != 0).all())


def test_a_unit_is_strongest_at_a_word_and_the_figure_marks_it(
    task: tuple[nn.Module, Tensor, Tensor, Tensor, TextSpec],
) -> None:
    net, ids, _, y, spec = task
    found = exemplars(net, ids, "mix", k=4, spec=spec, compute=HOW)
    assert found.positions is not None
    assert bool((ids[found.rows, found.positions[..., 0]] != 0).all())
    with_maps = exemplar_maps(net, ids, found, spec=spec, compute=Compute(batch_size=7))
    assert with_maps.maps is not None
    at = with_maps.maps.gather(2, found.positions)[..., 0]
    assert torch.allclose(at, found.values)
    data = Dataset("t", ids, y, spec, ("no", "yes"), torch.zeros(120, dtype=torch.int8))
    drawn = figures.exemplars(with_maps, data)
    svg = drawn.svg()
    assert all(word in svg for word in spec.text(ids[int(found.rows[0, 0])]).split())
    assert "strongest at" in drawn.table.columns


def test_depth_and_early_exit_work_or_say_why_not(
    task: tuple[nn.Module, Tensor, Tensor, Tensor, TextSpec],
) -> None:
    net, ids, _, y, spec = task
    found = hierarchy(net, ids, y, ["embedding", "mix"], seeds=1, spec=spec, compute=HOW)
    assert bool(found.own[1:3].isfinite().all())
    assert found.input_invariance < 1
    early = early_exit(net, ids, y, spec=spec, untrained_copy=False, compute=HOW)
    assert early.check < 1e-3
    assert float(early.agreement[-1]) == 1


def test_a_recurrent_network_that_reads_its_own_padding(
    task: tuple[nn.Module, Tensor, Tensor, Tensor, TextSpec],
) -> None:
    _, ids, longer, y, named = task
    spec = TextSpec(named.tokenizer)
    net = gru(2, vocabulary=spec.size, seed=0).eval()
    site = next(
        row.site for row in summary(net, ids, spec=spec, untrained_copy=False).rows if "GRU" in row.kind
    )
    short, long = (selectivity(net, x, y, site, spec=spec).auc for x in (ids, longer))
    assert torch.allclose(short, long, atol=1e-6)
