"""DeepLIFT-SHAP against captum and shap, LRP against one gradient and zennit: side by side in one process.

``python benchmarks/propagation.py [--rounds 3] [--only PART …] [--json FILE]``. Peers that are not installed
are left out. Times are processor time of one thread, the median over rounds in turns; FLOPs are counted by
torch.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import time
import types
import warnings

import torch
import torch.nn.functional as F
from asked import one_of
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pellucid._core import Compute
from pellucid.attribution import deep_lift_shap, lrp, saliency

INPUTS, BACKGROUND, OUTPUTS = 20, 50, 10


def digits(pools):
    """A small convolutional net; where pools touch ReLUs, captum is wrong but does the same work."""
    pool = nn.MaxPool2d if pools == "max" else nn.AvgPool2d
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), pool(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), pool(2),
        nn.Flatten(), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, OUTPUTS),
    ).eval()  # fmt: skip


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        self.short = nn.Sequential()
        if stride > 1:
            self.short = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)).add_(self.short(x)), inplace=True)


def resnet18():
    """ResNet-18 for 64 × 64 pictures."""
    widths = [
        (64, 64, 1),
        (64, 64, 1),
        (64, 128, 2),
        (128, 128, 1),
        (128, 256, 2),
        (256, 256, 1),
        (256, 512, 2),
    ]
    blocks = [Block(*w) for w in [*widths, (512, 512, 1)]]
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(
        *stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, OUTPUTS)
    ).eval()


def vgg11():
    layers, before = [], 3
    for width in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
        if width == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
    head = [nn.Flatten(), nn.Linear(2048, 512), nn.ReLU(), nn.Linear(512, OUTPUTS)]
    return nn.Sequential(*layers, *head).eval()


def in_turns(rounds, **runs):
    """Median processor seconds of each run, and what it gave."""
    taken, given = {name: [] for name in runs}, {}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.process_time()
            given[name] = run()
            taken[name].append(time.process_time() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}, given


def flops(run):
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def sampled_shap(rounds, pools):
    model, x, background = digits(pools), torch.rand(INPUTS, 1, 28, 28), torch.rand(BACKGROUND, 1, 28, 28)
    many, classes = x.repeat_interleave(OUTPUTS, 0), list(range(OUTPUTS)) * INPUTS

    def all_at_once():
        how = Compute(batch_size=INPUTS * OUTPUTS)
        why = deep_lift_shap(model, many, classes, background=background, compute=how)
        return list(why.values.view(INPUTS, OUTPUTS, *x.shape[1:]).movedim(1, 0))

    runs = {
        "pellucid": all_at_once,
        "pellucid, a call for each output": lambda: [
            deep_lift_shap(model, x, k, background=background).values for k in range(OUTPUTS)
        ],
    }
    if importlib.util.find_spec("captum"):
        from captum.attr import DeepLiftShap

        runs["captum"] = lambda: [
            DeepLiftShap(model).attribute(x, background, target=k).detach() for k in range(OUTPUTS)
        ]
    if importlib.util.find_spec("shap"):
        import shap

        def by_shap():
            values = shap.DeepExplainer(model, background).shap_values(x, check_additivity=False)
            return list(torch.tensor(values).movedim(-1, 0))

        runs["shap"] = by_shap
    seconds, given = in_turns(rounds, **runs)
    ours = torch.stack(given["pellucid"])
    far = {who: float((torch.stack(v) - ours).abs().max() / ours.abs().max()) for who, v in given.items()}
    for name, s in seconds.items():
        yield {
            "what": f"DeepLIFT-SHAP {INPUTS} × {BACKGROUND} × {OUTPUTS}, {pools}-pooling",
            "who": name,
            "seconds": round(s, 3),
            "ratio to ours": round(s / seconds["pellucid"], 2),
            "largest difference to ours": f"{far[name]:.1e}",
        }


def relevance(rounds, name, model):
    x = torch.rand(2, 3, 64, 64)
    leaf = x.clone().requires_grad_()
    for parameter in model.parameters():
        parameter.requires_grad_(False)

    def gradient():
        torch.autograd.grad(model(leaf * 1)[:, 0].sum(), leaf)

    options = {"low": 0.0, "high": 1.0}
    runs = {"one gradient": gradient, "saliency": lambda: saliency(model, x, 0)}
    # what a method adds around its pass (one more forward pass for the score) is no part of the propagation
    for rules in ("epsilon", "epsilon_plus", "epsilon_gamma_box", "epsilon_alpha2_beta1"):
        runs[f"lrp {rules}"] = lambda rules=rules: lrp(model, x, 0, rules=rules, **options)
    if name == "vgg11" and importlib.util.find_spec("zennit"):
        runs |= by_zennit(model, leaf)
    (seconds, _), count = in_turns(rounds, **runs), {who: flops(run) for who, run in runs.items()}
    for who in runs:
        yield {
            "what": name,
            "who": who,
            "seconds": round(seconds[who], 3),
            "time ÷ gradient": round(seconds[who] / seconds["one gradient"], 2),
            "FLOPs ÷ gradient": round(count[who] / count["one gradient"], 2),
        }


def by_zennit(model, leaf):
    if importlib.util.find_spec("torchvision") is None:
        names = ("torchvision", "torchvision.models", "torchvision.models.resnet")
        sys.modules |= {name: types.ModuleType(name) for name in names}
        resnet = sys.modules[names[-1]]
        resnet.Bottleneck, resnet.BasicBlock = type("Bottleneck", (), {}), type("BasicBlock", (), {})
    from zennit.attribution import Gradient
    from zennit.composites import EpsilonAlpha2Beta1, EpsilonGammaBox, EpsilonPlus

    def run(composite):
        with Gradient(model, composite) as attributor:
            attributor(leaf, lambda out: F.one_hot(torch.zeros(len(out), dtype=torch.int64), OUTPUTS) * out)

    return {
        "zennit EpsilonPlus": lambda: run(EpsilonPlus()),
        "zennit EpsilonGammaBox": lambda: run(EpsilonGammaBox(low=0.0, high=1.0)),
        "zennit EpsilonAlpha2Beta1": lambda: run(EpsilonAlpha2Beta1()),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", type=one_of(("shap", "shap-average", "resnet18", "vgg11")))
    parser.add_argument("--json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    parts = {
        "shap": lambda: sampled_shap(options.rounds, "max"),
        "shap-average": lambda: sampled_shap(options.rounds, "average"),
        "resnet18": lambda: relevance(options.rounds, "resnet18", resnet18()),
        "vgg11": lambda: relevance(options.rounds, "vgg11", vgg11()),
    }
    rows = []
    for name in options.only or parts:
        for row in parts[name]():
            rows.append(row)
            print(" | ".join(f"{key}: {value}" for key, value in row.items()), flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
