"""What peers answer, and how far that is from what it should be."""

import torch
import torch.nn.functional as F
from torch import nn


def delta(values, model, x, start):
    """Relative completeness error of a peer's values."""
    with torch.no_grad():
        wanted = (model(x) - model(start))[:, 1]
    return ((values.flatten(1).sum(1) - wanted).abs() / wanted.abs()).max().item()


def far(ours, theirs):
    """Distance as a share of ours."""
    return float((ours - theirs).norm() / ours.norm())


def merged_norms(model):
    """zennit leaves ``eps`` in a batch norm that it has merged, which scales by 1 / √(1 + eps)."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-14
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return model.double().eval()


def by_zennit(model, composite, x, k):
    import zennit.composites as composites
    from zennit.attribution import Gradient
    from zennit.canonizers import SequentialMergeBatchNorm

    options = {"low": -3.0, "high": 3.0} if composite == "EpsilonGammaBox" else {}
    rules = getattr(composites, composite)(canonizers=[SequentialMergeBatchNorm()], **options)
    with Gradient(model, rules) as attributor:
        mask = F.one_hot(torch.full((len(x),), k), model(x).shape[1])
        return attributor(x.clone().requires_grad_(), lambda out: out * mask)[1].detach()
