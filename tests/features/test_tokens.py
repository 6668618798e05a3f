"""Texts made token by token, against reading every text there is."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from pellucid._core import Compute
from pellucid.errors import InputError, TargetError
from pellucid.features import token_maximization
from pellucid.features._stretches import Stretches
from pellucid.features._text_nearness import TextNearness, shared
from pellucid.inputs import TextSpec, WordTokenizer
from pellucid.networks import text_cnn, transformer

WORDS = [f"w{k}" for k in range(14)]


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def texts(count: int = 120, longest: int = 9) -> list[str]:
    lengths = torch.randint(4, longest + 1, (count,), generator=chance(1)).tolist()
    draws = torch.randint(len(WORDS), (count, longest), generator=chance(2)).tolist()
    return [" ".join(WORDS[k] for k in row[:length]) for row, length in zip(draws, lengths, strict=True)]


@pytest.fixture(scope="module")
def toy() -> tuple[TextSpec, Tensor]:
    spec = TextSpec(WordTokenizer.learn(texts(), least=1))
    return spec, spec.encode(texts())


def best_of_all(net: nn.Module, stretches: Stretches) -> Tensor:
    """Largest values ``[units]`` of the output over every text that is near enough to real ones."""
    rows = torch.tensor(list(itertools.product(stretches.tokens.tolist(), repeat=stretches.length)))
    nearness = TextNearness.of(stretches)
    with torch.no_grad():
        return net(rows[nearness.distance(rows) <= nearness.far]).amax(0)


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("network", [text_cnn, transformer])
def test_a_short_text_is_as_good_as_the_best_of_all(toy: tuple[TextSpec, Tensor], network, length) -> None:
    spec, x = toy
    net = network(spec.size, 5, seed=3).eval()
    made = token_maximization(
        net, "output", spec=spec, data=x, length=length, seeds=8, untrained_control=False
    )
    best = best_of_all(net, Stretches.of(x, spec, length, 0))
    reached = made.reached.amax(1)
    # exchanges of one token end in a local maximum of texts of two
    assert (reached <= best + 1e-5).all()
    assert (best - reached <= (1e-5 if length == 1 else 0.1) * best.abs()).all()


def test_the_values_told_are_those_of_the_texts(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy
    net = text_cnn(spec.size, 3, seed=1).eval()
    made = token_maximization(net, "output", spec=spec, data=x, length=5, steps=12)
    with torch.no_grad():
        read = net(made.pictures.flatten(0, 1)).view(3, 2, 3)
        real = net(x)
    assert torch.allclose(read.diagonal(dim1=0, dim2=2).T, made.reached, atol=1e-5)
    assert torch.allclose(made.largest, real.amax(0))
    assert torch.allclose(made.ratio, made.reached.amax(1) / made.largest)
    assert torch.equal(made.real, x[made.rows])
    assert made.untrained_distance.isfinite().all()
    assert made.pictures.dtype == torch.int64
    assert made.params["length"] == 5


def test_a_made_text_is_no_further_than_real_ones(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy
    made = token_maximization(
        transformer(spec.size, 2, seed=5), "block1.dense1", spec=spec, data=x, length=6, steps=30,
        units=range(12), untrained_control=False,
    )  # fmt: skip
    nearness = TextNearness.of(Stretches.of(x, spec, 6, 0))
    assert (nearness.distance(made.pictures.flatten(0, 1)) <= nearness.far + 1e-9).all()
    assert made.steps.double().mean() > 2


def test_nearness_counts_tokens_as_a_slow_loop_does() -> None:
    a, b = (torch.randint(3, 7, (6, 5), generator=chance(seed)) for seed in (0, 1))
    slow = [[sum((Counter(p) & Counter(q)).values()) for q in b.tolist()] for p in a.tolist()]
    assert shared(a, b).tolist() == slow


def test_likeness_to_real_stretches_counts_tokens(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy
    nearness = TextNearness.of(Stretches.of(x, spec, 4, 0))
    shown = nearness.real[torch.randint(len(nearness.real), (3, 2), generator=chance())]
    slow = [
        [
            sum(sum((Counter(p) & Counter(q)).values()) for p in starts) / (2 * 4)
            for q in nearness.real[:50].tolist()
        ]
        for starts in shown.tolist()
    ]
    assert torch.allclose(nearness.likeness(shown, 50), torch.tensor(slow, dtype=torch.float64))


def test_made_texts_tell_what_excites_a_unit_that_counts_words(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy

    class Counting(nn.Module):
        """Unit k answers to the words of one group, as often as they come."""

        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(spec.size, 3)
            with torch.no_grad():
                self.table.weight.copy_(torch.eye(3)[torch.arange(spec.size) % 3])
            self.output = nn.Identity()

        def forward(self, ids: Tensor) -> Tensor:
            return self.output((self.table(ids) * (ids != spec.pad)[..., None]).sum(1))

    made = token_maximization(Counting(), "output", spec=spec, data=x, length=4, steps=16)
    trust = made.trust
    assert trust is not None
    assert (trust.told_low > 0.5).all()
    assert (trust.told > trust.told_by_others + 0.3).all()
    assert trust.sites[-1] == "output"
    assert (trust.path[:, -1] > 0.8).all()
    assert trust.untrained_told.isfinite().all()
    assert trust.matched.tolist() == [-1, -1, -1]


def test_an_exchange_is_near_when_the_changed_text_is(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy
    stretches = Stretches.of(x, spec, 4, 0)
    nearness = TextNearness.of(stretches)
    size = len(stretches.tokens)
    free = stretches.tokens[torch.randint(size, (20, 4), generator=chance())]
    place = torch.randint(4, (20, 30), generator=chance(1))
    token = stretches.tokens[torch.randint(size, (20, 30), generator=chance(2))]
    said = nearness.near(free, place, token)
    changed = free[:, None].expand(-1, 30, -1).scatter(2, place[..., None], token[..., None])
    true = (nearness.distance(changed.flatten(0, 1)) <= nearness.far).view(20, 30)
    # only the nearest stretches are looked at, so a near one may be missed but none is let through
    assert not (said & ~true).any()
    assert (said == true).double().mean() > 0.95


def test_a_unit_that_sees_three_words_gets_three(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy
    net = text_cnn(spec.size, 2, channels=4, seed=2)
    made = token_maximization(net, "conv3", spec=spec, data=x, steps=8, untrained_control=False)
    assert made.pictures.shape == (4, 2, 3)
    assert made.total == 4


class Framed(nn.Module):
    """Reads ids and a mask by name, and looks at the special tokens too; without its mask, at padding."""

    def __init__(self, size: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(size, 6)
        self.output = nn.Linear(6, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        there = attention_mask[..., None].to(torch.float32)
        return self.output((self.table(input_ids) * there).sum(1) / there.sum(1))


def test_special_tokens_stay_and_names_are_kept() -> None:
    names = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", *WORDS)
    spec = TextSpec(
        str.split,
        vocabulary=names,
        pad=0,
        unk=3,
        special=(1, 2),
        ids_name="input_ids",
        mask_name="attention_mask",
    )
    rows = [[1, *(4 + int(word[1:]) for word in text.split()), 2] for text in texts()]
    x = torch.tensor([row + [0] * (12 - len(row)) for row in rows])
    net = Framed(len(names))
    made = token_maximization(net, "output", spec=spec, data=x, length=3, steps=9)
    assert made.pictures.shape == (2, 2, 5)
    assert (made.pictures[..., 0] == 1).all()
    assert (made.pictures[..., -1] == 2).all()
    assert (made.pictures[..., 1:-1] > 3).all()


def test_a_network_that_looks_at_padding_gets_it(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy
    torch.manual_seed(0)
    net = nn.Sequential(nn.Embedding(spec.size, 4), nn.Flatten(), nn.Linear(4 * x.shape[1], 2))
    made = token_maximization(net, "2", spec=spec, data=x, length=4, steps=3, untrained_control=False)
    assert made.pictures.shape == (2, 2, x.shape[1])
    assert (made.pictures[..., 4:] == spec.pad).all()


@pytest.mark.parametrize("size", [1, 7])
def test_batch_size_changes_nothing(toy: tuple[TextSpec, Tensor], size: int) -> None:
    spec, x = toy
    net = text_cnn(spec.size, 3, seed=1)

    def run(batch: int) -> Tensor:
        return token_maximization(
            net, "conv2", spec=spec, data=x[:40], units=[3, 0], steps=4, compute=Compute(batch)
        ).pictures

    assert torch.equal(run(64), run(size))


def test_the_network_comes_back_as_it_was(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy
    net = text_cnn(spec.size, 3, seed=1).train()
    net.output.bias.requires_grad_(False)
    before = [p.clone() for p in net.parameters()]
    flags = [p.requires_grad for p in net.parameters()]
    state = torch.get_rng_state()
    token_maximization(net, "output", spec=spec, data=x, steps=3)
    assert net.training
    assert torch.equal(state, torch.get_rng_state())
    assert [p.requires_grad for p in net.parameters()] == flags
    assert all(torch.equal(a, b) and b.grad is None for a, b in zip(before, net.parameters(), strict=True))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_a_dead_unit_did_not_start(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy
    net = text_cnn(spec.size, 2, channels=2, seed=1)
    with torch.no_grad():
        net.conv1.bias.copy_(torch.tensor([-1e3, 0.0]))
    made = token_maximization(net, "activation1", spec=spec, data=x, steps=4)
    assert made.started.tolist() == [False, True]
    assert made.words[0] == "did not start"


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"length": 40}, InputError, "at least 8 of the texts"),
        ({"units": [9]}, TargetError, "numbered 0 to 1"),
        ({"candidates": 0}, InputError, "at least 1"),
        ({"spec": None}, InputError, "activation_maximization"),
        ({"data": ["w1"]}, InputError, r"spec\.encode"),
    ],
)
def test_errors_say_what_to_do(toy: tuple[TextSpec, Tensor], change, error, text) -> None:
    spec, x = toy
    given = {"spec": spec, "data": x, "steps": 2, **change}
    with pytest.raises(error, match=text):
        token_maximization(text_cnn(spec.size, 2), "output", **given)


def test_a_network_without_a_table_is_told(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy

    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.output = nn.Linear(spec.size, 2)

        def forward(self, ids: Tensor) -> Tensor:
            return self.output(nn.functional.one_hot(ids, spec.size).float().sum(1))

    with pytest.raises(InputError, match="no embedding"):
        token_maximization(Counts(), "output", spec=spec, data=x)


def test_texts_are_shown_to_a_second_network(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy
    net, twin = (text_cnn(spec.size, 3, seed=seed).eval() for seed in (1, 2))
    made = token_maximization(net, "conv2", spec=spec, data=x, steps=4, units=[0, 2], twin=twin)
    trust = made.trust
    assert trust is not None
    sample = Stretches.of(x, spec, None, 0)
    free = sample.cut(made.params["length"]).free[:500]
    reads = []
    for network in (net, twin):
        seen = []
        handle = network.get_submodule("conv2").register_forward_hook(lambda *a, seen=seen: seen.append(a[2]))
        with torch.no_grad():
            network(free)
            network(made.pictures[torch.arange(2), made.reached.argmax(1)])
        handle.remove()
        reads.append([each.amax(2) for each in seen])
    for i, unit in enumerate((0, 2)):
        own = reads[0][0][:, unit].double()
        all_r = [float(torch.corrcoef(torch.stack([own, each.double()]))[0, 1]) for each in reads[1][0].T]
        best = max(range(len(all_r)), key=lambda k: all_r[k])
        assert int(trust.matched[i]) == best
        assert float(trust.match[i]) == pytest.approx(all_r[best], abs=1e-4)
        theirs, shown = reads[1][0][:, best], float(reads[1][1][i, best])
        below = float((theirs < shown - 1e-6).double().mean())
        upto = float((theirs < shown + 1e-6).double().mean())
        assert below - 1e-9 <= float(trust.transfer[i]) <= upto + 1e-9
    assert trust.untrained_transfer.isfinite().all()
    with pytest.raises(InputError, match="very same weights"):
        token_maximization(net, "conv2", spec=spec, data=x, units=[0], twin=net)


def test_classes_mean_the_same_in_a_second_network(toy: tuple[TextSpec, Tensor]) -> None:
    spec, x = toy
    net, twin = (text_cnn(spec.size, 3, seed=seed).eval() for seed in (1, 2))
    made = token_maximization(
        net, ".", spec=spec, data=x, steps=2, units=[2, 1], twin=twin, untrained_control=False
    )
    assert made.trust is not None
    assert made.trust.matched.tolist() == [2, 1]
