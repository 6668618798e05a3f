"""``stability``: whether slightly different inputs are explained alike."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, final

from pellucid import evidence
from pellucid._core import Subject
from pellucid.errors import InputError, MethodError
from pellucid.tasks._check._attribution_share import known_method
from pellucid.tasks._check._examined import CASES, Examined
from pellucid.tasks._check._expectation import Expectation, line, missing, together
from pellucid.tasks._check._grouped import limit_text
from pellucid.tasks._check._intervals import mean_interval
from pellucid.tasks._check._outcome import Bound, CheckedRow, Line, Measured
from pellucid.tasks._explain import method_named, usual_target


@final
@dataclass(frozen=True, slots=True)
class Stability(Expectation):
    """Explanations of slightly different inputs rank parts alike: worst rank correlation at least this.

    Formula: mean over rows of the worst rank correlation over some draws of noise that keep the class, as
    :func:`pellucid.evidence.rank_stability` has it.

    Args:
        at_least: rank correlation, -1 to 1.
        methods: names of attribution methods.
        rows: most rows to look at, out of those of the whole check.
        radius: of the noise, in units of the network's input.
        draws: of noise.

    Cost:
        ``1 + draws`` explanations per row and method.

    Limits:
        A map that ignores the network is stable. Beside each number stands that of a map made from the input
        alone, for which stability is free. Texts have no slight noise and cannot be asked.

    Example:
        >>> Stability(0.6, ("saliency",)).expected()
        'explanations by saliency keep a rank correlation of at least 0.600 under slight noise'
    """

    kind: ClassVar[str] = "stability"
    at_least: float
    methods: tuple[str, ...] = ("integrated_gradients",)
    rows: int = 64
    radius: float = 0.02
    draws: int = 10

    @property
    def bound(self) -> Bound:
        """The least correlation."""
        return Bound("at least", self.at_least, "number")

    def expected(self) -> str:
        """In words."""
        names = " and ".join(self.methods)
        return (
            f"explanations by {names} keep a rank correlation of {limit_text(self.bound)} under slight noise"
        )

    def fits(self, subject: Subject) -> None:
        """Needs inputs that are numbers."""
        if not -1 <= self.at_least <= 1 or self.rows < 2 or self.radius <= 0 or self.draws < 1:
            raise InputError("at_least is -1 to 1, rows 2 or more, radius above 0, draws 1 or more.")
        for name in self.methods:
            known_method(name)
        if not subject.needs_data("check").inputs.is_floating_point():
            raise InputError("stability needs inputs that can be slightly different; texts cannot.")

    def measure(self, seen: Examined) -> Measured:
        """The mean worst correlation of each method."""
        looked = seen.looked[: self.rows]
        x = seen.held.inputs[looked]
        target = usual_target(seen.subject, x)
        lines, cases = list[Line](), dict[str, list[CheckedRow]]()
        for name in self.methods:
            try:
                found = evidence.rank_stability(
                    seen.subject.model, x, method_named(name), target,
                    radius=self.radius, draws=self.draws, spec=seen.subject.spec, compute=seen.compute,
                )  # fmt: skip
            except (MethodError, InputError) as error:
                lines.append(missing(name, str(error)))
                continue
            alive = (~found.values.isnan()).nonzero().flatten()
            each = found.values[alive]
            if len(each) < 2:
                lines.append(missing(name, f"{len(each)} rows could be looked at: {dict(found.excluded)}."))
                continue
            ends = mean_interval(each, together(len(self.methods)), seen.compute.seed)
            made = line(self.bound, name, float(each.mean()), ends, len(each))
            free = "|x - b|" if "|x - b|" in found.beside else next(iter(found.beside), "")
            control = found.of(free).value if free else None
            lines.append(
                dataclasses.replace(made, each=each, rows=looked[alive], control=control, control_name=free)
            )
            order = each.argsort(stable=True)[:CASES]
            cases[name] = [
                seen.case(int(looked[alive[i]]), f"worst rank correlation {float(each[i]):.2f} by {name}")
                for i in order
            ]
        lowest = min(
            (each for each in lines if each.value is not None),
            key=lambda each: each.value or 0.0,
            default=None,
        )
        return Measured(lines, cases[lowest.label] if lowest is not None else ())
