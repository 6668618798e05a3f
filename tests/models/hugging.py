"""Small models of transformers, built from a configuration with drawn weights."""
# ruff: noqa: E501

from __future__ import annotations

import torch

from models.case import Case, drawn, made
from pellucid._core import Batch


def hugging(name, attention="eager"):
    """A small model of ``transformers`` from its configuration, drawn anew."""
    import transformers as hf

    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
             "vocab_size": 11, "num_labels": 3, "attn_implementation": attention, "pad_token_id": 0}  # fmt: skip
    match name:
        case "bert":
            model = hf.BertForSequenceClassification(hf.BertConfig(max_position_embeddings=16, **small))
        case "distilbert":
            model = hf.DistilBertForSequenceClassification(hf.DistilBertConfig(
                dim=8, n_layers=1, n_heads=2, hidden_dim=16, vocab_size=11, num_labels=3,
                max_position_embeddings=16, attn_implementation=attention))  # fmt: skip
        case "gpt2":
            model = hf.GPT2ForSequenceClassification(hf.GPT2Config(
                n_embd=8, n_layer=1, n_head=2, n_positions=16, vocab_size=11, num_labels=3, pad_token_id=0,
                bos_token_id=1, eos_token_id=2, attn_implementation=attention))  # fmt: skip
        case "llama":
            model = hf.LlamaForSequenceClassification(
                hf.LlamaConfig(num_key_value_heads=1, bos_token_id=1, eos_token_id=2, **small)
            )
        case "vit":
            small |= {"num_labels": 3}
            small.pop("vocab_size")
            model = hf.ViTForImageClassification(
                hf.ViTConfig(image_size=8, patch_size=4, num_channels=2, **small)
            )
        case "resnet":
            model = hf.ResNetForImageClassification(hf.ResNetConfig(
                num_channels=2, embedding_size=4, hidden_sizes=[4, 6], depths=[1, 1], layer_type="basic", num_labels=3))  # fmt: skip
        case "convnext":
            model = hf.ConvNextForImageClassification(hf.ConvNextConfig(
                num_channels=2, patch_size=2, num_stages=2, hidden_sizes=[4, 6], depths=[1, 1], num_labels=3, image_size=8))  # fmt: skip
    return model


def hf_model(name, attention="eager"):
    return lambda: made(lambda: hugging(name, attention))


def embedded():
    mask = torch.ones(2, 5, dtype=torch.int64)
    mask[0, 3:] = 0
    return Batch({"inputs_embeds": drawn(5, 8)}, held={"attention_mask": mask})


def ids():
    mask = embedded().held["attention_mask"]
    return Batch(
        {"input_ids": torch.tensor([[3, 4, 5, 0, 0], [6, 7, 3, 2, 9]])}, held={"attention_mask": mask}
    )


def pixels():
    return Batch({"pixel_values": drawn(2, 8, 8)})


HUGGING = [
    *(
        Case(
            name,
            hf_model(name, "sdpa"),
            embedded,
            attends=True,
            plain=hf_model(name),
            relus=name == "distilbert",
            tolerance=1e-6,
        )
        for name in ("bert", "distilbert", "gpt2", "llama")
    ),
    Case(
        "bert, numbers of tokens",
        hf_model("bert", "sdpa"),
        ids,
        attends=True,
        plain=hf_model("bert"),
        relus=False,
        tolerance=1e-6,
    ),
    Case(
        "vit",
        hf_model("vit", "sdpa"),
        pixels,
        attends=True,
        plain=hf_model("vit"),
        relus=False,
        tolerance=1e-6,
    ),
    Case("resnet", hf_model("resnet"), pixels),
    Case("convnext", hf_model("convnext"), pixels, relus=False),
]
