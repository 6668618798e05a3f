"""``surrogate-fidelity``: whether a few rules can stand for the network."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, final

from pellucid._core import Subject, percent
from pellucid.errors import InputError
from pellucid.tasks._check._examined import Examined
from pellucid.tasks._check._expectation import Expectation, line
from pellucid.tasks._check._grouped import limit_text
from pellucid.tasks._check._outcome import Bound, Measured
from pellucid.tasks._rules import rules


@final
@dataclass(frozen=True, slots=True)
class SurrogateFidelity(Expectation):
    """A tree of few rules gives the network's own answer to at least this share of held-out rows.

    Args:
        at_least: share 0 to 1; R² in regression.
        leaves: most rules.

    Cost:
        One forward pass over all rows.

    Limits:
        Rules copy answers, not inner workings. Beside the number stands the fidelity of a tree of that size
        that was grown from the true answers and never saw the network: rules that do not exceed it may show
        no more than what the data look like.

    Example:
        >>> SurrogateFidelity(0.9).expected()
        '8 rules give the answer of the network to at least 90\\xa0% of held-out rows'
    """

    kind: ClassVar[str] = "surrogate-fidelity"
    at_least: float
    leaves: int = 8

    @property
    def bound(self) -> Bound:
        """The least fidelity."""
        return Bound("at least", self.at_least)

    def expected(self) -> str:
        """In words."""
        rows = "of held-out rows"
        return f"{self.leaves} rules give the answer of the network to {limit_text(self.bound)} {rows}"

    def fits(self, subject: Subject) -> None:
        """Needs data to grow rules from."""
        if not 0 <= self.at_least <= 1 or self.leaves < 2:
            raise InputError(
                f"at_least is 0 to 1 and leaves 2 or more, got {self.at_least:g} and {self.leaves}."
            )

    def measure(self, seen: Examined) -> Measured:
        """Fidelity beside that of a tree that never saw the network."""
        found = rules(seen.subject, leaves=self.leaves, compute=seen.compute)
        ends = found.fidelity_low, found.fidelity_high
        made = line(self.bound, f"{len(found)} rules", found.fidelity, ends, found.n_test)
        made = dataclasses.replace(
            made, control=found.null_fidelity, control_name="a tree that never saw the network"
        )
        ends = (found.excess, found.excess_low, found.excess_high)
        more, low, high = (f"{'+' if one > 0 else ''}{percent(one)}" for one in ends)
        beyond = f"Beyond that tree: {more} [{low}, {high}]."
        return Measured([made], (), [found], f"{beyond} {found.note}".strip())
