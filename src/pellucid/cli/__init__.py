"""The command line: ``pellucid --help``."""

from pellucid.cli._app import main
from pellucid.cli._json import to_json

__all__ = ["main", "to_json"]
