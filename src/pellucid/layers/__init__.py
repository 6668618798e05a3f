"""Inside a hidden layer: what it is, what it sees, which real inputs move its units."""

from pellucid.layers._concepts import Concepts, concepts
from pellucid.layers._dissection import Dissection, network_dissection
from pellucid.layers._exemplars import Exemplars, exemplars, exemplars_of
from pellucid.layers._probes import LinearProbes, linear_probes
from pellucid.layers._selectivity import Selectivity, selectivity
from pellucid.layers._similarity import RepresentationSimilarity, representation_similarity
from pellucid.layers._summary import LayerRow, LayerSummary, summary

__all__ = [
    "Concepts",
    "Dissection",
    "Exemplars",
    "LayerRow",
    "LayerSummary",
    "LinearProbes",
    "RepresentationSimilarity",
    "Selectivity",
    "concepts",
    "exemplars",
    "exemplars_of",
    "linear_probes",
    "network_dissection",
    "representation_similarity",
    "selectivity",
    "summary",
]
