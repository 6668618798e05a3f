"""What values claim decides what can contradict them."""

import pytest
import torch
from torch import nn

from pellucid import attribution
from pellucid._core import Compute
from pellucid.errors import InputError, MethodError
from pellucid.evidence import cards
from pellucid.evidence._reading import SIZES, SLOPES, reading
from pellucid.evidence._specimens import linear_network
from pellucid.inputs import Column, TabularSpec


@pytest.mark.parametrize("name", attribution.__all__)
def test_every_published_method_reads_as_what_it_gives_on_a_linear_network(name):
    model, x = linear_network()
    try:
        found = getattr(attribution, name)(model, x, 1)
    except (MethodError, InputError):
        return
    slope = model.weight.detach()[1].expand_as(x)
    alike = torch.allclose(found.map, slope, atol=1e-6)
    assert (reading(found) == "slopes") == alike
    if reading(found) == "sizes":
        assert bool((found.map >= 0).all())


def test_what_is_averaged_decides():
    model, x = linear_network()
    found = attribution.smoothgrad(model, x, 1, of="integrated_gradients", samples=4)
    assert reading(found) == "contributions"
    assert reading(attribution.smoothgrad(model, x, 1, samples=4)) == "slopes"
    assert reading(attribution.saliency(model, x, 1, absolute=True)) == "sizes"
    assert set(attribution.__all__) >= SLOPES | SIZES


def test_slopes_of_tokens_are_lengths():
    net = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2))
    assert reading(attribution.saliency(net, torch.randint(9, (2, 3)), 0)) == "sizes"


class Curved(nn.Module):
    """A sum whose slopes vary where it matters least: small kinks on straight lines."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-2.0, 2.0, 12))

    def forward(self, x):
        return (x * self.weight + 0.3 * torch.tanh(3 * x * self.weight.flip(0))).sum(1, keepdim=True)


def judged(name, model, x):
    spec, how = TabularSpec([Column(f"c{k}") for k in range(x.shape[1])]), Compute(batch_size=512)
    method = getattr(attribution, name)
    return cards(model, method(model, x, 0, spec=spec, compute=how), method, target=0, spec=spec, compute=how)


def test_exact_slopes_and_sizes_are_never_contradicted_by_what_removing_does():
    x = torch.randn(24, 12, generator=torch.Generator().manual_seed(0))
    for name in ("saliency", "internal_influence", "vargrad", "smoothgrad_squared"):
        found = judged(name, Curved(), x)
        assert not any(card.verdict == "contradicted" for card in found)
        said = [card.reason for card in found if card.verdict == "not supported"]
        wanted = "slopes" if name in SLOPES else "sizes without a sign"
        assert said
        assert sum(wanted in one for one in said) >= len(said) // 2


def test_false_slopes_are_contradicted_still():
    """Turned slopes are refuted in either reading."""
    x = torch.randn(24, 12, generator=torch.Generator().manual_seed(0))
    spec, how = TabularSpec([Column(f"c{k}") for k in range(12)]), Compute(batch_size=512)

    def turned(model, inputs, target, *, spec=None, compute=None):
        import dataclasses

        why = attribution.saliency(model, inputs, target, spec=spec, compute=compute)
        return dataclasses.replace(why, values=-why.map)

    model = Curved()
    found = cards(model, turned(model, x, 0, spec=spec), turned, target=0, spec=spec, compute=how)
    assert sum(card.verdict == "contradicted" for card in found) >= 12
