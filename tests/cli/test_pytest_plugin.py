"""The pytest plugin, in a pytest of its own."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TEXT = """
model = "{run}"

[[expect]]
name = "better than a coin"
kind = "accuracy"
at_least = 0.5

[[expect]]
name = "age never counts"
kind = "swap"
of = "age"
at_most = 0.0001

[[expect]]
name = "who knows"
kind = "accuracy"
at_least = {middle}
"""


@pytest.fixture
def plugin():
    """As an installed package has it, or named where it is not installed anew."""
    # once, not once in each pytest that runs in here

    known = [each for each in entry_points(group="pytest11") if each.value == "pellucid.pytest_plugin"]
    return [] if known else ["-p", "pellucid.pytest_plugin"]


def test_each_expectation_is_a_test_with_the_text_of_the_command_line(pytester, run, plugin):
    from pellucid import tasks

    middle = tasks.performance(tasks.open_run(run)).value
    pytester.makefile(".pellucid.toml", credit=TEXT.format(run=run, middle=f"{middle:.3f}"))
    pytester.makepyfile("def test_other(): pass")
    found = pytester.runpytest_inprocess(*plugin, "-rs", "-v")
    found.assert_outcomes(passed=2, failed=1, skipped=1)
    found.stdout.fnmatch_lines(
        [
            "*credit.pellucid.toml::better than a coin PASSED*",
            "*credit.pellucid.toml::age never counts FAILED*",
            "*failed: age never counts*",
            "*wanted ≤ 0*",
            "*row *age: *",
        ]
    )
    assert "Traceback" not in found.stdout.str()


def test_one_expectation_can_be_chosen(pytester, run, plugin):
    pytester.makefile(".pellucid.toml", credit=TEXT.format(run=run, middle=0.5))
    pytester.runpytest_inprocess(*plugin, "-k", "coin").assert_outcomes(passed=1, deselected=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT.replace("accuracy", "acuracy"), "Did you mean accuracy"),
        (TEXT.replace('model = "{run}"', ""), "names no network"),
        (TEXT.replace('of = "age"', 'of = "agee"'), "Did you mean age"),
        (TEXT.replace("{run}", "no/such"), "no/such"),
    ],
)
def test_mistakes_are_sentences(pytester, run, plugin, text, words):
    pytester.makefile(".pellucid.toml", credit=text.format(run=run, middle=0.5))
    found = pytester.runpytest_inprocess(*plugin)
    assert found.ret != 0
    assert words in found.stdout.str()
    assert "Traceback" not in found.stdout.str()


def test_other_suites_load_nothing(tmp_path, plugin):
    (tmp_path / "test_other.py").write_text(
        "import sys\n\ndef test_other():\n"
        "    assert not {'torch', 'pellucid.tasks', 'typer'} & sys.modules.keys()\n"
    )
    (tmp_path / "other.toml").write_text("x = 1")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_it_is_registered():
    whole = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert whole["project"]["entry-points"]["pytest11"] == {"pellucid": "pellucid.pytest_plugin"}
