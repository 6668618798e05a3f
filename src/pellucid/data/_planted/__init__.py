"""Planted tasks: data whose true reasons are known, each with interventions and a clean twin."""

from pellucid.data._planted._named import planted, planted_names
from pellucid.data._planted._patch import planted_patch
from pellucid.data._planted._planted import Kind as PlantKind
from pellucid.data._planted._planted import Planted, PlantReport, verify_plant
from pellucid.data._planted._rule import planted_table

__all__ = [
    "PlantKind",
    "PlantReport",
    "Planted",
    "planted",
    "planted_names",
    "planted_patch",
    "planted_table",
    "verify_plant",
]
