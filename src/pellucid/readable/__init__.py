"""Estimators in scikit-learn's manner around the networks that are readable by design."""

from pellucid.readable._encoding import Said, encode, fit_spec
from pellucid.readable._estimator import ReadableClassifier, ReadableEstimator, ReadableRegressor
from pellucid.readable._rounds import train_readable
from pellucid.readable._rows import RawRows, array_rows, named_rows

__all__ = [
    "RawRows",
    "ReadableClassifier",
    "ReadableEstimator",
    "ReadableRegressor",
    "Said",
    "array_rows",
    "encode",
    "fit_spec",
    "named_rows",
    "train_readable",
]
