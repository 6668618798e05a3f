"""The demos of networks that others trained: photographs, a text, a voice."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli._say import narrate, result, show
from pellucid.cli._summary import summary

if TYPE_CHECKING:
    from torch import Tensor

    from pellucid.report import Dossier

VIEWS = 4
SHOWN = 5
TESTED = ("grad_cam", "lrp", "deep_lift", "saliency")


def photos(out: Path, seed: int) -> Path:
    """MobileNetV2 on photographs: what it sees, where, and how far each map can be believed."""
    from pellucid import Compute, attribution, data, tasks
    from pellucid.report import showcase

    dataset = data.photographs(views=VIEWS)
    subject = tasks.open("pellucid.tasks:mobilenet", data=dataset, name="MobileNetV2 on photographs")
    narrate(f"\n━━ photos: MobileNetV2 (ImageNet) on {len(tasks.held_out(dataset))} photographs")
    told = _top(subject.model, tasks.held_out(dataset).inputs, subject.classes, data.photograph_names())
    for line in told:
        result(f"  {line}")
    methods: dict[str, tasks.Method] = {
        "grad_cam": attribution.grad_cam,
        "lrp": attribution.lrp,
        "deep_lift": attribution.deep_lift,
        "integrated_gradients": attribution.integrated_gradients,
        "occlusion": attribution.occlusion,
        "smoothgrad": functools.partial(attribution.smoothgrad, samples=16),
        "saliency": attribution.saliency,
    }
    surveyed = {name: methods[name] for name in TESTED} | {"input_x_gradient": attribution.input_x_gradient}
    page = out / "photos.html"
    found = showcase(
        subject,
        range(SHOWN),
        methods,
        why=f"the first {SHOWN} photographs",
        tested=TESTED,
        surveyed=surveyed,
        command=f"pellucid demo photos --out {out} --seed {seed}",
        purpose="MobileNetV2 with torchvision's ImageNet weights, rebuilt in plain torch.",
        limits=("anything: eight photographs chosen by hand say nothing about how good it is",),
        notes=(
            *told,
            f"The survey takes {VIEWS} views of each photograph, which are alike: its intervals are narrow.",
            "Integrated gradients, occlusion and SmoothGrad were not tested: too dear for a demo.",
        ),
        path=page,
        tell=_tell,
        compute=Compute(batch_size=16, seed=seed),
    )
    return _written(found, page)


def text(out: Path, seed: int) -> Path:
    """MiniLM with its tokenizer on sentences: which words make the topic."""
    from pellucid import Compute, attribution, tasks
    from pellucid.report import showcase

    narrate("\n━━ text: MiniLM on 36 sentences of six topics")
    subject = tasks.sentences()
    held = tasks.held_out(subject.needs_data("demo"))
    methods: dict[str, tasks.Method] = {
        "integrated_gradients": attribution.integrated_gradients,
        "occlusion": attribution.occlusion,
        "kernel_shap": attribution.kernel_shap,
        "deep_lift": attribution.deep_lift,
        "lrp": attribution.lrp,
        "attention_rollout": attribution.attention_rollout,
        "input_x_gradient": attribution.input_x_gradient,
    }
    surveyed = {name: method for name, method in methods.items() if name != "kernel_shap"}
    each = len(held) // len(subject.classes)
    page = out / "text.html"
    found = showcase(
        subject,
        range(0, len(held), each),
        methods,
        why="the first sentence of each topic",
        tested=tuple(surveyed),
        surveyed=surveyed,
        command=f"pellucid demo text --out {out} --seed {seed}",
        purpose="all-MiniLM-L6-v2, asked by similarity which of six topics a sentence is about.",
        limits=("anything: 36 sentences written for this say nothing about how good it is",),
        notes=("KernelSHAP was not tested: it takes 512 network rows for each map.",),
        path=page,
        tell=_tell,
        compute=Compute(batch_size=128, seed=seed),
    )
    return _written(found, page)


def speech(out: Path, seed: int) -> Path:
    """Silero's speech detector on sung syllables among other sounds: when it hears a voice, and why."""
    from pellucid import Compute, attribution, data, tasks
    from pellucid.report import showcase

    dataset = data.voices(seed=seed)
    narrate(f"\n━━ speech: Silero's detector on {len(dataset)} generated sounds")
    subject = tasks.open("pellucid.tasks:speech_detector", data=dataset, name="Silero's speech detector")
    methods: dict[str, tasks.Method] = {
        "occlusion": attribution.occlusion,
        "odd_regression": attribution.odd_regression,
        "integrated_gradients": attribution.integrated_gradients,
        "input_x_gradient": attribution.input_x_gradient,
        "saliency": attribution.saliency,
    }
    tested = ("occlusion", "input_x_gradient", "saliency")
    page = out / "speech.html"
    found = showcase(
        subject,
        range(6),
        methods,
        why="the first six sounds",
        tested=tested,
        surveyed={name: methods[name] for name in tested},
        command=f"pellucid demo speech --out {out} --seed {seed}",
        purpose="Silero VAD, rebuilt in plain torch: is there speech in a sound of 3.2 s at 16 kHz?",
        limits=("anything: vowels made by rule are not speech",),
        notes=(
            "Half a second of noise, hum, tone or clicks is in every sound, two or three syllables in most.",
            "Slopes at single samples say little here: they swing with the wave.",
            "Weights: the safetensors file of the package silero-vad, another release than its TorchScript.",
            "Odd-part regression and integrated gradients were not tested: too dear for a demo.",
        ),
        path=page,
        tell=_tell,
        compute=Compute(batch_size=64, seed=seed),
    )
    return _written(found, page)


def _tell(step: str) -> None:
    narrate(f"  · {step}")


def _top(model: object, x: Tensor, classes: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    """The five likeliest classes of each input, in one line."""
    from typing import cast

    from torch import nn

    from pellucid._core import predict

    likely = predict(cast("nn.Module", model), x).softmax(1).topk(5, dim=1)
    lines: list[str] = []
    for name, shares, numbers in zip(names, likely.values.tolist(), likely.indices.tolist(), strict=True):
        told = ", ".join(f"{classes[k]} {share:.0%}" for k, share in zip(numbers, shares, strict=True))
        lines.append(f"{name}: {told}")
    return lines


def _written(found: Dossier, page: Path) -> Path:
    from pellucid.report import write

    write(found, page)
    show(summary(found))
    return page
