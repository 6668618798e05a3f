"""Twin networks that must agree with each other: one function, written in the ways people write networks."""

from collections import namedtuple
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from pellucid._core import logit

CLASS = 1


def seeded(make, seed=0):
    """Build a network under a seed without touching the caller's random state."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return make()


def inputs(rows=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 2, 8, 8, dtype=torch.float64, generator=generator)


class Modules(nn.Module):
    """The plain form: each ReLU its own module."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(4, 6, 3)
        self.relu2 = nn.ReLU()
        self.head = nn.Linear(24, 3)

    def features(self, x):
        return self.relu2(self.conv2(self.pool(self.relu1(self.conv1(x)))))

    def forward(self, x):
        return self.head(self.features(x).flatten(1))


class Functional(Modules):
    def features(self, x):
        return F.relu(self.conv2(F.max_pool2d(F.relu(self.conv1(x)), 2)))


class InPlace(Modules):
    def __init__(self):
        super().__init__()
        self.relu1, self.relu2 = nn.ReLU(inplace=True), nn.ReLU(inplace=True)


class ChangesItsInput(Modules):
    """Writes into what it is given, as some networks normalise."""

    def forward(self, x):
        x.mul_(2).sub_(1)
        return super().forward(x.add_(1).div_(2))


class SharedRelu(Modules):
    def __init__(self):
        super().__init__()
        del self.relu2
        self.relu2 = self.relu1


class TupleOut(Modules):
    def forward(self, x):
        return x.mean((1, 2, 3)), super().forward(x)


class DictOut(Modules):
    def forward(self, x):
        return {"loss": None, "logits": super().forward(x), "hidden": x}


@dataclass
class ModelOutput:
    logits: torch.Tensor
    hidden_states: tuple | None = None
    loss: torch.Tensor | None = None


class DataclassOut(Modules):
    def forward(self, x):
        return ModelOutput(super().forward(x), hidden_states=(x,))


Named = namedtuple("Named", "hidden scores")


class NamedTupleOut(Modules):
    def forward(self, x):
        return Named(x.mean(), super().forward(x))


class Caching(Modules):
    """Keeps tensors of its last pass, as attention layers and recurrent nets do."""

    cached = None

    def forward(self, x):
        self.cached = super().forward(x)
        return self.cached


class Counting(Modules):
    """Writes into a buffer at each pass, also in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x):
        self.passes += 1
        return super().forward(x)


class DoubleBackward(Modules):
    """Its scores are slopes of an energy, so explaining takes second derivatives."""

    def forward(self, x):
        with torch.enable_grad():
            way = torch.ones(len(x), 3, dtype=x.dtype, requires_grad=True)
            energy = (way * super().forward(x)).sum()
            return torch.autograd.grad(energy, way, create_graph=True)[0]


class Regularised(Modules):
    """Dropout and batch norm, left in training mode; the identity in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm2d(4, eps=0.0), nn.Dropout(0.5)

    def features(self, x):
        x = self.drop(self.norm(self.conv1(x)))
        return self.relu2(self.conv2(self.pool(self.relu1(x))))


@dataclass
class Twin:
    name: str
    model: nn.Module
    target: object = CLASS
    tolerance: float = 1e-10
    dtype: torch.dtype = torch.float64


def reference():
    return seeded(Modules).double().eval()


def _like_reference(kind, **changes):
    model = seeded(kind)
    model.load_state_dict(reference().state_dict(), strict=False)
    return Twin(kind.__name__, model.double(), **changes)


def _changed(name, change, **changes):
    model = reference()
    change(model)
    return Twin(name, model, **changes)


def _hooked(model):
    model.seen = []
    model.relu1.register_full_backward_hook(lambda module, grad_in, grad_out: model.seen.append("backward"))
    model.conv2.register_forward_hook(lambda module, args, output: model.seen.append("forward"))
    model.conv2.weight.register_hook(lambda grad: model.seen.append("weight"))


def _frozen(model):
    for parameter in model.parameters():
        parameter.requires_grad_(False)


def twins():
    plain = [
        Functional,
        InPlace,
        ChangesItsInput,
        SharedRelu,
        DataclassOut,
        DictOut,
        Caching,
        Counting,
        DoubleBackward,
        Regularised,
    ]
    return [
        *(_like_reference(kind) for kind in plain),
        _like_reference(TupleOut, target=logit(CLASS, output=1)),
        _like_reference(NamedTupleOut, target=logit(CLASS, output=1)),
        _changed("hooked", _hooked),
        _changed("frozen", _frozen),
        _changed("channels last", lambda model: model.to(memory_format=torch.channels_last)),
        _changed("single precision", lambda model: model.float(), tolerance=1e-5, dtype=torch.float32),
        _changed("bfloat16", lambda model: model.bfloat16(), tolerance=0.1, dtype=torch.bfloat16),
        _changed("half", lambda model: model.half(), tolerance=0.02, dtype=torch.float16),
    ]
