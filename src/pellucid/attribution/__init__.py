"""Why did the network give this score? One method, one file; each returns an ``Explanation``."""

from pellucid.attribution._grad_cam import grad_cam
from pellucid.attribution._input_x_gradient import input_x_gradient
from pellucid.attribution._integrated_gradients import integrated_gradients
from pellucid.attribution._occlusion import occlusion
from pellucid.attribution._saliency import saliency
from pellucid.attribution._smoothgrad import smoothgrad

__all__ = [
    "saliency",
    "input_x_gradient",
    "smoothgrad",
    "integrated_gradients",
    "grad_cam",
    "occlusion",
]
