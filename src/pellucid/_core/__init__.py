"""The abstractions that everything above shares."""

from pellucid._core._compute import Compute, Progress, silent
from pellucid._core._dataset import PARTS, Dataset, Part, Task, split
from pellucid._core._evidence import Card, Check, Verdict, Word
from pellucid._core._explanation import Explanation, Json, Param, Provenance
from pellucid._core._fingerprint import Fingerprint, inputs_hash, model_hash, short
from pellucid._core._spec import Batch, InputSpec, finite
from pellucid._core._subject import Subject

__all__ = [
    "PARTS",
    "Batch",
    "Card",
    "Check",
    "Compute",
    "Dataset",
    "Explanation",
    "Fingerprint",
    "InputSpec",
    "Json",
    "Param",
    "Part",
    "Progress",
    "Provenance",
    "Subject",
    "Task",
    "Verdict",
    "Word",
    "finite",
    "inputs_hash",
    "model_hash",
    "short",
    "silent",
    "split",
]
