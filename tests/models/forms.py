"""One small convolutional network in the forms in which networks are met."""

from __future__ import annotations

import functools
import warnings

import torch
import torch.nn.functional as F
from torch import nn

import zoo
from models.case import ATTENTION, LOOKED_INTO, MAPS, RELUS, RULES, SLOPES, Case, made, no
from pellucid._core import logit


def _with_weights(kind):
    model = made(kind)
    model.load_state_dict(zoo.reference().state_dict(), strict=False)
    return model


class Wrapper(nn.Module):
    """Calls another network, as DataParallel and training frameworks do."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)


class Checkpointed(zoo.Modules):
    reentrant = False

    def forward(self, x):
        from torch.utils.checkpoint import checkpoint

        return self.head(checkpoint(self.features, x, use_reentrant=self.reentrant).flatten(1))


class CheckpointedReentrant(Checkpointed):
    reentrant = True


class Skipping(nn.Module):
    """Calls what lies inside a block without calling the block, and a forward by hand."""

    def __init__(self):
        super().__init__()
        self.body = zoo.Modules()

    def forward(self, x):
        x = self.body.relu1.forward(self.body.conv1(x))
        return self.body.head(self.body.relu2(self.body.conv2(self.body.pool(x))).flatten(1))


def skipping():
    model = made(Skipping)
    model.body.load_state_dict(zoo.reference().state_dict())
    return model


class OwnRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (x > 0)


class Own(zoo.Modules):
    def features(self, x):
        return OwnRelu.apply(self.conv2(self.pool(OwnRelu.apply(self.conv1(x)))))


class Views(zoo.Modules):
    """Writes into parts of what it made."""

    def features(self, x):
        x = self.conv1(x)
        y = torch.empty_like(x)
        y[:, :2] = x[:, :2].relu()
        y[:, 2:].copy_(F.relu(x[:, 2:]))
        x = self.conv2(self.pool(y).transpose(2, 3).contiguous().transpose(2, 3))
        return F.relu(x, inplace=True)


class Masks(zoo.Modules):
    """ReLUs written as masks that the input itself makes."""

    def features(self, x):
        x = self.conv1(x)
        x = self.conv2(self.pool(torch.where(x > 0, x, torch.zeros_like(x))))
        return x.masked_fill(x < 0, 0.0)


class Overwritten(zoo.Modules):
    """Writes over what the way back needs, which only shows when somebody differentiates."""

    def features(self, x):
        x = self.relu1(self.conv1(x))
        y = x.exp()
        x = self.conv2(self.pool(x + 0 * y))
        y.mul_(0)
        return self.relu2(x)


def parametrised():
    model = made(zoo.Modules)
    model.load_state_dict(zoo.reference().state_dict())
    nn.utils.parametrizations.weight_norm(model.conv1)
    nn.utils.parametrizations.weight_norm(model.head)
    return model


def spectral():
    def make():
        model = zoo.reference()
        nn.utils.parametrizations.spectral_norm(model.conv2)
        return model

    return made(make)


def unspectral():
    model = spectral()
    nn.utils.parametrize.remove_parametrizations(model.conv2, "weight")
    return model


def compiled(backend):
    def make():
        torch._dynamo.reset()
        return torch.compile(zoo.reference(), backend=backend)

    return make


def scripted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(zoo.reference())


def traced():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(zoo.reference(), zoo.inputs())


def scripted_part():
    model = zoo.reference()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.conv2 = torch.jit.script(nn.Sequential(model.conv2))
    return model


def exported():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = torch.export.Dim("rows", min=1, max=4096)
        shapes = ({0: rows},)
        return torch.export.export(zoo.reference(), (zoo.inputs(),), dynamic_shapes=shapes).module()


def frozen_by_inference():
    with torch.inference_mode():
        return zoo.reference()


def cast(**how):
    def make():
        return zoo.reference().to(**how)

    return make


def conv(name, make, **how):
    how.setdefault("inputs", lambda: zoo.inputs(2))
    return Case(name, make, plain=how.pop("plain", zoo.reference), **how)


def twin(kind, **how):
    return conv(kind.__name__, functools.partial(_with_weights, kind), **how)


MASKED = {**no("no ReLU", *RELUS), **no("'masked_fill', 'where'", "deep_lift", "deep_lift_shap")}
SCRIPTED = {**no("scripted network", *LOOKED_INTO), **no("RecursiveScriptModule has none", *MAPS)}
TRACED = {**SCRIPTED, **no("TopLevelTracedModule has none", *MAPS)}
CHECKPOINTED = {**no("use_reentrant=True", *SLOPES, "full_grad"), **no("differentiable", *MAPS[:4])}
INFERRED = no("torch.inference_mode()", *SLOPES, *LOOKED_INTO, *MAPS[:4], *ATTENTION)

FORMS = [
    *(twin(kind) for kind in (zoo.InPlace, zoo.SharedRelu, zoo.DataclassOut, zoo.DictOut, zoo.Caching)),
    *(twin(kind) for kind in (zoo.Counting, zoo.Regularised)),
    twin(zoo.Functional, layer="conv2"),
    twin(Views, layer="conv2"),
    # LRP shares relevance with the constants that are added and subtracted
    twin(zoo.ChangesItsInput, apart=("lrp",)),
    twin(zoo.DoubleBackward, refused=no("torch.autograd.grad itself", *RELUS, *RULES)),
    twin(Masks, layer="conv2", refused=MASKED),
    # LRP shares relevance with the nothing that is added
    twin(Overwritten, apart=("lrp",), refused=no("inplace operation", *SLOPES, "full_grad", *RELUS)),
    twin(Own, layer="conv2", refused=no("'OwnRelu'", *RELUS, *RULES)),
    twin(Checkpointed, refused=no("torch.utils.checkpoint", *LOOKED_INTO)),
    twin(CheckpointedReentrant, refused={**CHECKPOINTED, **no("'CheckpointFunction'", *RELUS, *RULES)}),
    twin(zoo.TupleOut, target=logit(1, output=1)),
    twin(zoo.NamedTupleOut, target=logit(1, output=1)),
    conv("skipping", lambda: skipping()),
    conv("wrapped", lambda: Wrapper(zoo.reference())),
    conv("data parallel", lambda: nn.DataParallel(zoo.reference())),
    conv("weight norm", parametrised),
    conv("spectral norm", spectral, plain=unspectral),
    conv(
        "channels last",
        cast(memory_format=torch.channels_last),
        inputs=lambda: zoo.inputs(2).contiguous(memory_format=torch.channels_last),
    ),
    conv("single", cast(dtype=torch.float32), inputs=lambda: zoo.inputs(2).float(), tolerance=1e-4),
    conv("bfloat16", cast(dtype=torch.bfloat16), inputs=lambda: zoo.inputs(2).bfloat16(), tolerance=0.25),
    conv("half", cast(dtype=torch.float16), inputs=lambda: zoo.inputs(2).half(), tolerance=0.1),
    conv("frozen", lambda: zoo.reference().requires_grad_(False)),
    conv("made in inference mode", frozen_by_inference, refused=INFERRED),
    conv("compiled, eager", compiled("eager")),
    conv("compiled, aot_eager", compiled("aot_eager")),
    conv("scripted", scripted, refused=SCRIPTED),
    conv("traced", traced, refused=TRACED),
    conv("a scripted part", scripted_part, refused=no("scripted module 'conv2'", *LOOKED_INTO)),
    conv("exported", exported, refused=no("GraphModule has none", *MAPS)),
]
