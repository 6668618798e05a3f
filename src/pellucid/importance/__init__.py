"""What matters beyond one map: over a whole data set, along one column, and in pairs."""

from pellucid.importance._interactions import Interactions, shapley_interactions
from pellucid.importance._mean import mean_attribution
from pellucid.importance._partial_dependence import PartialDependence, partial_dependence
from pellucid.importance._permutation import permutation_importance
from pellucid.importance._ranking import Importance

__all__ = [
    "Importance",
    "Interactions",
    "PartialDependence",
    "mean_attribution",
    "partial_dependence",
    "permutation_importance",
    "shapley_interactions",
]
