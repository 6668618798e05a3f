"""Why did the network give this score? One method, one file; each returns an ``Explanation``."""

from pellucid.attribution._deep_lift import deep_lift
from pellucid.attribution._deep_lift_shap import deep_lift_shap
from pellucid.attribution._exact_shapley import exact_shapley
from pellucid.attribution._feature_ablation import feature_ablation
from pellucid.attribution._grad_cam import grad_cam
from pellucid.attribution._input_x_gradient import input_x_gradient
from pellucid.attribution._integrated_gradients import integrated_gradients
from pellucid.attribution._kernel_shap import kernel_shap
from pellucid.attribution._lime import lime
from pellucid.attribution._lrp import lrp
from pellucid.attribution._occlusion import occlusion
from pellucid.attribution._odd_regression import odd_regression
from pellucid.attribution._rise import rise
from pellucid.attribution._saliency import saliency
from pellucid.attribution._shapley_sampling import shapley_sampling
from pellucid.attribution._smoothgrad import smoothgrad

__all__ = [
    "saliency",
    "input_x_gradient",
    "smoothgrad",
    "integrated_gradients",
    "deep_lift",
    "deep_lift_shap",
    "grad_cam",
    "lrp",
    "occlusion",
    "feature_ablation",
    "rise",
    "lime",
    "exact_shapley",
    "shapley_sampling",
    "kernel_shap",
    "odd_regression",
]
