"""Small networks of named layers that read texts, as token numbers ``[N, T]``, or features ``[N, C, T]``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid._core import Json
from pellucid.errors import InputError
from pellucid.networks._architecture import Architecture
from pellucid.networks._parts import positive
from pellucid.networks._plain import Rescale

PAD, UNKNOWN = 0, 1  # numbers that WordTokenizer gives padding and unknown words


class Reader(nn.Module):
    """A network for sequences; ``architecture`` says how to build it again."""

    architecture: Architecture
    word_dropout: float = 0.0

    def dropped(self, ids: Tensor) -> Tensor:
        """Token numbers, in training some of them unknown, so that the network learns to do without a word.

        That also makes a text with words taken away a text that the network was trained on.
        """
        if not self.training or not self.word_dropout:
            return ids
        gone = (torch.rand(ids.shape, device=ids.device) < self.word_dropout) & (ids != PAD)
        return torch.where(gone, UNKNOWN, ids)


class TextCNN(Reader):
    """Made by :func:`text_cnn`."""

    def __init__(self, vocabulary: int, outputs: int, width: int, windows: Sequence[int], channels: int,
                 dropout: float, word_dropout: float) -> None:  # fmt: skip
        super().__init__()
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.windows = tuple(windows)
        for size in windows:
            self.add_module(f"conv{size}", nn.Conv1d(width, channels, size))
            self.add_module(f"activation{size}", nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(channels * len(windows), outputs)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits ``[N, outputs]`` of token numbers ``[N, T]``."""
        there = (ids != PAD)[:, None].to(self.output.weight.dtype)
        x = self.embedding(self.dropped(ids)).transpose(1, 2) * there
        found: list[Tensor] = []
        for size in self.windows:
            # each word is the first of one window; what lies behind the end is nothing
            maps = self.get_submodule(f"conv{size}")(F.pad(x, (0, size - 1)))
            found.append((self.get_submodule(f"activation{size}")(maps) * there).amax(2))
        return self.output(self.dropout(torch.cat(found, 1)))


class Attention(nn.Module):
    """Multi-head attention, each step a layer: ``weights`` says who looks at whom, ``[N, heads, T, T]``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.weights = nn.Softmax(-1)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """``[N, T, E]``; ``hidden`` ``[N, 1, 1, T]`` is a large negative number where nobody may look."""
        q, k, v = (self._apart(part(x)) for part in (self.query, self.key, self.value))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + hidden
        return self.output((self.weights(scores) @ v).transpose(1, 2).flatten(2))

    def _apart(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """Attention, then two dense layers, each behind a normalisation and added to what came in."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2, self.dense1, self.activation = nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU()
        self.dense2, self.dropout = nn.Linear(2 * width, width), nn.Dropout(dropout)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """``[N, T, E]`` to the same."""
        x = x + self.dropout(self.attention(self.norm1(x), hidden))
        return x + self.dropout(self.dense2(self.activation(self.dense1(self.norm2(x)))))


class Transformer(Reader):
    """Made by :func:`transformer`."""

    def __init__(self, vocabulary: int, outputs: int, width: int, heads: int, blocks: int, dropout: float,
                 input_dropout: float, word_dropout: float) -> None:  # fmt: skip
        super().__init__()
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.input_dropout = nn.Dropout(input_dropout)
        self.blocks = blocks
        for number in range(1, blocks + 1):
            self.add_module(f"block{number}", Block(width, heads, dropout))
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.output = nn.Linear(width, outputs)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits ``[N, outputs]`` of token numbers ``[N, T]``."""
        there = (ids != PAD).to(self.output.weight.dtype)
        hidden = (there - 1)[:, None, None] * 1e4
        x = self.embedding(self.dropped(ids))
        x = self.input_dropout(x + places(ids.shape[1], x))
        for number in range(1, self.blocks + 1):
            x = self.get_submodule(f"block{number}")(x, hidden)
        return self.output(self.dropout(_mean(self.norm(x), there)))


class GRU(Reader):
    """Made by :func:`gru`."""

    def __init__(self, vocabulary: int, features: int, outputs: int, width: int, hidden: int, dropout: float,
                 word_dropout: float) -> None:  # fmt: skip
        super().__init__()
        self.reads_tokens = vocabulary > 0
        if self.reads_tokens:
            self.word_dropout = word_dropout
            self.embedding = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.input_dropout = nn.Dropout(dropout)
        size = width if self.reads_tokens else features
        self.forwards = nn.GRU(size, hidden, batch_first=True)
        self.backwards = nn.GRU(size, hidden, batch_first=True)
        self.dropout, self.output = nn.Dropout(dropout), nn.Linear(2 * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[N, outputs]`` of token numbers ``[N, T]`` or features ``[N, C, T]``."""
        if self.reads_tokens:
            there = (x != PAD).to(self.output.weight.dtype)
            steps = self.embedding(self.dropped(x))
        else:
            steps, there = x.transpose(1, 2), x.new_ones(len(x), x.shape[2])
        steps = self.input_dropout(steps)
        # from the last word to the first, padding left where it is: longer padding changes nothing
        place = torch.arange(steps.shape[1], device=x.device)
        last = there.sum(1, keepdim=True).long() - 1
        turned = torch.where(place <= last, last - place, place)
        back = steps.gather(1, turned[..., None].expand_as(steps))
        seen = torch.cat([self.forwards(steps)[0], self.backwards(back)[0]], 2)
        return self.output(self.dropout(_mean(seen, there)))


