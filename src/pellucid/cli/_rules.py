"""``pellucid rules``: the network's behaviour as decision rules."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import AsJson, BatchSize, Estimated, Model, Seed, Weights
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import any_file
from pellucid.cli._say import document, estimating, narrate, progress, result, tell_estimate
from pellucid.errors import InputError

if TYPE_CHECKING:
    from pellucid._core import Compute, Json, Subject
    from pellucid.figures import Figure
    from pellucid.rules import Frontier, RuleSet
    from pellucid.tasks import InsideRules


class Form(StrEnum):
    """How rules are written."""

    text = "text"
    markdown = "markdown"
    python = "python"
    sql = "sql"
    pmml = "pmml"
    json = "json"


class Kinds(StrEnum):
    """How rules are found."""

    tree = "tree"
    optimal = "optimal"
    list = "list"
    clauses = "clauses"
    layers = "layers"


def rules(
    model: Model,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    leaves: Annotated[
        int | None, typer.Option("--leaves", help="Most rules; left out, 8 or two per class.")
    ] = None,
    kind: Annotated[
        Kinds,
        typer.Option(
            help="tree; optimal: fewest mistakes, at most 8 rules; list: asked from the top; clauses: class "
            "by class; layers: through the hidden layers."
        ),
    ] = Kinds.tree,
    site: Annotated[
        str | None,
        typer.Option(
            "--site",
            "--at",
            help="Rules over the units of this layer, not inputs; with --concepts, where to read these.",
            metavar="LAYER",
        ),
    ] = None,
    concepts: Annotated[
        list[str] | None,
        typer.Option(
            help="Rules over concepts, once for each: a folder with a folder of pictures or sounds per "
            "concept, a column, 'dti > .43', or 'name: class, class'.",
            metavar="SETS",
        ),
    ] = None,
    conditions: Annotated[
        int | None, typer.Option(help="Most conditions to read in all; the closest rules within are taken.")
    ] = None,
    fidelity: Annotated[
        float | None, typer.Option(help="The shortest rules that agree so often, such as .95.")
    ] = None,
    queries: Annotated[
        int | None,
        typer.Option(help="Rows between training rows for the network to answer in addition.", metavar="N"),
    ] = None,
    own: Annotated[
        bool, typer.Option("--own", help="Of a rule network: the rules that it computes, not a copy of it.")
    ] = False,
    regrown: Annotated[int, typer.Option(help="Grow them so often again from other rows.", metavar="N")] = 10,
    form: Annotated[Form, typer.Option("--as", help="How to write them.")] = Form.text,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A page (.html), fidelity (--own: AUC) against length as .png or .svg, or the rules in a "
            "file of another ending.",
            metavar="FILE",
            callback=any_file,
        ),
    ] = None,
    batch_size: BatchSize = 256,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """The network's behaviour as decision rules.

    With their fidelity on held-out rows, beside rules that never saw the network.
    """
    from pellucid import figures, tasks
    from pellucid.networks import RuleNetwork
    from pellucid.report import rules_page

    began = time.perf_counter()
    subject = given.subject(model, weights)
    if own and estimate:
        raise InputError("--own writes rules that are there already: leave out --estimate.")
    if own:
        if any(given is not None for given in (site, concepts, conditions, fidelity, queries)):
            raise InputError(
                "--own writes rules as they are: leave out --site, --concepts, --conditions, --fidelity and "
                "--queries."
            )
        _own(subject, model, form, out, began, seed, as_json=as_json)
        return
    if isinstance(subject.model, RuleNetwork):
        narrate("This network is made of rules: --own writes these. What follows is a copy of its answers.")
    ending = "" if out is None else out.suffix.lower()
    drawn = ending in (".html", ".htm", ".png", ".svg")
    inside = site is not None or concepts is not None
    if inside and queries:
        raise InputError(
            "--queries are rows between training rows, made for rules over inputs; leave it out with "
            f"{'--site' if concepts is None else '--concepts'}."
        )
    inputs: dict[str, Json] = {"model": model, "leaves": leaves, "kind": kind.value, "site": site}
    inputs["concepts"] = None if concepts is None else [*concepts]
    inputs |= {"conditions": conditions, "fidelity": fidelity, "queries": queries, "regrown": regrown}

    def grown(subject: Subject, compute: Compute) -> tuple[RuleSet, Frontier | None, list[Figure]]:
        if inside:
            told, picture = _inside(
                subject, concepts, site, leaves, kind, conditions, fidelity, regrown, drawn, compute
            )
            return told.rules, told.frontier, [picture]
        whole = None
        if drawn:
            whole = tasks.frontier(subject, kind=kind.value, synthetic=queries, compute=compute)
        found = tasks.rules(
            subject,
            leaves=leaves,
            kind=kind.value,
            conditions=conditions,
            fidelity=fidelity,
            synthetic=queries,
            regrown=regrown,
            among=whole,
            compute=compute,
        )
        return found, whole, []

    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_training_rows(subject, "rules", grown, compute=how)
        tell_estimate("rules", inputs, plan, began, seed, as_json=as_json)
        return
    with progress("rules", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found, whole, pictures = grown(subject, compute)
    written = {
        Form.text: found.to_text,
        Form.markdown: found.to_markdown,
        Form.python: found.to_python,
        Form.sql: found.to_sql,
        Form.pmml: found.to_pmml,
        Form.json: lambda: json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n",
    }
    if out is not None and drawn:
        if ending.startswith(".htm"):
            rules_page(found, out, frontier=whole, name=subject.name, pictures=pictures)
            narrate(f"Page written to {out}")
        else:
            first = figures.rule_frontier(whole, picked=found) if whole is not None and not inside else None
            (pictures[0] if first is None else first).save(out)
            narrate(f"Figure written to {out}")
    elif out is not None:
        from pellucid._core._store import write_bytes

        # --json asks for the document, whatever form the rules have in the file
        write_bytes(written[form]().encode(), out)
        narrate(f"Rules written to {out}")
    if as_json or (form is Form.json and (out is None or drawn)):
        results = found.to_json() | ({} if whole is None else {"frontier": whole.to_json()})
        document("rules", inputs, results, seconds=time.perf_counter() - began, seed=seed)
    elif out is None or drawn:
        result(written[form]())


def _inside(
    subject: Subject,
    concepts: list[str] | None,
    site: str | None,
    leaves: int | None,
    kind: Kinds,
    conditions: int | None,
    fidelity: float | None,
    regrown: int,
    whole: bool,
    compute: Compute,
) -> tuple[InsideRules, Figure]:
    """Rules over concepts, or over the units of a layer, and the inputs that show these most."""
    from pellucid import figures, tasks

    data = subject.needs_data("rules")
    grown = (
        partial(tasks.unit_rules, subject, site or "")
        if concepts is None
        else partial(tasks.concept_rules, subject, concepts, site)
    )
    told = grown(
        leaves=leaves,
        kind=kind.value,
        conditions=conditions,
        fidelity=fidelity,
        regrown=regrown,
        whole=whole,
        compute=compute,
    )
    if concepts is None:
        return told, figures.exemplars(told.exemplars, data)
    # concepts are shown whole, so larger
    return told, figures.exemplars(told.exemplars, data, names=told.names, k=6, tile=64)


def _own(
    subject: Subject, model: str, form: Form, out: Path | None, began: float, seed: int, *, as_json: bool
) -> None:
    """The rules that a rule network computes."""
    from pellucid import figures, tasks
    from pellucid._core._store import write_bytes
    from pellucid.report import own_rules_page

    found = tasks.own_rules(subject)
    ending = "" if out is None else out.suffix.lower()
    page, picture = ending in (".html", ".htm"), ending in (".png", ".svg")
    worth = tasks.rule_path(subject) if page or picture else None
    told = found.to_json() | ({} if worth is None else {"path": worth.to_json()})
    written = {
        Form.text: found.to_text,
        Form.markdown: found.to_markdown,
        Form.python: found.to_python,
        Form.sql: found.to_sql,
        Form.pmml: found.to_pmml,
        Form.json: lambda: json.dumps(told, indent=1, ensure_ascii=False) + "\n",
    }
    if out is not None and page:
        own_rules_page(found, out, budgets=worth, name=subject.name)
        narrate(f"Page written to {out}")
    elif out is not None and worth is not None:
        figures.rule_path(worth).save(out)
        narrate(f"Figure written to {out}")
    elif out is not None:
        # --json asks for the document, whatever form the rules have on the screen
        write_bytes(written[Form.json if as_json else form]().encode(), out)
        narrate(f"Rules written to {out}")
    if as_json or (form is Form.json and (out is None or worth is not None)):
        inputs: dict[str, Json] = {"model": model, "own": True}
        document("rules", inputs, told, seconds=time.perf_counter() - began, seed=seed)
    elif out is None:
        result(written[form]())
