"""``pellucid audit``: how far the explanations of a network may be believed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import AsJson, BatchSize, Estimated, Model, Seed, Weights, parts_of
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import page_file
from pellucid.cli._say import document, estimating, narrate, result, show, tell_estimate
from pellucid.cli._shortcuts import without_inputs

if TYPE_CHECKING:
    from pellucid.evidence import AuditRow


def audit(
    model: Model,
    method: Annotated[
        str | None, typer.Option(help="Methods with commas between them; left out, one of each family.")
    ] = None,
    rows: Annotated[int, typer.Option(help="Most held-out rows; at least 20.")] = 100,
    fill: Annotated[
        str | None,
        typer.Option(
            help="Kinds of absence beside the usual one: zero, mean, blur, linear, swap, patch, nearest."
        ),
    ] = None,
    metric: Annotated[
        str, typer.Option(help="Metrics of the literature, with commas; see docs/methods.md.")
    ] = "infidelity,sparseness",
    twins: Annotated[int, typer.Option(help="Untrained copies; fewer than 19 are no null of the test.")] = 19,
    shortcuts: Annotated[
        bool, typer.Option(help="Also search for shortcuts, as pellucid shortcuts does.")
    ] = False,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the page to this .html, for a browser.", metavar="FILE", callback=page_file),
    ] = None,
    batch_size: BatchSize = 256,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """How far the explanations of a network may be believed.

    Every test on several methods over held-out rows that are drawn first, beside maps made without the
    model, negative controls (untrained copy, wrong class, other input) and a planted shortcut. Worst first.
    """
    from pellucid import figures, tasks
    from pellucid._core import Compute

    began = time.perf_counter()
    subject = given.subject(model, weights)
    how = Compute(batch_size=batch_size, seed=seed)
    chosen = parts_of(method) or tasks.PANEL
    fills, metrics = None if fill is None else parts_of(fill), parts_of(metric)
    if estimate or (not as_json and tasks.long_audit(subject, rows=rows, compute=how)):
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as trial:
            plan = tasks.estimate_audit(
                subject, methods=chosen, rows=rows, fills=fills, metrics=metrics, twins=twins, compute=trial
            )
        if estimate:
            tell_estimate("audit", {"model": model, "rows": rows}, plan, began, seed, as_json=as_json)
            return
        narrate(
            f"It takes about {max(1, round(plan.seconds / 60))} min for {rows} rows; fewer (--rows, at least "
            "20) or cheaper methods (--method) take less, --estimate says where the time goes."
        )
    found = tasks.audit(
        subject,
        methods=chosen,
        rows=rows,
        fills=fills,
        metrics=metrics,
        twins=twins,
        watch=None if as_json else _Clock().tell,
        compute=how,
    )
    if tasks.kept_audit(subject) is not None and not as_json:
        narrate("Kept with the run: `pellucid explain` without --method takes its choice from here.")
    searched = tasks.shortcuts(subject, compute=how) if shortcuts else None
    if out is not None:
        from pellucid.report import audit_page

        audit_page(found, out, name=subject.name, shortcuts=searched)
        narrate(f"Page written to {out}")
    if as_json:
        inputs = {
            "model": model,
            "method": method,
            "rows": rows,
            "fill": fill,
            "metric": metric,
            "twins": twins,
        }
        both = found if searched is None else {"audit": found, "shortcuts": without_inputs(searched)}
        document("audit", dict(inputs), both, seconds=time.perf_counter() - began, seed=seed)
        return
    for each in [*figures.figures_of(found), *figures.figures_of(searched)]:
        show(figures.text(each))
    for name, why in found.refused.items():
        result(f"Not audited: {name}: {why}")


class _Clock:
    """A line for each row that is done."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def tell(self, row: AuditRow) -> None:
        """Say which row is done and how long all took so far."""
        from pellucid._core import percent

        share = percent(row.evidence.share, 0)
        narrate(f"  {time.perf_counter() - self._began:5.0f} s  {row.name}: supported on {share}")
