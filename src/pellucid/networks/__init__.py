"""Networks whose layers have readable names and whose architecture is data."""

from pellucid.networks._additive import Additive
from pellucid.networks._additive_for import additive
from pellucid.networks._architecture import Architecture
from pellucid.networks._attention_gate import AttentionGate, attention
from pellucid.networks._attention_patches import AttentionPatches, attention_patches
from pellucid.networks._attention_words import AttentionWords, attention_words
from pellucid.networks._build import build, default_network
from pellucid.networks._concept_bottleneck import ConceptBottleneck, concept_bottleneck, concepts_for
from pellucid.networks._concept_words import Concept, read_concepts
from pellucid.networks._gated import Gated
from pellucid.networks._mobilenet import mobilenet_v2
from pellucid.networks._plain import Plain, Rescale, cnn, mlp
from pellucid.networks._prototypes import PrototypeNetwork, prototype_network, prototypes_for
from pellucid.networks._readable import Readable, Recipe
from pellucid.networks._rule_network import RuleNetwork, rule_network, rules_for
from pellucid.networks._sound import LogMel, spectrogram_cnn, waveform_cnn
from pellucid.networks._speech import SpeechDetector
from pellucid.networks._text import Reader, gru, text_cnn, transformer
from pellucid.networks._topics import Topics
from pellucid.networks._vision import vit

__all__ = [
    "Additive",
    "Architecture",
    "AttentionGate",
    "AttentionPatches",
    "AttentionWords",
    "Concept",
    "ConceptBottleneck",
    "Gated",
    "LogMel",
    "Plain",
    "PrototypeNetwork",
    "Readable",
    "Reader",
    "Recipe",
    "Rescale",
    "RuleNetwork",
    "SpeechDetector",
    "Topics",
    "additive",
    "attention",
    "attention_patches",
    "attention_words",
    "build",
    "cnn",
    "concept_bottleneck",
    "concepts_for",
    "default_network",
    "gru",
    "mlp",
    "mobilenet_v2",
    "prototype_network",
    "prototypes_for",
    "read_concepts",
    "rule_network",
    "rules_for",
    "spectrogram_cnn",
    "text_cnn",
    "transformer",
    "vit",
    "waveform_cnn",
]
