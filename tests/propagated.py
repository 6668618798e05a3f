# ruff: noqa: E501
"""Small networks, each with something that peers' propagation methods get wrong."""

import torch
import torch.nn.functional as F
from torch import nn

import zoo


class Written(nn.Module):
    """A forward function over some layers."""

    def __init__(self, forward, *layers):
        super().__init__()
        self.layers, self.written = nn.ModuleList(layers), forward

    def forward(self, x):
        return self.written(self.layers, x)


def _pool():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 6, 3), nn.ReLU(True),
        nn.Flatten(), nn.Linear(24, 3),
    )  # fmt: skip


def _residual():
    return Written(
        lambda m, x: m[2](F.relu(m[1](m[0](x)).relu_().add_(x), inplace=True)),
        nn.Linear(6, 6),
        nn.BatchNorm1d(6),
        nn.Linear(6, 3),
    )


def _norms():
    return nn.Sequential(
        nn.Conv1d(2, 4, 3),
        nn.GroupNorm(2, 4),
        nn.SiLU(),
        nn.InstanceNorm1d(4),
        nn.Flatten(),
        nn.Linear(24, 3),
    )


def _same():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding="same"), nn.BatchNorm2d(4), nn.ReLU6(), nn.AvgPool2d(2),
        nn.Upsample(scale_factor=2), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(16, 3),
    )  # fmt: skip


def _attention(**how):
    layer = nn.TransformerEncoderLayer(8, 2, 16, **how)
    return Written(lambda m, x: m[1](m[0](x)).mean(1), layer, nn.Linear(8, 3))


MAKE = {
    "pool": (_pool, (1, 12, 12)),
    "residual": (_residual, (6,)),
    "re-used": (
        lambda: Written(
            lambda m, x: m[3](m[0](m[1](m[0](m[1](m[0](m[2](x))))))),
            nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3),
        ),
        (6,),
    ),
    "functional": (
        lambda: Written(lambda m, x: m[1](F.elu(F.relu(m[0](x)) + F.silu(m[0](x)))), nn.Linear(6, 6), nn.Linear(6, 3)),
        (6,),
    ),
    "gelu and norm": (lambda: nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3)), (6,)),
    "softmax": (lambda: nn.Sequential(nn.Linear(6, 8), nn.Sigmoid(), nn.Linear(8, 3), nn.Softmax(1)), (6,)),
    "norms": (_norms, (2, 8)),
    "same padding": (_same, (1, 12, 12)),
    "attention": (lambda: _attention(batch_first=True), (5, 8)),
    "attention, time first": (
        lambda: Written(
            lambda m, x: m[1](m[0](x.transpose(0, 1))).mean(0),
            nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", norm_first=True),
            nn.Linear(8, 3),
        ),
        (5, 8),
    ),
    "lstm": (
        lambda: Written(
            lambda m, x: m[1](m[0](x)[0][:, -1]),
            nn.LSTM(4, 6, 2, bidirectional=True, batch_first=True),
            nn.Linear(12, 3),
        ),
        (5, 4),
    ),
    "gru": (
        lambda: Written(lambda m, x: m[1](m[0](x)[1][-1]), nn.GRU(4, 6, batch_first=True), nn.Linear(6, 3)),
        (5, 4),
    ),
    "gates and quotients": (
        lambda: Written(
            lambda m, x: m[1](F.glu(m[0](x))) / (1 + x.square().sum(1, keepdim=True)),
            nn.Linear(6, 8),
            nn.Linear(4, 3),
        ),
        (6,),
    ),
    "maxima": (
        lambda: Written(
            lambda m, x: m[1](torch.maximum(m[0](x), x)) + m[0](x).amax(1, keepdim=True) + x.min(1)[0][:, None],
            nn.Linear(6, 6),
            nn.Linear(6, 3),
        ),
        (6,),
    ),
}  # fmt: skip


def net(name, dtype=torch.float64):
    """A network in evaluation mode, its batch norms as after training, and the shape of one input."""
    make, shape = MAKE[name]
    model = zoo.seeded(make).to(dtype).eval()
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.running_mean, module.weight.data, module.bias.data):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
            module.running_var.copy_(torch.rand(module.running_var.shape, generator=generator) + 0.5)
    return model, shape


def unbiased(model):
    """The same without biases and shifts."""
    for name, parameter in model.named_parameters():
        if "bias" in name:
            parameter.data.zero_()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.zero_()
    return model


def rows(shape, count=5, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *shape, generator=generator, dtype=torch.float64).to(dtype)
