"""From texts to numbers of tokens: a word-level tokenizer of our own, and any tokenizer of others."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast, final

from pellucid.errors import InputError

PAD, UNKNOWN = "<pad>", "<unk>"
# a word with its inner apostrophes and decimal points, or a single other sign
TOKEN = re.compile(r"\w+(?:['’.,]\w+)*|[^\w\s]")
# how subword tokenizers mark what begins a word and what goes on with one
BEGINS, GOES_ON, ENDS = ("Ġ", "▁"), "##", "</w>"


@final
@dataclass(frozen=True, slots=True)
class WordTokenizer:
    """Words and signs as tokens, with the vocabulary of a training set; stored whole with what uses it.

    Args:
        vocabulary: tokens in the order of their numbers; the first is padding, the second an unknown word.
        lower: whether letters are made small first.

    Raises:
        InputError: where the vocabulary does not begin with ``<pad>`` and ``<unk>``, or repeats itself.

    Example:
        >>> words = WordTokenizer.learn(["A fine film.", "A dull film."], least=1)
        >>> words.split("A fine, dull one")
        ['a', 'fine', ',', 'dull', 'one']
        >>> words.numbers("A fine, dull one")
        [2, 5, 1, 6, 1]
    """

    vocabulary: tuple[str, ...]
    lower: bool = True

    def __post_init__(self) -> None:
        """Refuse a vocabulary that is none."""
        object.__setattr__(self, "vocabulary", tuple(self.vocabulary))
        if self.vocabulary[:2] != (PAD, UNKNOWN) or len(set(self.vocabulary)) < len(self.vocabulary):
            raise InputError(
                f"A vocabulary begins with {PAD!r} and {UNKNOWN!r} and names each token once, "
                f"got {', '.join(map(repr, self.vocabulary[:4]))}…"
            )

    @classmethod
    def learn(
        cls, texts: Iterable[str], *, size: int = 20_000, least: int = 2, lower: bool = True
    ) -> WordTokenizer:
        """The most frequent tokens of training texts, at most ``size``, each seen ``least`` times or more."""
        counts = Counter(token for text in texts for token in _split(text, lower=lower))
        kept = [
            token for token, count in counts.most_common() if count >= least and token not in (PAD, UNKNOWN)
        ]
        return cls((PAD, UNKNOWN, *kept[: max(0, size - 2)]), lower)

    def split(self, text: str) -> list[str]:
        """Tokens of a text, as they are looked up."""
        return _split(text, lower=self.lower)

    def numbers(self, text: str) -> list[int]:
        """Numbers of the tokens of a text."""
        return self.numbers_of([text])[0]

    def numbers_of(self, texts: Sequence[str]) -> list[list[int]]:
        """Numbers of the tokens of each text."""
        place = {token: k for k, token in enumerate(self.vocabulary)}
        return [[place.get(token, 1) for token in self.split(text)] for text in texts]


def _split(text: str, *, lower: bool) -> list[str]:
    return TOKEN.findall(text.lower() if lower else text)


@final
@dataclass(frozen=True, slots=True)
class ForeignTokenizer:
    """A tokenizer of others: known by name and the hash of its vocabulary, held only while it is at hand.

    Args:
        name: what it is called.
        hash: SHA-256 of its vocabulary, or of what it makes of a test sentence where it shows none.
        reader: the tokenizer; not stored, so ``None`` in a spec that was read from a file.
    """

    name: str
    hash: str
    reader: object = field(default=None, init=False, compare=False, repr=False)
    style: str = field(default="", init=False, compare=False, repr=False)

    @classmethod
    def of(cls, reader: object) -> ForeignTokenizer:
        """Take note of a tokenizer."""
        if not callable(reader):
            raise InputError(
                "tokenizer: expected a Hugging Face tokenizer or a function from a text to tokens, "
                f"got {type(reader).__name__}."
            )
        name = getattr(reader, "name_or_path", "") or getattr(reader, "__name__", "") or type(reader).__name__
        made = cls(str(name), _hash(reader))
        object.__setattr__(made, "reader", reader)
        # a vocabulary is dear to ask for
        known = getattr(reader, "get_vocab", None)
        tokens = cast("Mapping[str, int]", known()) if callable(known) else ()
        object.__setattr__(made, "style", style_of(tokens))
        return made

    @property
    def at_hand(self) -> object:
        """The tokenizer, or an error that says how to hand it over."""
        if self.reader is None:
            raise InputError(
                f"The tokenizer {self.name!r} is not stored with this spec. Hand it over: "
                "spec.with_tokenizer(tokenizer), which sees by its vocabulary that it is the same."
            )
        return self.reader


def numbers_by(
    reader: object, text: str, vocabulary: Sequence[str], unknown: int | None, most: int
) -> list[int]:
    """Numbers of a text's tokens by any tokenizer, at most ``most`` (0: any number)."""
    call = cast("Callable[..., object]", reader)
    if is_hugging_face(reader):
        found = call(text, truncation=True, max_length=most) if most else call(text)
        return [int(k) for k in cast("dict[str, list[int]]", found)["input_ids"]]
    given = list(cast("Iterable[object]", call(text)))
    if all(isinstance(token, int) for token in given):
        numbers = cast("list[int]", given)
    elif not vocabulary:
        raise InputError(
            "The tokenizer gives texts; say vocabulary=(…), tokens in the order of their numbers."
        )
    else:
        place = {token: k for k, token in enumerate(vocabulary)}
        numbers = [place.get(str(token), -1 if unknown is None else unknown) for token in given]
        if -1 in numbers:
            strange = str(given[numbers.index(-1)])
            raise InputError(f"{strange!r} is not in the vocabulary, and no unk= stands for unknown tokens.")
    return numbers[:most] if most else numbers


def is_hugging_face(reader: object) -> bool:
    """Whether a tokenizer behaves like those of Hugging Face."""
    return hasattr(reader, "convert_ids_to_tokens") and hasattr(reader, "all_special_ids")


def begins_word(token: str, style: str) -> bool:
    """Whether a token begins a word, under the style of its tokenizer."""
    if style == GOES_ON:
        return not token.startswith(GOES_ON)
    return token.startswith(BEGINS) if style in BEGINS else True


def style_of(tokens: Iterable[str]) -> str:
    """How a vocabulary marks words: one of the marks, or nothing where each token is a word."""
    for token in tokens:
        if len(token) > 2 and token.startswith(GOES_ON):
            return GOES_ON
        if token.startswith(BEGINS):
            return token[0]
    return ""


def bare(token: str) -> str:
    """A token without the marks of its tokenizer."""
    for mark in (GOES_ON, *BEGINS):
        if token.startswith(mark) and len(token) > len(mark):
            token = token[len(mark) :]
    return token.removesuffix(ENDS)


def _hash(reader: object) -> str:
    known = getattr(reader, "get_vocab", None)
    if callable(known):
        pairs = sorted(cast("dict[str, int]", known()).items())
        shown = "\n".join(f"{token}\t{number}" for token, number in pairs)
    else:
        shown = repr(
            list(cast("Iterable[object]", cast("Callable[..., object]", reader)("A fine film, isn't it?")))
        )
    return hashlib.sha256(shown.encode()).hexdigest()
