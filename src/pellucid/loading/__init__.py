"""From a path or a name to a network: code, weights, a run or model folder, an exported program."""

from pellucid.loading._hugging_face import Pretrained, is_pretrained, open_pretrained
from pellucid.loading._log_odds import Ending, LogOdds, ending
from pellucid.loading._manifest import RunManifest
from pellucid.loading._module_attr import called, module_attr, needed, object_named
from pellucid.loading._one_output import OneOutput
from pellucid.loading._pretrained import packaged_weights
from pellucid.loading._program import open_program
from pellucid.loading._run_folder import is_run, open_run, read_manifest, save_run
from pellucid.loading._tokenizer import tokenizer_named
from pellucid.loading._weights import load_weights, read_weights

__all__ = [
    "Ending",
    "LogOdds",
    "OneOutput",
    "Pretrained",
    "RunManifest",
    "called",
    "ending",
    "is_pretrained",
    "is_run",
    "load_weights",
    "module_attr",
    "needed",
    "object_named",
    "open_pretrained",
    "open_program",
    "open_run",
    "packaged_weights",
    "read_manifest",
    "read_weights",
    "save_run",
    "tokenizer_named",
]
