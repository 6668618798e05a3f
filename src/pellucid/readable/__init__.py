"""Estimators in scikit-learn's manner around the networks that are readable by design."""

from pellucid.readable._additive import AdditiveClassifier, AdditiveRegressor
from pellucid.readable._attention import AttentionCertificate, AttentionClassifier, certify
from pellucid.readable._encoding import Said, encode, fit_spec
from pellucid.readable._estimator import ReadableClassifier, ReadableEstimator, ReadableRegressor
from pellucid.readable._rounds import train_readable
from pellucid.readable._rows import RawRows, array_rows, named_rows
from pellucid.readable._scorecard import python_scorecard, sql_scorecard
from pellucid.readable._shapes import PairShape, Shape, Shapes, flatten, shapes_of

__all__ = [
    "AdditiveClassifier",
    "AdditiveRegressor",
    "AttentionCertificate",
    "AttentionClassifier",
    "PairShape",
    "RawRows",
    "ReadableClassifier",
    "ReadableEstimator",
    "ReadableRegressor",
    "Said",
    "Shape",
    "Shapes",
    "array_rows",
    "certify",
    "encode",
    "fit_spec",
    "flatten",
    "named_rows",
    "python_scorecard",
    "shapes_of",
    "sql_scorecard",
    "train_readable",
]
