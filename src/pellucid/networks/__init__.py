"""Networks whose layers have readable names and whose architecture is data."""

from pellucid.networks._architecture import Architecture
from pellucid.networks._build import build, default_network
from pellucid.networks._plain import Plain, Rescale, cnn, mlp
from pellucid.networks._text import Reader, gru, text_cnn, transformer

__all__ = [
    "Architecture",
    "Plain",
    "Reader",
    "Rescale",
    "build",
    "cnn",
    "default_network",
    "gru",
    "mlp",
    "text_cnn",
    "transformer",
]
