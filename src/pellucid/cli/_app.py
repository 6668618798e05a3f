"""The commands, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

import typer

from pellucid._version import __version__
from pellucid.cli import (
    _atlas,
    _audit,
    _bench,
    _check,
    _compare,
    _concepts,
    _counterfactual,
    _decision,
    _demo,
    _dissect,
    _explain,
    _features,
    _importance,
    _influence,
    _inside,
    _layer,
    _patch,
    _report,
    _rules,
    _shapes,
    _shortcuts,
    _train,
)
from pellucid.cli._given import with_options
from pellucid.cli._say import EXIT, exit_code, narrate
from pellucid.cli._typed import as_typed, running
from pellucid.cli._usage import Commands
from pellucid.errors import PellucidError

HELP = """See what a network learned, why it decided, and how far to believe each explanation.

\b
  pellucid demo                                        trains two networks, explains them, writes two dossiers
  pellucid train data.csv --target outcome --out run/  from a table, or a folder or zip of pictures or sounds
  pellucid train t.csv --text review --target label    from texts, by the column that holds them
  pellucid explain run/ --input 3                      why one answer came out, with evidence
  pellucid explain run/ --method a,b --target x,y      methods and targets side by side, with a random control
  pellucid explain run/ --rows all --out why.parquet   a whole data set; goes on where it was stopped
  pellucid audit run/                                  how far the explanations of a network may be believed
  pellucid shortcuts run/                              what decides alone although it should not
  pellucid compare old/ new/                           what differs between two networks
  pellucid importance run/                             what the network uses over many rows
  pellucid check run/ expectations.toml                what is expected of a network, run like tests

\b
MODEL is a run folder that training left, an exported program (.pt2), a model folder of Hugging Face, or
package.module:attr / file.py:attr naming your own network (a torch.nn.Module, or a function of no arguments
that returns one). Your own needs data, and how they are read:
  pellucid explain my.py:net --data rows.csv --answer outcome
  pellucid explain my.py:net --data texts.csv --text review --answer label --tokenizer my.py:tokenizer
  pellucid explain my.py:net --data sounds/ --sound front=waveform --sound rate=16000

\b
Results go to stdout, narration to stderr; --json gives one document; --estimate says passes, memory and time
before the work. Exit codes: 0 done, 1 a bug of ours, 2 wrong usage or inputs, 3 network or data cannot be
loaded, 4 method not applicable, 5 an expectation is broken, 7 result cannot be written, 8 training broke,
130 interrupted.
"""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
TRACE = "--traceback"  # anywhere among the arguments: where a bug of ours arose is shown

app = typer.Typer(
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _command(name: str, does: Callable[..., None]) -> None:
    app.command(name)(with_options(does))


_command("demo", _demo.demo)
_command("train", _train.train)
_command("explain", _explain.explain)
_command("importance", _importance.importance)
_command("layers", _inside.layers)
_command("layer", _layer.layer)
_command("features", _features.features)
_command("atlas", _atlas.atlas)
_command("dissect", _dissect.dissect)
_command("patch", _patch.patch)
_command("rules", _rules.rules)
_command("counterfactual", _counterfactual.counterfactual)
_command("anchor", _decision.anchor)
_command("reasons", _decision.reasons)
_command("nearest", _decision.nearest)
_command("decision", _decision.decision)
_command("shapes", _shapes.shapes)
_command("concepts", _concepts.concepts)
_command("influence", _influence.influence)
_command("audit", _audit.audit)
_command("check", _check.check)
_command("shortcuts", _shortcuts.shortcuts)
_command("compare", _compare.compare)
_command("report", _report.report)
app.add_typer(_bench.bench, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pellucid {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


def main() -> None:
    """Run a command; every foreseen failure ends in one sentence and its documented exit code."""
    given = sys.argv[1:]
    try:
        with running(lambda: typer.main.get_command(app), given):
            app([part for part in given if part != TRACE], prog_name="pellucid")
    except PellucidError as error:
        narrate(f"pellucid: {as_typed(str(error), typer.main.get_command(app), given)}")
        sys.exit(exit_code(error))
    except BrokenPipeError:
        # whoever read us has seen enough
        sys.stderr.close()
        sys.exit(EXIT["done"])
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            narrate(f"pellucid: Cannot write the result: {error.strerror}. Choose a place that has room.")
            sys.exit(EXIT["store"])
        narrate(
            f"pellucid: this is a bug of ours, please report it with the command you ran: "
            f"{type(error).__name__}: {error}"
        )
        if TRACE in given or (__debug__ and sys.flags.dev_mode):
            raise
        sys.exit(EXIT["bug"])
