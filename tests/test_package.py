"""The top of the package: verbs stay verbs, and importing it costs nothing."""

import subprocess
import sys

import pytest

import pellucid

VERBS = ("open", "train", "explain", "layers", "features", "rules", "report", "save_run", "open_run")


@pytest.mark.parametrize("first", ["import pellucid.{0}", "from pellucid.{0} import *", "pass"])
def test_a_verb_is_a_function_whatever_was_imported_before(first):
    verbs = ("layers", "features", "rules", "report")
    lines = [f"{first.format(verb)}\nassert callable(pellucid.{verb}), pellucid.{verb}" for verb in verbs]
    subprocess.run([sys.executable, "-c", "\n".join(["import pellucid", *lines])], check=True)


def test_folders_of_the_same_name_are_imported_by_name():
    from pellucid.features import activation_maximization
    from pellucid.layers import summary
    from pellucid.rules import surrogate_tree

    assert all(map(callable, (activation_maximization, summary, surrogate_tree)))


def test_all_is_real():
    for name in pellucid.__all__:
        assert getattr(pellucid, name) is not None
    assert set(VERBS) <= set(pellucid.__all__)


def test_importing_the_package_does_not_import_torch():
    code = "import sys, pellucid; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_wrong_name_is_told():
    with pytest.raises(AttributeError, match="explian"):
        pellucid.explian
