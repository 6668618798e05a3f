"""The smallest readable network, to test what all of them share."""

import torch
from torch import nn

from pellucid.networks import Architecture, Readable, Recipe
from pellucid.readable import ReadableClassifier, ReadableRegressor


class Linear(Readable):
    recipe = Recipe(epochs=40, batch_size=32, learning_rate=0.05)

    def __init__(self, inputs, outputs, seed=0, answers=(0.0, 1.0)):
        super().__init__()
        self.architecture = Architecture("linear", {"inputs": inputs, "outputs": outputs, "seed": seed})
        self.linear = nn.Linear(inputs, outputs)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.answers = answers

    def forward(self, x):
        return self.answers[0] + self.answers[1] * self.linear(x)


class LinearClassifier(ReadableClassifier):
    def __init__(self, *, categorical=None, monotone=None, units=None, immutable=None, validation=0.15,
                 random_state=0):  # fmt: skip
        self.categorical = categorical
        self.monotone = monotone
        self.units = units
        self.immutable = immutable
        self.validation = validation
        self.random_state = random_state

    def _make(self, dataset, seed):
        return Linear(dataset.inputs.shape[1], dataset.outputs, seed)


class LinearRegressor(ReadableRegressor):
    def __init__(self, *, categorical=None, monotone=None, units=None, immutable=None, validation=0.15,
                 random_state=0):  # fmt: skip
        self.categorical = categorical
        self.monotone = monotone
        self.units = units
        self.immutable = immutable
        self.validation = validation
        self.random_state = random_state

    def _make(self, dataset, seed):
        answers = dataset.answers
        return Linear(dataset.inputs.shape[1], 1, seed, (float(answers.mean()), float(answers.std())))


def rows(n, columns, seed=0):
    return torch.randn(n, columns, generator=torch.Generator().manual_seed(seed)).numpy()
