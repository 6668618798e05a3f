"""The abstractions that everything above shares."""

from pellucid._core._amount import amount
from pellucid._core._answers import class_log_odds, each_class
from pellucid._core._brief import brief
from pellucid._core._chunk import Variants
from pellucid._core._compute import Compute, Progress, silent
from pellucid._core._dataset import PARTS, Dataset, Part, Task, split
from pellucid._core._evidence import Card, Check, Verdict, Word
from pellucid._core._explanation import Explanation, Json, Param, Provenance
from pellucid._core._fingerprint import Fingerprint, inputs_hash, model_hash, short
from pellucid._core._guard import eagerly, untouched
from pellucid._core._layer_map import LayerMap, MappedLayer, layer_map
from pellucid._core._misfit import not_inputs
from pellucid._core._nudged import nudged
from pellucid._core._outputs import activations, called, finite_at, predict
from pellucid._core._pass import Pass
from pellucid._core._percent import percent, portion
from pellucid._core._probe import Probe, probe
from pellucid._core._question import Question
from pellucid._core._several import Explains, several_targets
from pellucid._core._share import holm, wilson
from pellucid._core._sharing import Sharing, Slope, back_to, slope_of
from pellucid._core._short import short_cut
from pellucid._core._site import Reached, Site, named, names_of, sites
from pellucid._core._snapshot import Snapshot, spaced
from pellucid._core._spec import Batch, InputSpec, finite
from pellucid._core._still import by_hand
from pellucid._core._store import load, save
from pellucid._core._straight import Straight, sloped
from pellucid._core._subject import Subject, only_subject
from pellucid._core._target import (
    Target,
    TargetLike,
    as_target,
    log_odds,
    logit,
    logits,
    margin,
    probability,
    the_output,
    top,
    unit,
)
from pellucid._core._twin import shuffled, untrained

__all__ = [
    "PARTS",
    "Batch",
    "Card",
    "Check",
    "Compute",
    "Dataset",
    "Explains",
    "Explanation",
    "Fingerprint",
    "InputSpec",
    "Json",
    "LayerMap",
    "MappedLayer",
    "Param",
    "Part",
    "Pass",
    "Probe",
    "Progress",
    "Provenance",
    "Question",
    "Reached",
    "Site",
    "Sharing",
    "Slope",
    "Snapshot",
    "Straight",
    "Subject",
    "Target",
    "TargetLike",
    "Task",
    "Variants",
    "Verdict",
    "Word",
    "activations",
    "as_target",
    "called",
    "eagerly",
    "finite",
    "finite_at",
    "holm",
    "inputs_hash",
    "layer_map",
    "load",
    "class_log_odds",
    "each_class",
    "log_odds",
    "only_subject",
    "logit",
    "logits",
    "margin",
    "model_hash",
    "named",
    "names_of",
    "not_inputs",
    "nudged",
    "percent",
    "portion",
    "amount",
    "back_to",
    "brief",
    "by_hand",
    "predict",
    "probability",
    "probe",
    "save",
    "several_targets",
    "slope_of",
    "short",
    "short_cut",
    "shuffled",
    "silent",
    "sites",
    "sloped",
    "spaced",
    "split",
    "the_output",
    "top",
    "unit",
    "untouched",
    "untrained",
    "wilson",
]
