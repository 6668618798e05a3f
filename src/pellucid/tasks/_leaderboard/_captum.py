"""Captum's methods on the same inputs, target and reference as ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.tasks._leaderboard._given import Given
from pellucid.tasks._leaderboard._scored import Scored

SAMPLES = 2_000  # of KernelShap and Lime, whose defaults of 25 and 50 are fewer than a picture has pixels
NOISY, SPREAD = 50, 0.15  # samples of SmoothGrad, and its noise as a share of the range
AT_ONCE = 512

Mapper = Callable[[Scored, Given], Tensor]


def captum_methods(given: Given) -> Mapping[str, Mapper]:
    """Captum's methods that take such inputs, by name; none where captum is not installed."""
    if find_spec("captum") is None:
        return {}
    if not given.x.is_floating_point():
        return {**_TOKENS, **_PARTS}
    pictures = {"captum.LayerGradCam": _grad_cam, "captum.Occlusion": _occlusion} if given.x.ndim == 4 else {}
    return {**_SLOPES, **pictures, **_PARTS}


def _attr() -> Any:
    return import_module("captum.attr")


def _saliency(net: Scored, given: Given) -> Tensor:
    return _attr().Saliency(net).attribute(given.leaf, target=given.classes)


def _input_x_gradient(net: Scored, given: Given) -> Tensor:
    return _attr().InputXGradient(net).attribute(given.leaf, target=given.classes)


def _integrated_gradients(net: Scored, given: Given) -> Tensor:
    made = _attr().IntegratedGradients(net)
    return made.attribute(given.x, given.reference, target=given.classes, internal_batch_size=AT_ONCE)


def _gradient_shap(net: Scored, given: Given) -> Tensor:
    return _attr().GradientShap(net).attribute(given.x, given.background, target=given.classes)


def _deep_lift(net: Scored, given: Given) -> Tensor:
    return _attr().DeepLift(net).attribute(given.x, given.reference, target=given.classes)


def _deep_lift_shap(net: Scored, given: Given) -> Tensor:
    return _attr().DeepLiftShap(net).attribute(given.x, given.background, target=given.classes)


def _guided(net: Scored, given: Given) -> Tensor:
    return _attr().GuidedBackprop(net).attribute(given.leaf, target=given.classes)


def _deconvolution(net: Scored, given: Given) -> Tensor:
    return _attr().Deconvolution(net).attribute(given.leaf, target=given.classes)


def _lrp(net: Scored, given: Given) -> Tensor:
    """With captum's own rules; layers for which it has none (flatten, 1d convolutions) get epsilon."""
    rules: Any = import_module("captum.attr._utils.lrp_rules")
    lrp: Any = import_module("captum.attr._core.lrp")
    known = (*lrp.SUPPORTED_LAYERS_WITH_RULES, *lrp.SUPPORTED_NON_LINEAR_LAYERS)
    for part in net.modules():
        if not list(part.children()) and type(part) not in known:
            own: Any = part
            own.rule = rules.EpsilonRule()
    return _attr().LRP(net).attribute(given.leaf, target=given.classes)


def _noise_tunnel(net: Scored, given: Given) -> Tensor:
    spread = SPREAD * float(given.x.max() - given.x.min())
    tunnel = _attr().NoiseTunnel(_attr().Saliency(net))
    return tunnel.attribute(given.leaf, target=given.classes, nt_samples=NOISY, stdevs=spread)


def _grad_cam(net: Scored, given: Given) -> Tensor:
    # the last layer whose maps are pictures, which ours takes too
    parts = [part for part in net.modules() if not list(part.children())]
    flat = next((k for k, part in enumerate(parts) if isinstance(part, nn.Flatten)), len(parts))
    last = parts[flat - 1]
    coarse = _attr().LayerGradCam(net, last).attribute(given.x, target=given.classes, relu_attributions=True)
    wide = F.interpolate(coarse, given.x.shape[2:], mode="bilinear", align_corners=False)
    return wide.expand_as(given.x)


def _occlusion(net: Scored, given: Given) -> Tensor:
    window = (given.x.shape[1], 3, 3)
    made = _attr().Occlusion(net)
    return made.attribute(given.x, window, baselines=given.reference, target=given.classes)


def _ablation(net: Scored, given: Given) -> Tensor:
    made = _attr().FeatureAblation(net)
    return made.attribute(given.x, given.reference, target=given.classes, feature_mask=given.groups)


def _shapley_sampling(net: Scored, given: Given) -> Tensor:
    made = _attr().ShapleyValueSampling(net)
    return made.attribute(
        given.x,
        given.reference,
        target=given.classes,
        feature_mask=given.groups,
        perturbations_per_eval=max(1, AT_ONCE // len(given.x)),
    )


def _kernel_shap(net: Scored, given: Given) -> Tensor:
    return _by_row(_attr().KernelShap(net), given)


def _lime(net: Scored, given: Given) -> Tensor:
    return _by_row(_attr().Lime(net), given)


def _by_row(made: Any, given: Given) -> Tensor:
    rows = [
        made.attribute(
            given.x[k : k + 1],
            given.reference[k : k + 1],
            target=given.classes[k : k + 1],
            feature_mask=given.groups[k : k + 1],
            n_samples=SAMPLES,
            perturbations_per_eval=AT_ONCE,
        )
        for k in range(len(given.x))
    ]
    return torch.cat(rows)


def _embedding(net: Scored) -> nn.Module:
    return next(part for part in net.modules() if isinstance(part, nn.Embedding))


def _layer_integrated_gradients(net: Scored, given: Given) -> Tensor:
    made = _attr().LayerIntegratedGradients(net, _embedding(net))
    found = made.attribute(given.x, given.reference, target=given.classes, internal_batch_size=AT_ONCE)
    return found.sum(-1)


def _layer_gradient_x_activation(net: Scored, given: Given) -> Tensor:
    made = _attr().LayerGradientXActivation(net, _embedding(net))
    return made.attribute(given.x, target=given.classes).sum(-1)


_SLOPES: Mapping[str, Mapper] = {
    "captum.Saliency": _saliency,
    "captum.InputXGradient": _input_x_gradient,
    "captum.IntegratedGradients": _integrated_gradients,
    "captum.GradientShap": _gradient_shap,
    "captum.DeepLift": _deep_lift,
    "captum.DeepLiftShap": _deep_lift_shap,
    "captum.GuidedBackprop": _guided,
    "captum.Deconvolution": _deconvolution,
    "captum.LRP": _lrp,
    "captum.NoiseTunnel": _noise_tunnel,
}
_TOKENS: Mapping[str, Mapper] = {
    "captum.IntegratedGradients": _layer_integrated_gradients,
    "captum.InputXGradient": _layer_gradient_x_activation,
}
_PARTS: Mapping[str, Mapper] = {
    "captum.FeatureAblation": _ablation,
    "captum.ShapleyValueSampling": _shapley_sampling,
    "captum.KernelShap": _kernel_shap,
    "captum.Lime": _lime,
}
