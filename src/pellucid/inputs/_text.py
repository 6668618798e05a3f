"""Texts: numbers of tokens, words that can be taken away, and what stands in their place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast, final

import torch
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.errors import InputError, near_misses
from pellucid.inputs._tokenizer import (
    PAD,
    UNKNOWN,
    ForeignTokenizer,
    WordTokenizer,
    bare,
    begins_word,
    is_hugging_face,
    numbers_by,
    style_of,
)


@final
@dataclass(frozen=True, slots=True)
class TextSpec(InputSpec):
    """What a row of token numbers means.

    A part is a word (or a token, as ``merge`` says). Padding and special tokens are held: never taken away,
    numbered -1 in :meth:`groups`. A word that is taken away turns into the mask token, where the tokenizer
    has none into an unknown word, else into padding.

    Args:
        tokenizer: a :class:`WordTokenizer`, a Hugging Face tokenizer, or a function from a text to tokens,
            which are texts (then give ``vocabulary``) or numbers.
        vocabulary: tokens in the order of their numbers, where the tokenizer does not know them itself.
        length: most tokens of a text, the rest is cut off; 0 is any number.
        pad, unk, mask: numbers of these tokens; ``None`` takes the tokenizer's own, if it has one.
        special: numbers of further tokens that are never taken away, such as those that begin or end a text.
        merge: ``"words"`` makes one part of the pieces of a word, ``"tokens"`` one of each token.
        ids_name, mask_name: names under which the network takes token numbers and a mask that is 1 where no
            padding is, such as ``"input_ids"`` and ``"attention_mask"``; empty for a network that takes
            token numbers alone.

    Raises:
        InputError: if the fields contradict each other.

    Example:
        >>> spec = TextSpec(WordTokenizer.learn(["A fine film", "A dull film"], least=1))
        >>> x = spec.encode(["A fine film!", "dull"])
        >>> x.tolist(), spec.groups(x).tolist()
        ([[2, 4, 3, 1], [5, 0, 0, 0]], [[0, 1, 2, 3], [0, -1, -1, -1]])
        >>> spec.absent(x).tolist()
        [[1, 1, 1, 1], [1, 0, 0, 0]]
    """

    tokenizer: object
    vocabulary: tuple[str, ...] = ()
    length: int = 0
    pad: int | None = None
    unk: int | None = None
    mask: int | None = None
    special: tuple[int, ...] = ()
    merge: Literal["words", "tokens"] = "words"
    ids_name: str = ""
    mask_name: str = ""

    def __post_init__(self) -> None:
        """Take from the tokenizer what it knows, and refuse what contradicts itself."""
        settle = object.__setattr__  # the way of a frozen dataclass to settle its own fields
        given = self.tokenizer
        settle(self, "vocabulary", tuple(self.vocabulary))
        if isinstance(given, WordTokenizer):
            if self.vocabulary and self.vocabulary != given.vocabulary:
                raise InputError("TextSpec: a WordTokenizer brings its vocabulary; leave vocabulary= away.")
            settle(self, "pad", 0)
            settle(self, "unk", 1)
        elif not isinstance(given, ForeignTokenizer):
            settle(self, "tokenizer", ForeignTokenizer.of(given))
            for name, own in (("pad", "pad_token_id"), ("unk", "unk_token_id"), ("mask", "mask_token_id")):
                if getattr(self, name) is None:
                    settle(self, name, getattr(given, own, None))
            own_special = cast("Iterable[int]", getattr(given, "all_special_ids", ()))
            settle(self, "special", tuple(sorted({*self.special, *map(int, own_special)})))
        # words that are unknown or masked are words
        settle(self, "special", tuple(k for k in self.special if k not in (self.unk, self.mask)))
        self._refuse()

    def _refuse(self) -> None:
        if self.merge not in ("words", "tokens"):
            known = ("words", "tokens")
            raise InputError(f"TextSpec: merge={self.merge!r} is not known. {near_misses(self.merge, known)}")
        if self.length < 0:
            raise InputError(f"TextSpec: length must not be negative, got {self.length}.")
        if self._gone is None:
            raise InputError("TextSpec: say what stands in the place of a word: mask=, unk= or pad=.")
        if self.mask_name and (self.pad is None or not self.ids_name):
            raise InputError(
                "TextSpec: mask_name= needs pad= to make the mask from, and ids_name= beside it."
            )
        size = self.size
        for name in ("pad", "unk", "mask"):
            number = getattr(self, name)
            if number is not None and (number < 0 or (size and number >= size)):
                raise InputError(f"TextSpec: {name}={number} is no token; they run from 0 to {size - 1}.")

    @property
    def _gone(self) -> int | None:
        return next((k for k in (self.mask, self.unk, self.pad) if k is not None), None)

    @property
    def size(self) -> int:
        """Number of tokens that are known; 0 where the tokenizer does not say."""
        if isinstance(self.tokenizer, WordTokenizer):
            return len(self.tokenizer.vocabulary)
        reader = cast("ForeignTokenizer", self.tokenizer).reader
        if self.vocabulary or reader is None or not is_hugging_face(reader):
            return len(self.vocabulary)
        return len(cast("Sequence[object]", reader))

    @property
    def reads(self) -> str:
        """What a network with such inputs reads, in words."""
        return "texts"

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of one text."""
        return ("T",)

    def with_tokenizer(self, tokenizer: object) -> TextSpec:
        """The same spec with the tokenizer at hand that it was made with.

        Raises:
            InputError: where the vocabulary is another one.
        """
        if isinstance(self.tokenizer, WordTokenizer):
            raise InputError("This spec holds its own WordTokenizer; there is none to hand over.")
        known, found = cast("ForeignTokenizer", self.tokenizer), ForeignTokenizer.of(tokenizer)
        if known.hash != found.hash:
            raise InputError(
                f"The spec was made with another tokenizer ({known.name!r}): the vocabularies differ."
            )
        return dataclasses.replace(self, tokenizer=found)

    def encode(self, texts: Sequence[str] | str) -> Tensor:
        """Token numbers int64 ``[N, T]``; shorter texts are padded at their end.

        Raises:
            InputError: for what is no text, or texts of several lengths without ``pad``.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        wrong = next((k for k, text in enumerate(texts) if not isinstance(text, str)), None)  # pyright: ignore[reportUnnecessaryIsInstance]
        if wrong is not None or not texts:
            got = "none" if wrong is None else f"{type(texts[wrong]).__name__} in row {wrong + 1}"
            raise InputError(f"Expected texts, got {got}.")
        rows = self._numbers(texts)
        width = max(1, *map(len, rows))
        if self.pad is None and any(len(row) < width for row in rows):
            raise InputError("Texts of several lengths need padding; say pad=, the number of that token.")
        filled = [row + [cast("int", self.pad)] * (width - len(row)) for row in rows]
        return torch.tensor(filled, dtype=torch.int64)

    def _numbers(self, texts: Sequence[str]) -> list[list[int]]:
        if isinstance(self.tokenizer, WordTokenizer):
            return [row[: self.length or None] for row in self.tokenizer.numbers_of(texts)]
        reader = cast("ForeignTokenizer", self.tokenizer).at_hand
        return [numbers_by(reader, text, self.vocabulary, self.unk, self.length) for text in texts]

    def check(self, x: Tensor) -> None:
        """Raise :class:`InputError` unless ``x`` holds rows of token numbers ``[N, T]``."""
        if x.dtype not in (torch.int64, torch.int32, torch.int16):
            raise InputError(f"Expected whole token numbers, got {x.dtype}. Use spec.encode(texts).")
        if x.ndim != 2 or 0 in x.shape:
            hint = " Add the row axis: x[None]." if x.ndim == 1 else ""
            raise InputError(f"Expected token numbers [N, T], got {list(x.shape)}.{hint}")
        low, high = (int(v) for v in torch.aminmax(x))
        if low < 0 or (self.size and high >= self.size):
            raise InputError(
                f"Token numbers run from 0 to {self.size - 1 if self.size else '…'}, got {low} to {high}. "
                "Were these texts encoded with another tokenizer?"
            )

    def held(self, x: Tensor) -> Tensor:
        """Which tokens are never taken away: bool like ``x``."""
        numbers = [*self.special] + ([] if self.pad is None else [self.pad])
        return torch.isin(x, torch.tensor(numbers, dtype=x.dtype, device=x.device))

    def groups(self, x: Tensor) -> Tensor:
        """Number of the word of each token: int64 ``[N, T]``, -1 where it is held."""
        held = self.held(x)
        begins = torch.ones_like(held)
        if self.merge == "words" and not isinstance(self.tokenizer, WordTokenizer):
            begins = self._begins(x)
        # what follows a held token begins a word, whatever its spelling
        begins = begins | torch.nn.functional.pad(held, (1, 0), value=True)[:, :-1]
        return torch.where(held, -1, (begins & ~held).cumsum(1) - 1)

    def _begins(self, x: Tensor) -> Tensor:
        used, place = x.unique(return_inverse=True)
        names = self._names(used.tolist())
        reader = cast("ForeignTokenizer", self.tokenizer)
        style = (style_of(self.vocabulary) if self.vocabulary else reader.style) or style_of(names)
        return torch.tensor([begins_word(name, style) for name in names], device=x.device)[place]

    def _names(self, numbers: Sequence[int]) -> list[str]:
        known = self.tokenizer.vocabulary if isinstance(self.tokenizer, WordTokenizer) else self.vocabulary
        if known:
            return [known[k] for k in numbers]
        reader = cast("ForeignTokenizer", self.tokenizer).at_hand
        if is_hugging_face(reader):
            return [str(name) for name in reader.convert_ids_to_tokens(list(numbers))]  # pyright: ignore[reportAttributeAccessIssue]
        return [f"token {k}" for k in numbers]

    def absent(self, x: Tensor) -> Tensor:
        """``x`` with every word taken away; what is held stays."""
        return torch.where(self.held(x), x, cast("int", self._gone))

    def companions(self, x: Tensor) -> tuple[str, Mapping[str, Tensor]]:
        """The network's name for token numbers, and the mask of what is no padding."""
        return self.ids_name, {self.mask_name: (x != self.pad).long()} if self.mask_name else {}

    def tokens(self, x: Tensor) -> list[list[str]]:
        """Each row's tokens ``[T]`` as people read them; padding is empty."""
        rows = x.tolist()
        names = dict(zip(used := sorted({k for row in rows for k in row}), self._names(used), strict=True))
        shown = {k: "" if k == self.pad else _shown(name) for k, name in names.items()}
        return [[shown[k] for k in row] for row in rows]

    def words(self, x: Tensor) -> list[list[str]]:
        """Each row's words, in the order of :meth:`groups`."""
        found: list[list[str]] = []
        for names, numbers in zip(self.tokens(x), self.groups(x).tolist(), strict=True):
            row = [""] * (max(numbers) + 1)
            for name, number in zip(names, numbers, strict=True):
                if number >= 0:
                    row[number] += name
            found.append(row)
        return found

    def group_names(self, x: Tensor) -> tuple[str, ...]:
        """The words of one text, those that come again with their number; of several texts only places."""
        if len(x) == 1:
            words = self.words(x)[0]
            again = [words[:k].count(word) for k, word in enumerate(words)]
            return tuple(f"{w} ({k + 1})" if k else w for w, k in zip(words, again, strict=True))
        return tuple(f"word {k + 1}" for k in range(int(self.groups(x).max()) + 1))

    def decode(self, x: Tensor) -> list[str]:
        """Each row as a text; what the tokenizer does not keep (spaces, capitals) is lost."""
        return [" ".join(word for word in row if word) for row in self.words(x)]

    def text(self, x: Tensor) -> str:
        """One row ``[T]`` or ``[1, T]`` as a text."""
        return self.decode(x[None] if x.ndim == 1 else x)[0]


def _shown(name: str) -> str:
    return {UNKNOWN: "⟨?⟩", PAD: ""}.get(name, bare(name))
