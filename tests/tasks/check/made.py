"""A network whose every weight is known, on people whose every column is known."""

import torch
from torch import nn

import pellucid
from pellucid._core import Dataset
from pellucid.inputs import Column, ImageSpec, TabularSpec

SPEC = TabularSpec(
    (
        Column("income", "k", mean=50, std=10, low=10, high=90),
        Column("debt", "k", mean=5, std=2, missing=True, median=5, low=0, high=12),
        Column("sex", levels=("f", "m")),
        Column("age", "years", mean=40, std=10, low=10, high=80),
    )
)


def people(n=600, seed=0, rare=0.5):
    """Income, debt (some missing), sex and age; income alone decides who pays back."""
    draw = torch.Generator().manual_seed(seed)
    numbers = torch.randn(n, 3, generator=draw).clamp(-2.2, 2.2)
    sex = (torch.rand(n, generator=draw) < rare).long()
    gone = (torch.rand(n, generator=draw) < 0.1).float()
    x = torch.stack(
        [numbers[:, 0], numbers[:, 1] * (1 - gone), gone, 1.0 - sex, sex.float(), numbers[:, 2]], 1
    )
    y = (numbers[:, 0] + 0.3 * torch.randn(n, generator=draw) > 0).long()
    return Dataset("people", x, y, SPEC, ("no", "yes"), torch.full((n,), 2, dtype=torch.int8), "pays")


def scorer(income=3.0, debt=0.0, sex=0.0, age=0.0):
    """Log-odds of yes: a weighted sum."""
    net = nn.Linear(6, 2)
    with torch.no_grad():
        net.weight.zero_()
        net.bias.zero_()
        net.weight[1] = torch.tensor([income, debt, 0.0, 0.0, sex, age])
    return net


def of(network, data):
    return pellucid.open(network, data=data, name="scorer")


def only(subject, expectation, **more):
    (outcome,) = pellucid.check(subject, [expectation], **more).outcomes
    return outcome


class Corner(nn.Module):
    """Answers by the brightness of the upper left pixel alone."""

    def forward(self, x):
        score = 20 * (x[:, 0, 0, 0] - 0.5)
        return torch.stack([-score, score], 1) / 2


def pictures():
    x = torch.rand(120, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    spec = ImageSpec(size=(6, 6))
    y = (x[:, 0, 0, 0] > 0.5).long()
    return Dataset("spots", x, y, spec, ("dark", "light"), torch.full((120,), 2, dtype=torch.int8))
