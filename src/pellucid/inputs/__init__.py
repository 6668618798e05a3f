"""What an input means: its units, its removable parts, and what stands in the place of a part taken away."""

from pellucid.inputs._audio import AudioSpec
from pellucid.inputs._image import ImageSpec
from pellucid.inputs._mel import log_mel, mel_frequencies
from pellucid.inputs._superpixels import superpixels
from pellucid.inputs._tabular import MISSING, OTHER, Column, TabularSpec
from pellucid.inputs._text import TextSpec
from pellucid.inputs._tokenizer import WordTokenizer

__all__ = [
    "AudioSpec",
    "Column",
    "ImageSpec",
    "MISSING",
    "OTHER",
    "TabularSpec",
    "TextSpec",
    "WordTokenizer",
    "log_mel",
    "mel_frequencies",
    "superpixels",
]
