"""What one number of a map is, in which unit, and whether numbers may be added, by method."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from pellucid._core import Explanation
from pellucid.figures._parts import score


@dataclass(frozen=True, slots=True)
class Meant:
    """What a method's numbers are.

    Args:
        noun: of one number, as a heading.
        one: the same in a sentence; ``{t}`` stands for the target.
        total: what numbers of several parts make together.
        adds: whether they make anything: whether a sum of them may be shown.
    """

    noun: str
    one: str
    total: str
    adds: bool = False


REFERENCE = "add up to the score less that of the reference, but for the gap"
NOTHING = "do not add up to anything"
_SHARES = Meant("contribution", "contributions in units of {t}", REFERENCE, adds=True)
_ZERO = Meant(
    "contribution", "contributions in units of {t}", "add up to the score, but for the gap", adds=True
)
_FALLS = Meant(
    "fall",
    "falls of {t}, in its units, when a part alone is taken away",
    "need not make the fall of all together",
)
_SIGNALS = Meant("signal", "signals passed back through positive paths alone, in no unit", NOTHING)
_CAM = Meant("strength", "activation × slope of a layer, in units of {t}, laid over the picture", NOTHING)
_ATTENTION = Meant("attention", "shares of attention, of which the order alone says something", NOTHING)
MEANT: Mapping[str, Meant] = {
    "saliency": Meant("slope", "slopes: how much {t} changes for each unit of an encoded element", NOTHING),
    "input_x_gradient": Meant(
        "slope × input",
        "slope × input, in units of {t}",
        "add up to the score where the network is straight",
        adds=True,
    ),
    "guided_backpropagation": _SIGNALS,
    "deconvnet": _SIGNALS,
    "integrated_gradients": _SHARES,
    "guided_integrated_gradients": _SHARES,
    "idgi": _SHARES,
    "expected_gradients": _SHARES,
    "layer_conductance": _SHARES,
    "internal_influence": Meant(
        "mean slope", "mean slopes on the way from the baseline: {t} for each unit of an activation", NOTHING
    ),
    "full_grad": _ZERO,
    "deep_lift": _SHARES,
    "deep_lift_shap": _SHARES,
    "lrp": Meant(
        "relevance", "relevance in units of {t}", "adds up to the score, but for the gap", adds=True
    ),
    "grad_cam": _CAM,
    "grad_cam_plus_plus": Meant(
        "strength", "activation × a weight made of slopes, on no scale, laid over the picture", NOTHING
    ),
    "hires_cam": _CAM,
    "layer_cam": _CAM,
    "score_cam": Meant(
        "strength", "weighted activation of a layer, in its units, laid over the picture", NOTHING
    ),
    "attention_rollout": _ATTENTION,
    "attention_flow": _ATTENTION,
    "attention_relevance": Meant(
        "relevance", "attention × its slope where positive, in units of {t}", NOTHING
    ),
    "occlusion": _FALLS,
    "feature_ablation": _FALLS,
    "rise": Meant(
        "rise of the mean",
        "how far the mean of {t} lies above its mean over all masks where a part is kept, in its units",
        NOTHING,
    ),
    "xrai": _SHARES,
    "lime": Meant(
        "weight",
        "weights of parts in a straight model of {t} near this input, in its units",
        "make what that model, not the network, says of them together",
        adds=True,
    ),
    "exact_shapley": _SHARES,
    "shapley_sampling": _SHARES,
    "kernel_shap": _SHARES,
    "odd_regression": _SHARES,
}
AVERAGED = {
    "smoothgrad": ("mean under noise", "means under noise of "),
    "smoothgrad_squared": ("mean square", "mean squares under noise of "),
    "vargrad": ("variance", "variances under noise of "),
}


def meant(explanation: Explanation) -> Meant:
    """What its numbers are; of a method that is not ours only whether they add up is known.

    Example:
        >>> import torch
        >>> from pellucid.attribution import saliency
        >>> meant(saliency(torch.nn.Linear(3, 2), torch.ones(1, 3), 0)).noun
        'slope'
    """
    made = explanation.provenance
    adding = explanation.gap is not None
    if made.method not in AVERAGED:
        unknown = Meant("value", "values of this method", REFERENCE if adding else NOTHING, adding)
        found = MEANT.get(made.method, unknown)
        if found is MEANT["saliency"] and _of_tokens(explanation):
            return dataclasses.replace(found, one=f"lengths of {found.one}")
        if found is _FALLS and _shared_out(explanation):
            return dataclasses.replace(found, one=f"{found.one}, each shared out evenly over its part")
        return found
    noun, one = AVERAGED[made.method]
    of = MEANT.get(str(made.params.get("of", "saliency")), Meant("value", "the values of a method", NOTHING))
    # the mean of sums is the sum of means; squares and variances make nothing
    adds = made.method == "smoothgrad" and of.adds
    return Meant(noun, one + of.one, of.total if adds else NOTHING, adds)


def _of_tokens(explanation: Explanation) -> bool:
    """Whether slopes are those of tokens' vectors, of which the length is taken."""
    inputs = explanation.inputs
    whole = isinstance(inputs, Tensor) and not inputs.is_floating_point()
    return whole and explanation.provenance.at is None


def _shared_out(explanation: Explanation) -> bool:
    """Whether a place has no more than its share of what its part does: no column, no token, no window."""
    values = explanation.values
    return (
        isinstance(values, Tensor) and values.ndim > 2 and explanation.provenance.params.get("window") is None
    )


def meaning(shown: Sequence[Explanation]) -> str:
    """A sentence on the numbers of each explanation; methods that mean the same share one.

    Example:
        >>> import torch
        >>> from pellucid.attribution import rise
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
        >>> meaning([rise(net, torch.ones(1, 1, 8, 8), 0, samples=64)]).split(", in its units")[1]
        '; they do not add up to anything.'
    """
    told: dict[str, list[str]] = {}
    for each in shown:
        found = meant(each)
        name = score(each)
        verb = "it" if found.total.startswith("adds") else "they"
        said = f"{found.one.replace('{t}', name)}; {verb} {found.total}."
        names = told.setdefault(said, [])
        if (method := each.provenance.method.replace("_", " ")) not in names:
            names.append(method)
    alone = len(told) == 1
    parts = [
        said[0].upper() + said[1:] if alone else f"{', '.join(names).capitalize()}: {said}"
        for said, names in told.items()
    ]
    return " ".join(parts)
