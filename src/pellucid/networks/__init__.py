"""Networks whose layers have readable names and whose architecture is data."""

from pellucid.networks._architecture import Architecture
from pellucid.networks._build import build, default_network
from pellucid.networks._mobilenet import mobilenet_v2
from pellucid.networks._plain import Plain, Rescale, cnn, mlp

__all__ = ["Architecture", "Plain", "Rescale", "build", "cnn", "default_network", "mlp", "mobilenet_v2"]
