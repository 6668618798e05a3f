"""``pellucid shapes``: the tables of an additive model."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated

import typer

from pellucid.cli._arguments import AsJson, Model, Picture
from pellucid.cli._given import NO_DATA
from pellucid.cli._say import document, narrate, result, show


class Form(StrEnum):
    """How the tables are written."""

    text = "text"
    python = "python"
    sql = "sql"


def shapes(
    model: Model,
    form: Annotated[Form, typer.Option("--as", help="text, python or sql.")] = Form.text,
    of: Annotated[
        str | None, typer.Option("--class", help="Whose functions, of more than two classes.")
    ] = None,
    out: Picture = None,
    as_json: AsJson = False,
) -> None:
    """What each column adds to the answer of an additive model.

    In the column's unit, with bands and changes made by hand. The tables are the model.
    """
    from pellucid import figures, readable

    began = time.perf_counter()
    subject = NO_DATA.subject(model)
    unit = "" if subject.data is None else subject.data.unit
    found = readable.shapes_of(subject.model, subject.spec, subject.classes, unit, of)
    if out is not None:
        figures.shape_functions(found).save(out)
        narrate(f"Picture written to {out}")
    if as_json:
        document("shapes", {"model": model, "class": of}, found, seconds=time.perf_counter() - began, seed=0)
    elif form is Form.text:
        show(figures.text(found))
    else:
        result(readable.python_scorecard(found) if form is Form.python else readable.sql_scorecard(found))
