"""The leaderboard of methods on planted tasks."""

from pellucid.tasks._leaderboard._run import truth_leaderboard

__all__ = ["truth_leaderboard"]