def text_cnn(
    vocabulary: int,
    outputs: int,
    *,
    width: int = 64,
    windows: Sequence[int] = (1, 2, 3),
    channels: int = 64,
    dropout: float = 0.5,
    word_dropout: float = 0.2,
    seed: int = 0,
    answers: tuple[float, float] | None = None,
) -> Reader:
    """Windows of words, the strongest of each kind: ``[N, T]`` token numbers to ``[N, outputs]``.

    ``embedding, conv1, activation1, conv2, …, output``; ``conv3`` sees three words at a time. Token 0 is
    padding, which changes nothing, and 1 an unknown word.

    Args:
        vocabulary: number of tokens.
        outputs: number of classes, or 1 for regression.
        width: of a word's vector.
        windows: how many words each kind of convolution sees.
        channels: of each convolution.
        dropout: share of what goes to the last layer that is dropped in training.
        word_dropout: share of words that turn into the unknown one in training.
        seed: decides the weights.
        answers: mean and sd of the answers in regression.

    Raises:
        InputError: where a number is below 1.

    Source:
        Kim 2014, Convolutional Neural Networks for Sentence Classification, arXiv 1408.5882.

    Example:
        >>> text_cnn(100, 2)(torch.tensor([[5, 6, 7, 0], [8, 0, 0, 0]])).shape
        torch.Size([2, 2])
    """
    positive(
        {
            "vocabulary": [vocabulary],
            "outputs": [outputs],
            "width": [width],
            "channels": [channels],
            "windows": windows,
        }
    )
    with torch.random.fork_rng(devices=[]):  # torch's own random state is not moved
        made = TextCNN(vocabulary, outputs, width, windows, channels, dropout, word_dropout)
    params: dict[str, Json] = {"vocabulary": vocabulary, "outputs": outputs, "width": width}
    params |= {"windows": [*windows], "channels": channels, "dropout": dropout, "word_dropout": word_dropout}
    return finished(made, "text_cnn", params, seed, answers)


def transformer(
    vocabulary: int,
    outputs: int,
    *,
    width: int = 32,
    heads: int = 4,
    blocks: int = 2,
    dropout: float = 0.3,
    input_dropout: float = 0.5,
    word_dropout: float = 0.2,
    drawn: float = 0.05,
    seed: int = 0,
    answers: tuple[float, float] | None = None,
) -> Reader:
    """A small encoder: ``[N, T]`` token numbers to ``[N, outputs]``, by the mean over words.

    ``embedding, block1.norm1, block1.attention.query … block1.attention.weights, block1.dense1, …, norm,
    output``; normalisation comes first in each block, places are sines and cosines. Token 0 is padding,
    which nobody looks at, and 1 an unknown word.

    Args:
        vocabulary: number of tokens.
        outputs: number of classes, or 1 for regression.
        width: of a word's vector; even, and a multiple of ``heads``.
        heads: of each attention. blocks: how many follow each other.
        dropout: share that is dropped in training, behind each step.
        input_dropout: share of the words' vectors that is dropped in training.
        word_dropout: share of words that turn into the unknown one in training.
        drawn: spread of the words' first vectors, as a share of the usual ``width ** -0.5``; small, so that
            a word hardly ever seen does not speak by chance.
        seed: decides the weights.
        answers: mean and sd of the answers in regression.

    Raises:
        InputError: where a number is below 1, ``drawn`` is not above 0, or ``width`` does not go into heads.

    Source:
        Vaswani et al. 2017, Attention Is All You Need, arXiv 1706.03762; normalisation first: Xiong et al.
        2020, arXiv 2002.04745.

    Example:
        >>> transformer(100, 2, width=16)(torch.tensor([[5, 6, 7, 0], [8, 0, 0, 0]])).shape
        torch.Size([2, 2])
    """
    positive(
        {
            "vocabulary": [vocabulary],
            "outputs": [outputs],
            "width": [width],
            "heads": [heads],
            "blocks": [blocks],
        }
    )
    if not (drawn > 0 and math.isfinite(drawn)):
        raise InputError(f"drawn must be a number above 0, got {drawn}.")
    if width % heads or width % 2:
        raise InputError(f"width must be even and a multiple of heads={heads}, got {width}.")
    with torch.random.fork_rng(devices=[]):  # torch's own random state is not moved
        made = Transformer(vocabulary, outputs, width, heads, blocks, dropout, input_dropout, word_dropout)
    params: dict[str, Json] = {"vocabulary": vocabulary, "outputs": outputs, "width": width, "heads": heads}
    params |= {"blocks": blocks, "dropout": dropout, "input_dropout": input_dropout}
    params |= {"word_dropout": word_dropout, "drawn": drawn}
    return finished(made, "transformer", params, seed, answers, drawn)


