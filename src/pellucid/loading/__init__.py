"""From a path or a name to a network: somebody's code, a file of weights, a run folder."""

from pellucid.loading._manifest import RunManifest
from pellucid.loading._module_attr import module_attr
from pellucid.loading._pretrained import packaged_weights
from pellucid.loading._run_folder import is_run, open_run, read_manifest, save_run
from pellucid.loading._weights import load_weights, read_weights

__all__ = [
    "RunManifest",
    "is_run",
    "load_weights",
    "module_attr",
    "open_run",
    "packaged_weights",
    "read_manifest",
    "read_weights",
    "save_run",
]
