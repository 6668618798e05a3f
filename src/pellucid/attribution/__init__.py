"""Why did the network give this score? One method, one file; each returns an ``Explanation``.

Costs are rows through the network, as ``provenance`` counts them. On top come one pass that reads the layer
with ``at`` (none for methods that take its slope in the same pass), and one of eight rows at most that finds
the table which token numbers go through.
"""

from pellucid.attribution._attention_flow import attention_flow
from pellucid.attribution._attention_relevance import attention_relevance
from pellucid.attribution._attention_rollout import attention_rollout
from pellucid.attribution._deconvnet import deconvnet
from pellucid.attribution._deep_lift import deep_lift
from pellucid.attribution._deep_lift_shap import deep_lift_shap
from pellucid.attribution._exact_shapley import exact_shapley
from pellucid.attribution._expected_gradients import expected_gradients
from pellucid.attribution._feature_ablation import feature_ablation
from pellucid.attribution._full_grad import full_grad
from pellucid.attribution._grad_cam import grad_cam
from pellucid.attribution._grad_cam_plus_plus import grad_cam_plus_plus
from pellucid.attribution._guided_backpropagation import guided_backpropagation
from pellucid.attribution._guided_integrated_gradients import guided_integrated_gradients
from pellucid.attribution._hires_cam import hires_cam
from pellucid.attribution._idgi import idgi
from pellucid.attribution._input_x_gradient import input_x_gradient
from pellucid.attribution._integrated_gradients import integrated_gradients
from pellucid.attribution._internal_influence import internal_influence
from pellucid.attribution._kernel_shap import kernel_shap
from pellucid.attribution._layer_cam import layer_cam
from pellucid.attribution._layer_conductance import layer_conductance
from pellucid.attribution._lime import lime
from pellucid.attribution._lrp import lrp
from pellucid.attribution._occlusion import occlusion
from pellucid.attribution._odd_regression import odd_regression
from pellucid.attribution._rise import rise
from pellucid.attribution._saliency import saliency
from pellucid.attribution._score_cam import score_cam
from pellucid.attribution._shapley_sampling import shapley_sampling
from pellucid.attribution._smoothgrad import smoothgrad
from pellucid.attribution._smoothgrad_squared import smoothgrad_squared
from pellucid.attribution._vargrad import vargrad
from pellucid.attribution._xrai import xrai

__all__ = [
    "saliency",
    "input_x_gradient",
    "guided_backpropagation",
    "deconvnet",
    "smoothgrad",
    "smoothgrad_squared",
    "vargrad",
    "integrated_gradients",
    "guided_integrated_gradients",
    "idgi",
    "expected_gradients",
    "layer_conductance",
    "internal_influence",
    "full_grad",
    "grad_cam",
    "grad_cam_plus_plus",
    "hires_cam",
    "layer_cam",
    "score_cam",
    "deep_lift",
    "deep_lift_shap",
    "lrp",
    "attention_rollout",
    "attention_flow",
    "attention_relevance",
    "occlusion",
    "feature_ablation",
    "rise",
    "xrai",
    "lime",
    "exact_shapley",
    "shapley_sampling",
    "kernel_shap",
    "odd_regression",
]