def gru(
    outputs: int,
    *,
    vocabulary: int = 0,
    features: int = 0,
    width: int = 64,
    hidden: int = 64,
    dropout: float = 0.3,
    word_dropout: float = 0.2,
    seed: int = 0,
    answers: tuple[float, float] | None = None,
) -> Reader:
    """A recurrent network that reads from both ends: ``[N, outputs]``, by the mean over its states.

    It takes token numbers ``[N, T]`` where ``vocabulary`` is given (0 is padding, 1 an unknown word), and
    features ``[N, C, T]`` where ``features`` is.

    Args:
        outputs: number of classes, or 1 for regression.
        vocabulary: number of tokens.
        features: number of channels C.
        width: of a word's vector.
        hidden: width of the state in each direction.
        dropout: share that is dropped in training, before and behind the states.
        word_dropout: share of words that turn into the unknown one in training.
        seed: decides the weights.
        answers: mean and sd of the answers in regression.

    Raises:
        InputError: where not exactly one of ``vocabulary`` and ``features`` is given, or a number is below 1.

    Source:
        Cho et al. 2014, Learning Phrase Representations, arXiv 1406.1078.

    Example:
        >>> gru(2, vocabulary=100)(torch.tensor([[5, 6, 7, 0], [8, 0, 0, 0]])).shape
        torch.Size([2, 2])
        >>> gru(3, features=20)(torch.zeros(4, 20, 50)).shape
        torch.Size([4, 3])
    """
    if (vocabulary > 0) == (features > 0):
        raise InputError(
            "Say what is read: vocabulary=, a number of tokens, or features=, a number of channels."
        )
    positive({"outputs": [outputs], "width": [width], "hidden": [hidden]})
    with torch.random.fork_rng(devices=[]):  # torch's own random state is not moved
        made = GRU(vocabulary, features, outputs, width, hidden, dropout, word_dropout)
    params: dict[str, Json] = {"outputs": outputs, "vocabulary": vocabulary, "features": features}
    params |= {"width": width, "hidden": hidden, "dropout": dropout, "word_dropout": word_dropout}
    return finished(made, "gru", params, seed, answers)


def places(count: int, like: Tensor) -> Tensor:
    """Sines and cosines ``[T, E]`` that say where a token stands."""
    width = like.shape[-1]
    rate = torch.exp(torch.arange(0, width, 2, device=like.device) * (-math.log(10_000.0) / width))
    angle = torch.arange(count, device=like.device)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1).to(like) / math.sqrt(width)


def _mean(x: Tensor, there: Tensor) -> Tensor:
    """Mean over the tokens that are there ``[N, E]``."""
    return (x * there[..., None]).sum(1) / there.sum(1, keepdim=True).clamp(min=1)


def finished(
    made: Reader,
    kind: str,
    params: Mapping[str, Json],
    seed: int,
    answers: tuple[float, float] | None,
    drawn: float = 1.0,
) -> Reader:
    """Weights drawn from the seed alone, the unit of a regression, and the architecture."""
    for name in ("dropout", "input_dropout", "word_dropout"):
        if not 0 <= cast("float", params.get(name, 0.0)) < 1:
            raise InputError(f"{name} is a share from 0 up to below 1, got {params[name]}.")
    generator = torch.Generator().manual_seed(seed)
    for module in made.modules():
        if isinstance(module, nn.Embedding):
            scale = drawn / math.sqrt(module.embedding_dim)
            nn.init.normal_(module.weight, 0.0, scale, generator=generator).data[PAD] = 0
        elif isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            nn.init.zeros_(cast("Tensor", module.bias))
        elif isinstance(module, nn.GRU):
            for weight in module.parameters():
                bound = 1 / math.sqrt(module.hidden_size)
                nn.init.uniform_(weight, -bound, bound, generator=generator)
    if answers is not None:
        made.output = nn.Sequential(cast("nn.Module", made.output), Rescale(*answers))
    unit: Json = None if answers is None else [*answers]
    made.architecture = Architecture(kind, {**params, "seed": seed, "answers": unit})
    return made
