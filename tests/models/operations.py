"""Networks that consist of one operation or layer between two plain ones."""
# ruff: noqa: E501

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from models.case import RELUS, RULES, SLOPES, Case, drawn, made, no, written


def pictures():
    return drawn(2, 8, 8)


def head(m, x):
    return m[-1](x.flatten(1)[:, :24])


def operations(name, forward, *layers, shape=(2, 8, 8), **how):
    return Case(name, lambda: written(forward, *layers), lambda: drawn(*shape), **how)


def conv1():
    return nn.Conv2d(2, 4, 3, padding=1)


def last():
    return nn.Linear(24, 3)


def small(act, name, **how):
    """An activation between two dense layers."""
    return operations(
        name, lambda m, x: m[2](m[1](m[0](x))), lambda: nn.Linear(6, 24), act, last, shape=(6,), **how
    )


class Residual(nn.Module):
    """Residual, dense and squeeze-and-excite connections."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.norm, self.act = nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.squeeze, self.excite = nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.act(self.norm(self.a(x)))
        y = self.b(x)
        y *= torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        y += x
        return self.head(torch.cat([self.act(y), x], 1).mean((2, 3)))


def smooth(act, name, **how):
    """The same where no ReLU is on the way."""
    return small(act, name, relus=False, **how)


ACTIVATIONS = [
    small(nn.ReLU, "relu"),
    small(nn.ReLU6, "relu6"),
    small(lambda: nn.Hardtanh(0.0, 2.0), "a ReLU with a cap"),
    *(
        smooth(act, act.__name__)
        for act in (
            nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.PReLU, nn.ELU, nn.LeakyReLU, nn.Softplus,
            nn.Softsign, nn.Tanhshrink, nn.LogSigmoid, nn.Hardtanh, nn.CELU, nn.SELU, nn.RReLU, nn.Identity,
            nn.Softshrink, nn.Hardshrink, nn.Dropout, nn.AlphaDropout, nn.Sigmoid, nn.Tanh,
        )
    ),
    smooth(lambda: nn.GELU("tanh"), "gelu, tanh"),
    smooth(lambda: nn.PReLU(24), "prelu per channel"),
    smooth(lambda: nn.Threshold(0.1, 0.0), "threshold"),
    smooth(lambda: nn.LayerNorm(24), "layer norm"),
    smooth(lambda: nn.RMSNorm(24), "rms norm"),
    smooth(lambda: nn.BatchNorm1d(24), "batch norm"),
    smooth(lambda: nn.Softmax(1), "softmax"),
    smooth(lambda: nn.Softmin(1), "softmin"),
    smooth(lambda: nn.LogSoftmax(1), "log softmax", refused=no("'log_softmax'", "lrp")),
]  # fmt: skip


def on_maps(name, change, *layers, **how):
    """A change between a convolution with a ReLU and a dense layer."""
    return operations(name, lambda m, x: head(m, change(m, m[0](x).relu())), conv1, *layers, last, **how)


def on_rows(name, change, *, size=24, relus=False, **how):
    """A change between two dense layers."""
    return operations(
        name, lambda m, x: m[1](change(m[0](x))), lambda: nn.Linear(6, size), last, shape=(6,), relus=relus, **how
    )  # fmt: skip


LAYERS = [
    Case("residual", lambda: made(Residual), pictures),
    on_maps("group norm", lambda m, x: m[1](x), lambda: nn.GroupNorm(2, 4)),
    on_maps("instance norm", lambda m, x: m[1](x), lambda: nn.InstanceNorm2d(4, affine=True)),
    on_maps("local response norm", lambda m, x: m[1](x), lambda: nn.LocalResponseNorm(2)),
    on_maps("transposed", lambda m, x: m[1](x)[:, :, ::3, ::3], lambda: nn.ConvTranspose2d(4, 2, 3, 2)),
    on_maps("upsample", lambda m, x: F.avg_pool2d(m[1](x), 4), lambda: nn.Upsample(scale_factor=2)),
    on_maps("bilinear interpolation", lambda m, x: F.interpolate(x, (3, 2), mode="bilinear")),
    on_maps("bicubic interpolation", lambda m, x: F.interpolate(x, (3, 2), mode="bicubic")),
    on_maps("nearest interpolation", lambda m, x: F.interpolate(x, (3, 2))),
    on_maps("area interpolation", lambda m, x: F.interpolate(x, (3, 2), mode="area")),
    on_maps("pixel shuffle", lambda m, x: F.pixel_unshuffle(F.pixel_shuffle(x, 2), 4)),
    on_maps("adaptive pooling", lambda m, x: F.adaptive_avg_pool2d(x, (3, 2))),
    on_maps("adaptive max pooling", lambda m, x: F.adaptive_max_pool2d(x, (3, 2))),
    on_maps("pooling with a power", lambda m, x: F.lp_pool2d(x, 2, 2)),
    on_maps("padding", lambda m, x: F.max_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3)),
    on_maps("fold", lambda m, x: F.fold(F.unfold(x, 3), (8, 8), 3)),
    operations("conv1d", lambda m, x: head(m, m[0](x).relu()), lambda: nn.Conv1d(2, 4, 3), last, shape=(2, 9)),
    operations("conv3d", lambda m, x: head(m, m[0](x).relu()), lambda: nn.Conv3d(1, 3, 2), last, shape=(1, 3, 4, 3)),
    operations("cosine", lambda m, x: F.cosine_similarity(m[0](x)[:, None], m[1].weight[None], dim=-1),
               lambda: nn.Linear(6, 24), last, shape=(6,), relus=False),
    operations("distance", lambda m, x: -torch.cdist(m[0](x), m[1].weight), lambda: nn.Linear(6, 24), last,
               shape=(6,), relus=False),
    operations("bilinear", lambda m, x: m[1](m[0](x, x)), lambda: nn.Bilinear(6, 6, 24), last, shape=(6,), relus=False),
    operations("vmap", lambda m, x: torch.vmap(lambda row: m[1](m[0](row).relu()))(x), lambda: nn.Linear(6, 24), last,
               shape=(6,), refused=no("torch.func", *RULES, *RELUS)),
    operations("functional call", lambda m, x: m[1](torch.func.functional_call(m[0], dict(m[0].named_parameters()), (x,)).relu()),
               lambda: nn.Linear(6, 24), last, shape=(6,)),
    operations("list of outputs", lambda m, x: [m[1](m[0](x).relu())], lambda: nn.Linear(6, 24), last, shape=(6,)),
    operations("one output", lambda m, x: m[1](m[0](x).relu())[:, 0], lambda: nn.Linear(6, 24), last, shape=(6,), target=0),
    on_rows("glu", F.glu, size=48),
    on_rows("where", lambda h: torch.where(h > 0, h, 0.1 * h), refused=no("'where'", "deep_lift", "deep_lift_shap")),
    on_rows("a mask by comparison", lambda h: h * (h > 0), refused=no("'mul'", "deep_lift", "deep_lift_shap")),
    on_rows("sort", lambda h: h.sort(1).values, refused=no("'sort'", *RULES)),
    on_rows("largest", lambda h: h.topk(24, 1).values, size=30, refused=no("'topk'", *RULES)),
    on_rows("Fourier", lambda h: torch.fft.rfft(h).abs(), size=46, refused=no("'fft_rfft'", *RULES)),
    on_rows("complex", lambda h: torch.view_as_real(torch.complex(h, h) * (1 + 2j))[..., 0], refused=no("'complex'", *RULES)),
    on_rows("power of two tensors", lambda h: (h.abs() + 1) ** h, refused=no("'pow'", *RULES)),
    on_rows("product of three", lambda h: torch.einsum("ni,ni,ni->ni", h, h, h.tanh()),
            refused=no("3 tensors", "deep_lift", "deep_lift_shap")),
    on_rows("detached", lambda h: h.detach(), refused={**no("differentiable", *SLOPES), **no("in a way that", *RULES)}),
    on_rows("outer product", lambda h: torch.einsum("ni,nj->nij", h, h).flatten(1)[:, :24].tanh(), size=5),
    on_rows("cumulative", lambda h: h.cumsum(1).tanh()),
    on_rows("normalize", F.normalize),
    on_rows("norm", lambda h: h / torch.linalg.norm(h, dim=1, keepdim=True)),
    on_rows("norm by method", lambda h: h / h.norm(dim=1, keepdim=True)),
    on_rows("power", lambda h: (h.abs() + 1) ** 1.7 + h**3),
    on_rows("exponent", lambda h: torch.pow(2.0, h)),
    on_rows("rounding", lambda h: h.round() + h),
    on_rows("variance", lambda h: h / h.std(1, keepdim=True)),
    on_rows("maximum", lambda h: torch.maximum(h, -h)),
    on_maps("maximum over both axes", lambda m, h: h + h.amax((2, 3), keepdim=True) - h.amin([3, 2], keepdim=True)),
    on_rows("maxout", lambda h: h.unflatten(1, (24, 2)).amax(-1), size=48),
    on_rows("split", lambda h: torch.cat([part.relu() if i % 2 else part for i, part in enumerate(h.chunk(4, 1))], 1), relus=True),
    on_rows("square of a difference", lambda h: (h - h.flip(1)).square()),
    on_rows("addcmul", lambda h: torch.addcmul(h, h, h.tanh(), value=0.5)),
    on_rows("lerp", lambda h: torch.lerp(h, h.relu(), 0.3), relus=True),
    on_rows("arithmetic in place", lambda h: h.mul_(2).add_(1).div_(3).sub_(h.mean(1, keepdim=True)).clamp_(min=0), relus=True),
    on_rows("scatter", lambda h: h.new_zeros(len(h), 24).scatter_add(1, torch.arange(30).remainder(24).expand(len(h), 30), h.relu()), size=30, relus=True),
    on_rows("log-sum-exp", lambda h: h.unflatten(1, (24, 2)).logsumexp(-1), size=48, refused=no("'logsumexp'", "lrp")),
    on_rows("random in evaluation mode", lambda h: h * torch.ones(24, dtype=h.dtype).bernoulli()),
]  # fmt: skip
