"""The numbers and the picture of ``docs/hidden-layers.md``: ``python docs/hidden_layers.py [NAME …]``.

Fashion-MNIST, the CIFAR-10 pictures and the photographs lie in the folder that ``PELLUCID_TEST_DATA`` names;
the digits and the breast-cancer network are those that ``pellucid demo`` leaves in ``out``.
"""

import io
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import pellucid
from pellucid import figures, tasks
from pellucid._core import Batch, Compute, Dataset, untrained
from pellucid.features import activation_atlas
from pellucid.inputs import ImageSpec
from pellucid.layers import attention_heads, linear_probes, selectivity, unit_effects

HERE = Path(__file__).parent
DATA = Path(os.environ.get("PELLUCID_TEST_DATA", "data"))
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FASHION = (
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle-boot",
)  # fmt: skip
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
ROWS = 1000


def say(text):
    """One line."""
    sys.stdout.write(f"{text}\n")


def _zipped(name, keep, every=1):
    with zipfile.ZipFile(DATA / name) as archive:
        for entry in sorted(n for n in archive.namelist() if keep(n))[::every]:
            yield entry, Image.open(io.BytesIO(archive.read(entry))).convert("RGB")


def _trained(name, x, y, classes, held_out, epochs):
    """A small convolutional network on all but the last rows."""
    parts = torch.zeros(len(x), dtype=torch.int8)
    parts[-held_out:] = 2
    parts[torch.randperm(len(x) - held_out, generator=torch.Generator().manual_seed(0))[:500]] = 1
    data = Dataset(name, x, y, ImageSpec(channels=x.shape[1]), tuple(classes), parts)
    return pellucid.train(data, epochs=epochs, seed=0)


def fashion():
    """6,000 pictures of clothes, six epochs."""
    raw = np.load(DATA / "fashion_mnist.npz")
    x = np.concatenate([raw["x_train"][:6000], raw["x_test"][:1500]])
    y = np.concatenate([raw["y_train"][:6000], raw["y_test"][:1500]])
    return _trained(
        "fashion", torch.from_numpy(x)[:, None].float() / 255, torch.from_numpy(y).long(), FASHION, 1500, 6
    )


def cifar():
    """5,000 pictures, eight epochs."""
    read = [
        list(
            _zipped("cifar10_jpg.zip", lambda n, part=part: n.endswith(".jpg") and f"/{part}/" in f"/{n}", 2)
        )
        for part in ("train", "test")
    ]
    both = [*read[0], *read[1]]
    x = torch.from_numpy(np.stack([np.asarray(picture) for _, picture in both])).permute(0, 3, 1, 2)
    y = torch.tensor([CIFAR.index(entry.split("/")[-2]) for entry, _ in both])
    return _trained("cifar", x.float() / 255, y, CIFAR, len(read[1]), 8)


def _some(data):
    return data.rows(torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:ROWS])


def told(name, subject):
    """Probes, selectivity and effects, each beside its control."""
    sites = list(tasks.feature_sites(subject))
    learned, held = _some(subject.data.part("train")), _some(subject.data.part("test"))
    x, y = (torch.cat([getattr(learned, what), getattr(held, what)]) for what in ("inputs", "answers"))
    probes = linear_probes(subject.model, x, y, sites, held_out=torch.arange(len(x)) >= len(learned))
    twin = untrained(subject.model, seed=0, calibrate=held.inputs[:500])
    say(f"{name}: {len(held)} held-out rows")
    for k, site in enumerate(sites):
        areas = [
            selectivity(net, held.inputs, held.answers, site).auc.median() for net in (subject.model, twin)
        ]
        say(
            f"  {site}: probe {probes.accuracy[k]:.3f}, untrained {probes.untrained[k]:.3f}, gain "
            f"[{probes.gain_low[k]:.3f}, {probes.gain_high[k]:.3f}]; median AUC {areas[0]:.3f}, "
            f"untrained {areas[1]:.3f}"
        )
    effects = unit_effects(subject.model, held.inputs, held.answers, sites[-1])
    clear = int((effects.low > 0).sum())
    say(f"  {sites[-1]}: {clear} of {len(effects.units)} units cost accuracy; all {effects.accuracy:.3f}")
    for u in effects.drop.argsort(descending=True)[:3].tolist():
        most = effects.by_class[u].nan_to_num()
        say(
            f"    unit {u}: {effects.drop[u]:.3f} [{effects.low[u]:.3f}, {effects.high[u]:.3f}], most on "
            f"{subject.data.classes[int(effects.classes[most.argmax()])]} ({most.max():.2f})"
        )


def heads():
    """The heads of one layer of MiniLM on 36 sentences."""
    subject = tasks.sentences()
    ids = subject.data.inputs
    name, beside = subject.spec.companions(ids)
    site = next(
        row.site for row in pellucid.layers(subject).rows if "layer.4" in row.site and "heads()" in row.site
    )
    found = attention_heads(
        subject.model, Batch({name: ids}, beside), site.replace(":heads()", ""), subject.data.answers
    )
    say(figures.attention_heads(found).alt)


def atlas():
    """Of features.7 of MobileNetV2, beside an untrained copy: 240 photographs, 8 minutes on one core."""
    pictures = []
    for name in ("imagenet_samples.zip", "davis_masks.zip"):
        for _, picture in _zipped(name, lambda n: n.endswith(".jpg")):
            side = min(picture.size)
            left, top = ((size - side) // 2 for size in picture.size)
            square = picture.crop((left, top, left + side, top + side)).resize((160, 160), Image.BICUBIC)
            pictures.append(torch.from_numpy(np.array(square)).permute(2, 0, 1).float() / 255)
    spec = ImageSpec(**IMAGENET)
    x, network = spec.from_pixels(torch.stack(pictures)), tasks.mobilenet()
    made = [
        activation_atlas(
            net, "features.7", spec=spec, data=x, grid=7, positions=16, steps=64, compute=Compute(16)
        )
        for net in (network, untrained(network, seed=0, calibrate=x))
    ]
    drawn = figures.activation_atlas(*made, side=560)
    say(drawn.alt)
    picture = Image.open(io.BytesIO(drawn.png())).convert("RGB")
    small = picture.resize((1400, round(picture.height * 1400 / picture.width)), Image.LANCZOS)
    small.save(HERE / "pictures" / "atlas.jpg", quality=84, optimize=True)


SHOWN = {
    "breast-cancer": lambda: told("breast-cancer", pellucid.open(HERE.parent / "out" / "breast-cancer-run")),
    "digits": lambda: told("digits", pellucid.open(HERE.parent / "out" / "digits-run")),
    "fashion": lambda: told("fashion", fashion()),
    "cifar": lambda: told("cifar", cifar()),
    "heads": heads,
    "atlas": atlas,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for asked in sys.argv[1:] or SHOWN:
        SHOWN[asked]()
