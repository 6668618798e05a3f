"""Activations and updates of each layer, side by side."""

from __future__ import annotations

from collections.abc import Mapping

from pellucid.training._activations import Activity
from pellucid.training._updates import Update
from pellucid.training._values import LayerHealth


def layer_health(
    activities: Mapping[str, Activity], updates: Mapping[str, Update]
) -> tuple[LayerHealth, ...]:
    """One value per site, in the order of the pass; layers whose output was not seen come last."""
    seen = {_module(site) for site in activities}
    unseen = [name for name in updates if name not in seen]
    nothing = Activity(None, None, None, None, 0)
    rows: list[LayerHealth] = []
    for site in (*activities, *unseen):
        activity, update = activities.get(site, nothing), updates.get(_module(site), Update(None, None, 0))
        rows.append(
            LayerHealth(
                site,
                activity.mean,
                activity.sd,
                activity.dead,
                activity.saturated,
                update.gradient_norm,
                update.update_ratio,
                update.parameters,
                activity.rows,
            )
        )
    return tuple(rows)


def _module(site: str) -> str:
    """The module of a site: what stands before the number of the call."""
    return site.partition("#")[0]
