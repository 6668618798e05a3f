"""Inside a hidden layer: what it is, what it sees, which real inputs move its units."""

from pellucid.layers._added import LayerGain, layer_gain
from pellucid.layers._concept_values import ConceptValues, concept_exemplars, concept_values
from pellucid.layers._concepts import Concepts, concepts
from pellucid.layers._dictionary import Dictionary, DictionaryQuality, element_exemplars
from pellucid.layers._dissection import Dissection, network_dissection
from pellucid.layers._early_exit import EarlyExit, early_exit
from pellucid.layers._edges import EdgeAttribution, edge_attribution
from pellucid.layers._effects import UnitEffects, unit_effects
from pellucid.layers._elements import with_elements
from pellucid.layers._exemplars import Exemplars, exemplar_maps, exemplars, exemplars_of, quantile_exemplars
from pellucid.layers._factorisation import matrix_factorisation
from pellucid.layers._heads import AttentionHeads, attention_heads
from pellucid.layers._hierarchy import Hierarchy, hierarchy
from pellucid.layers._nearest import NearestInputs, nearest_inputs
from pellucid.layers._patching import (
    ActivationPatching,
    AttributionPatching,
    activation_patching,
    attribution_patching,
)
from pellucid.layers._probes import LinearProbes, linear_probes
from pellucid.layers._selectivity import Selectivity, selectivity
from pellucid.layers._similarity import RepresentationSimilarity, representation_similarity
from pellucid.layers._space import PlaneMap, SpaceMap, space_map
from pellucid.layers._sparse import sparse_autoencoder
from pellucid.layers._summary import LayerRow, LayerSummary, summary
from pellucid.layers._together import CoActivation, co_activation
from pellucid.layers._trace import traced_example
from pellucid.layers._traced import Arrow, TracedExample, TracedUnit
from pellucid.layers._unit_values import ClassAreas, UnitValues, areas_by_class, unit_values

__all__ = [
    "NearestInputs",
    "nearest_inputs",
    "ActivationPatching",
    "Arrow",
    "AttentionHeads",
    "AttributionPatching",
    "ClassAreas",
    "CoActivation",
    "ConceptValues",
    "Concepts",
    "Dictionary",
    "DictionaryQuality",
    "Dissection",
    "EarlyExit",
    "EdgeAttribution",
    "Exemplars",
    "Hierarchy",
    "LayerGain",
    "LayerRow",
    "LayerSummary",
    "LinearProbes",
    "PlaneMap",
    "RepresentationSimilarity",
    "Selectivity",
    "SpaceMap",
    "TracedExample",
    "TracedUnit",
    "UnitEffects",
    "UnitValues",
    "activation_patching",
    "attention_heads",
    "areas_by_class",
    "attribution_patching",
    "co_activation",
    "concept_exemplars",
    "concept_values",
    "concepts",
    "early_exit",
    "edge_attribution",
    "element_exemplars",
    "exemplar_maps",
    "exemplars",
    "exemplars_of",
    "hierarchy",
    "layer_gain",
    "linear_probes",
    "matrix_factorisation",
    "network_dissection",
    "quantile_exemplars",
    "representation_similarity",
    "selectivity",
    "space_map",
    "sparse_autoencoder",
    "summary",
    "traced_example",
    "unit_effects",
    "unit_values",
    "with_elements",
]
