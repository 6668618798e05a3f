"""Estimators in scikit-learn's manner around the networks that are readable by design."""

from pellucid.readable._additive import AdditiveClassifier, AdditiveRegressor
from pellucid.readable._attention import AttentionCertificate, AttentionClassifier, certify
from pellucid.readable._concept_evidence import ConceptEvidence, ToldConcept, concept_evidence
from pellucid.readable._concepts import ConceptClassifier
from pellucid.readable._encoding import Said, encode, fit_spec
from pellucid.readable._estimator import ReadableClassifier, ReadableEstimator, ReadableRegressor
from pellucid.readable._looks_like import LooksLike, Pair, PrototypeEvidence, looks_like, prototype_evidence
from pellucid.readable._path import Budget, RulePath, held_out_path, rule_path
from pellucid.readable._printed import conditions_of, written_out
from pellucid.readable._prototypes import PrototypeClassifier
from pellucid.readable._rounds import train_readable
from pellucid.readable._rows import RawRows, array_rows, named_rows
from pellucid.readable._rules import RuleClassifier
from pellucid.readable._scorecard import python_scorecard, sql_scorecard
from pellucid.readable._shapes import PairShape, Shape, Shapes, flatten, shapes_of

__all__ = [
    "AdditiveClassifier",
    "AdditiveRegressor",
    "AttentionCertificate",
    "AttentionClassifier",
    "Budget",
    "ConceptClassifier",
    "ConceptEvidence",
    "LooksLike",
    "Pair",
    "PairShape",
    "PrototypeClassifier",
    "PrototypeEvidence",
    "RawRows",
    "ReadableClassifier",
    "ReadableEstimator",
    "ReadableRegressor",
    "RuleClassifier",
    "RulePath",
    "Said",
    "Shape",
    "Shapes",
    "ToldConcept",
    "array_rows",
    "certify",
    "concept_evidence",
    "conditions_of",
    "encode",
    "fit_spec",
    "flatten",
    "held_out_path",
    "looks_like",
    "named_rows",
    "prototype_evidence",
    "python_scorecard",
    "rule_path",
    "shapes_of",
    "sql_scorecard",
    "train_readable",
    "written_out",
]
