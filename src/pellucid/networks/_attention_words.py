"""Attention over the words of a text, whose gates are a dictionary: a closed word is used in no text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from pellucid._core import Json
from pellucid.networks._architecture import Architecture
from pellucid.networks._gated import OwnGate, opened, standard
from pellucid.networks._parts import initialise, positive
from pellucid.networks._readable import Recipe
from pellucid.networks._text import PAD, UNKNOWN

SPREAD = 0.03  # how much spread-out attention costs
DROPPED = 0.3  # share of words that are unknown in training
HIDDEN_DROPPED = 0.5  # share of what gate and value are made of
DRAWN = 0.05  # of the usual spread of word vectors: a word hardly ever seen must not speak by chance
LEAST = 0.1  # variance added to that of values


class AttentionWords(OwnGate):
    """``log-odds = constant + scale · Σ attention_t · value(word t)``; there is no other path.

    Gate and value are functions of the word alone, the same wherever it stands: two numbers in a dictionary
    (more values for more classes). Attention is the word's gate by the sum of all gates in the text. A word
    whose gate is 0 is used in no text, whatever stands around it; unknown words and padding are closed.
    No word is read together with another: "not good" is "not" and "good".

    Args:
        vocabulary: number of tokens.
        outputs: classes, or 1 for regression.
        width: of a word's vector.
        hidden: width of what gate and value are made of.
        seed: decides the weights.
        answers: mean and sd of the answers in regression.
    """

    part = "word"
    open: Tensor
    recipe = Recipe(epochs=15, batch_size=64, learning_rate=1e-3, weight_decay=1e-2, patience=5)

    def __init__(
        self,
        vocabulary: int,
        outputs: int,
        *,
        width: int = 32,
        hidden: int = 32,
        seed: int = 0,
        answers: Sequence[float] | None = None,
    ) -> None:
        positive({"vocabulary": [vocabulary], "outputs": [outputs], "width": [width], "hidden": [hidden]})
        super().__init__(outputs, hidden, spread=SPREAD, swap=0.0, penalty=0.0, answers=answers)
        params: dict[str, Json] = {
            "vocabulary": vocabulary,
            "outputs": outputs,
            "width": width,
            "hidden": hidden,
            "seed": seed,
            "answers": None if answers is None else [*answers],
        }
        self.architecture = Architecture("attention_words", params)
        chance = torch.Generator().manual_seed(seed)
        embedding = cast(nn.Embedding, nn.utils.skip_init(nn.Embedding, vocabulary, width))
        self.embedding = embedding
        nn.init.normal_(embedding.weight, 0.0, DRAWN * width**-0.5, generator=chance)
        self.dense = nn.utils.skip_init(nn.Linear, width, hidden)
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(HIDDEN_DROPPED)
        self.value = nn.utils.skip_init(nn.Linear, hidden, self.width, bias=False)
        self.gate = nn.utils.skip_init(nn.Linear, hidden, 1)
        for layer, follows in ((self.dense, "relu"), (self.value, "linear"), (self.gate, "linear")):
            initialise(cast(nn.Linear, layer), "lecun", follows, chance)
        self.norm = nn.BatchNorm1d(self.width, eps=LEAST, affine=False)
        open_words = torch.ones(vocabulary)
        open_words[[k for k in (PAD, UNKNOWN) if k < vocabulary]] = 0
        self.register_buffer("open", open_words, persistent=False)

    def asks(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How much each word asks to be heard, and what it says; padding says nothing."""
        if self.training:
            gone = (torch.rand(x.shape, device=x.device) < DROPPED) & (x != PAD)
            x = torch.where(gone, UNKNOWN, x)
        hidden = self.dropout(self.activation(self.dense(self.embedding(x))))
        there = x != PAD
        said = self.value(hidden)
        flat = standard(self.norm, said[there]) if bool(there.any()) else said[there]
        said = torch.zeros_like(said).masked_scatter(there[..., None], flat.to(said))
        return opened(self.gate(hidden)[..., 0]) * self.open[x], said

    def dictionary(self) -> tuple[Tensor, Tensor]:
        """Gate ``[V]`` and value ``[V, width]`` of every token."""
        words = torch.arange(len(self.open), device=self.open.device)[:, None]
        asked, said = self.asks(words)
        return asked[:, 0], said[:, 0]

    def unread(self, x: Tensor, attention: Tensor) -> Tensor:
        """Words of weight 0; padding stays padding."""
        return (attention == 0) & (x != PAD)

    def stand_in(self, x: Tensor, others: Tensor, chance: torch.Generator) -> Tensor:
        """Any closed words, drawn from the vocabulary."""
        closed = (self.dictionary()[0] == 0).nonzero().flatten()
        closed = closed[closed != PAD]
        return closed[torch.randint(len(closed), x.shape, generator=chance).to(closed.device)].to(x.dtype)

    def laid(self, values: Tensor, x: Tensor, others: Tensor) -> Tensor:
        """Values of the other texts' words, a shorter text over again, so that no weight falls on nothing."""
        lengths = (x[others] != PAD).sum(1, keepdim=True).clamp_min(1)
        place = torch.arange(x.shape[1], device=x.device) % lengths
        return values[others].gather(1, place[..., None].expand_as(values))


def attention_words(
    vocabulary: int,
    outputs: int,
    *,
    width: int = 32,
    hidden: int = 32,
    seed: int = 0,
    answers: Sequence[float] | None = None,
) -> AttentionWords:
    """An untrained attention network for texts; see :class:`AttentionWords` for the arguments.

    Example:
        >>> network = attention_words(9, 2).eval()
        >>> network.attention(torch.tensor([[4, 1, 0]]))[0, 1:].tolist()
        [0.0, 0.0]
    """
    return AttentionWords(vocabulary, outputs, width=width, hidden=hidden, seed=seed, answers=answers)
