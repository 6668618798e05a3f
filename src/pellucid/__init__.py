"""See what a network learned, why it decided, and how far to believe each explanation."""

from pellucid._version import __version__

__all__ = ["__version__"]
