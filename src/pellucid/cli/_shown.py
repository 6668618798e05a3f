"""The demos of networks that others trained: photographs, a text, a voice."""

from __future__ import annotations

import functools
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli._say import narrate, result, show
from pellucid.cli._summary import summary

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import Tensor

    from pellucid._core import Compute, InputSpec
    from pellucid.report import Dossier
    from pellucid.tasks import Guests, Method

NAMES = 6  # inputs of a person's own that are explained one by one

TAKES = "about three minutes of one processor core and 2.3 GB"
VIEWS = 4
SHOWN = 5
TESTED = ("grad_cam", "lrp", "deep_lift", "saliency")


def photos(out: Path, seed: int, own: Guests | None = None) -> Path:
    """MobileNetV2 on photographs: what it sees, where, and how far each map can be believed."""
    from pellucid import Compute, attribution, data, tasks
    from pellucid.report import showcase

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
    dear = "Integrated gradients, occlusion and SmoothGrad were not tested: too dear for a demo."
    page, compute = out / "photos.html", Compute(batch_size=16, seed=seed)
    if own is not None:
        told = _top(own.subject.model, own.subject.needs_data("demo").inputs, own.subject.classes, own.names)
        return _guests(
            own, "photos", "MobileNetV2 with torchvision's ImageNet weights, rebuilt in plain torch.",
            methods, TESTED, [*told, dear, f"The demo's inputs are {VIEWS} views of eight photographs."],
            page, compute,
        )  # fmt: skip
    dataset = data.photographs(views=VIEWS)
    subject = tasks.open("pellucid.tasks:mobilenet", data=dataset, name="MobileNetV2 on photographs")
    narrate(f"\n━━ photos: MobileNetV2 (ImageNet) on {len(tasks.held_out(dataset))} photographs; {TAKES}")
    told = _top(subject.model, tasks.held_out(dataset).inputs, subject.classes, data.photograph_names())
    for line in told:
        result(f"  {line}")
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
            dear,
        ),
        path=page,
        tell=_tell,
        compute=compute,
    )
    return _written(found, page)


def text(out: Path, seed: int, own: Guests | None = None) -> Path:
    """MiniLM with its tokenizer on sentences: which words make the topic."""
    from pellucid import Compute, attribution, tasks
    from pellucid.report import showcase

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
    dear = "KernelSHAP was not tested: it takes 512 network rows for each map."
    page, compute = out / "text.html", Compute(batch_size=128, seed=seed)
    if own is not None:
        told = _top(own.subject.model, own.subject.needs_data("demo").inputs, own.subject.classes, own.names,
                    own.subject.spec)  # fmt: skip
        return _guests(
            own, "text", "all-MiniLM-L6-v2, asked by similarity which of several topics a text is about.",
            methods, tuple(surveyed), [*told, dear], page, compute,
        )  # fmt: skip
    narrate("\n━━ text: MiniLM on 36 sentences of six topics")
    subject = tasks.sentences()
    held = tasks.held_out(subject.needs_data("demo"))
    each = len(held) // len(subject.classes)
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
        notes=(dear,),
        path=page,
        tell=_tell,
        compute=compute,
    )
    return _written(found, page)


def speech(out: Path, seed: int, own: Guests | None = None) -> Path:
    """Silero's speech detector on sung syllables among other sounds: when it hears a voice, and why."""
    from pellucid import Compute, attribution, data, tasks
    from pellucid.report import showcase

    methods: dict[str, tasks.Method] = {
        "occlusion": attribution.occlusion,
        "odd_regression": attribution.odd_regression,
        "integrated_gradients": attribution.integrated_gradients,
        "input_x_gradient": attribution.input_x_gradient,
        "saliency": attribution.saliency,
    }
    tested = ("occlusion", "input_x_gradient", "saliency")
    surveyed = {name: methods[name] for name in tested}
    notes = (
        "Slopes at single samples say little here: they swing with the wave.",
        "Weights: the safetensors file of the package silero-vad, another release than its TorchScript.",
        "Odd-part regression and integrated gradients were not tested: too dear for a demo.",
    )
    purpose = "Silero VAD, rebuilt in plain torch: is there speech in a sound of 3.2 s at 16 kHz?"
    page, compute = out / "speech.html", Compute(batch_size=64, seed=seed)
    if own is not None:
        told = _top(own.subject.model, own.subject.needs_data("demo").inputs, own.subject.classes, own.names)
        return _guests(own, "speech", purpose, methods, tested, [*told, *notes], page, compute)
    dataset = data.voices(seed=seed)
    narrate(f"\n━━ speech: Silero's detector on {len(dataset)} generated sounds")
    subject = tasks.open("pellucid.tasks:speech_detector", data=dataset, name="Silero's speech detector")
    found = showcase(
        subject,
        range(6),
        methods,
        why="the first six sounds",
        tested=tested,
        surveyed=surveyed,
        command=f"pellucid demo speech --out {out} --seed {seed}",
        purpose=purpose,
        limits=("anything: vowels made by rule are not speech",),
        notes=(
            "Half a second of noise, hum, tone or clicks is in every sound, two or three syllables in most.",
            *notes,
        ),
        path=page,
        tell=_tell,
        compute=compute,
    )
    return _written(found, page)


def _guests(
    own: Guests,
    which: str,
    purpose: str,
    methods: dict[str, Method],
    tested: Collection[str],
    notes: list[str],
    page: Path,
    compute: Compute,
) -> Path:
    """The same on inputs that somebody brought, whose true answers nobody told."""
    from pellucid.report import showcase

    place = shlex.quote(own.subject.needs_data("demo").source)
    shown = min(NAMES, len(own.names))
    narrate(f"\n━━ {which}: {own.subject.name}, {len(own.names)} given, {shown} explained one by one")
    for line in notes[: len(own.names)]:
        result(f"  {line}")
    found = showcase(
        own.subject,
        range(shown),
        methods,
        why="given by you",
        names=own.names[:shown],
        others=own.others,
        tested=tested,
        surveyed={},
        command=f"pellucid demo {which} --data {place} --out {page.parent} --seed {compute.seed}",
        purpose=purpose,
        limits=("how good it is: nobody told the true answers",),
        notes=(
            *notes,
            f"Evidence compares with the maps of {len(own.others)} inputs of the demo.",
        ),
        path=page,
        tell=_tell,
        compute=compute,
    )
    return _written(found, page)


def _tell(step: str) -> None:
    narrate(f"  · {step}")


def _top(
    model: object, x: Tensor, classes: tuple[str, ...], names: tuple[str, ...], spec: InputSpec | None = None
) -> list[str]:
    """The five likeliest classes of each input, in one line."""
    from typing import cast

    from torch import nn

    from pellucid._core import portion, predict

    likely = predict(cast("nn.Module", model), x, spec=spec).softmax(1).topk(min(5, len(classes)), dim=1)
    lines: list[str] = []
    for name, shares, numbers in zip(names, likely.values.tolist(), likely.indices.tolist(), strict=True):
        told = ", ".join(
            f"{classes[k]} {portion(share, 0)}" for k, share in zip(numbers, shares, strict=True)
        )
        lines.append(f"{name}: {told}")
    return lines


def _written(found: Dossier, page: Path) -> Path:
    from pellucid.report import write

    write(found, page)
    show(summary(found))
    return page
