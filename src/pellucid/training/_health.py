"""Activations and updates of each layer, side by side."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from pellucid._core._site import Site
from pellucid.training._activations import Activity
from pellucid.training._updates import Update, learned_layers
from pellucid.training._values import LayerHealth


def layer_health(
    model: nn.Module, activities: Mapping[str, Activity], updates: Mapping[str, Update]
) -> tuple[LayerHealth, ...]:
    """One value per site, in the order of the pass; layers whose output was not seen come last."""
    sizes = {name: sum(p.numel() for p in own) for name, own in learned_layers(model).items()}
    seen = {Site.parse(site).module for site in activities}
    unseen = [name for name in updates if name not in seen]
    rows: list[LayerHealth] = []
    for site in (*activities, *unseen):
        module = Site.parse(site).module
        activity, update = activities.get(site), updates.get(module, Update(None, None))
        rows.append(
            LayerHealth(
                site,
                activity.mean if activity else None,
                activity.sd if activity else None,
                activity.dead if activity else None,
                activity.saturated if activity else None,
                update.gradient_norm,
                update.update_ratio,
                sizes.get(module, 0),
                activity.rows if activity else 0,
            )
        )
    return tuple(rows)
