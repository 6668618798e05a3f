"""The leaderboard of methods on planted tasks."""

from pellucid.tasks._leaderboard._case import leaderboard_names
from pellucid.tasks._leaderboard._estimate import estimate_leaderboard
from pellucid.tasks._leaderboard._run import truth_leaderboard

__all__ = ["estimate_leaderboard", "leaderboard_names", "truth_leaderboard"]
