import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from pellucid.errors import LoadError
from pellucid.loading import module_attr

CODE = """
import torch
from torch import nn
from collections import OrderedDict

class Net(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.dense = nn.Linear(width, 2)
    def forward(self, x):
        return self.dense(x)

class Needy(nn.Module):
    def __init__(self, depth, width):
        super().__init__()

model = Net()
def make():
    return Net(5)
def make_both():
    return Net(), 3
def make_none():
    pass
def broken():
    raise RuntimeError("no such checkpoint\\nsecond line")
weights = Net().state_dict()
number = 7
class holder:
    best = Net(4)
"""


@pytest.fixture
def app(tmp_path, request):
    """A folder with a file and a package whose names no other test uses."""
    tag = f"t{abs(hash(request.node.nodeid)) % 10**9}"
    (tmp_path / f"{tag}_nets.py").write_text(CODE)
    package = tmp_path / f"{tag}_pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text(f"from {tag}_nets import Net\nfrom . import part\nmodel = part.made\n")
    (package / "part.py").write_text("from torch import nn\nmade = nn.Identity()\n")
    before = set(sys.modules)
    yield tmp_path, tag
    for name in set(sys.modules) - before:
        if name.startswith(tag):
            del sys.modules[name]


def refused(name, **options):
    path = list(sys.path)
    with pytest.raises(LoadError) as caught:
        module_attr(name, **options)
    assert sys.path == path
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    return text


def test_a_network_a_function_a_class_and_a_nested_name(app):
    folder, tag = app
    path = list(sys.path)
    assert isinstance(module_attr(f"{tag}_nets.py:model", app_dir=folder), nn.Module)
    assert module_attr(f"{folder}/{tag}_nets.py:make").dense.in_features == 5
    assert module_attr(f"{tag}_nets.py:Net", app_dir=folder).dense.in_features == 3
    assert module_attr(f"{tag}_nets:holder.best", app_dir=folder).dense.in_features == 4
    assert isinstance(module_attr(f"{tag}_pack.inner:model", app_dir=folder), nn.Identity)
    assert sys.path == path


def test_app_dir_is_the_current_folder_unless_given(app, monkeypatch):
    folder, tag = app
    monkeypatch.chdir(folder)
    assert isinstance(module_attr(f"{tag}_nets:model"), nn.Module)


def test_a_file_imports_its_neighbours_and_is_read_anew(app):
    folder, tag = app
    (folder / "deep").mkdir()
    (folder / "deep" / f"{tag}_b.py").write_text("size = 6\n")
    file = folder / "deep" / f"{tag}_a.py"
    file.write_text(f"from {tag}_b import size\nfrom torch import nn\nmodel = nn.Linear(size, 1)\n")
    assert module_attr(f"{file}:model").in_features == 6
    file.write_text("from torch import nn\nmodel = nn.Linear(9, 1, bias=False)\n")
    assert module_attr(f"{file}:model").in_features == 9


def test_a_file_called_like_a_library_does_not_replace_it(tmp_path):
    import code

    (tmp_path / "code.py").write_text("from torch import nn\nmodel = nn.Identity()\n")
    assert isinstance(module_attr("code.py:model", app_dir=tmp_path), nn.Identity)
    assert sys.modules["code"] is code
    assert Path(code.__file__).parent != tmp_path


def test_a_module_taken_by_another_folder_is_told_not_mixed_up(app, tmp_path):
    folder, tag = app
    module_attr(f"{tag}_nets:model", app_dir=folder)
    other = tmp_path / "other"
    other.mkdir()
    (other / f"{tag}_nets.py").write_text("from torch import nn\nmodel = nn.Identity()\n")
    assert "already imported from" in refused(f"{tag}_nets:model", app_dir=other)
    assert isinstance(module_attr(f"{tag}_nets.py:model", app_dir=other), nn.Identity)


def test_names_that_name_nothing(app):
    folder, tag = app
    assert "'package.module:attr'" in refused("resnet")
    assert "nets.py:model" in refused("nets.py")
    assert f"Did you mean {tag}_nets.py" in refused(f"{tag}_nest.py:model", app_dir=folder)
    (folder / "empty").mkdir()
    assert "no Python file" in refused("nowhere/nets.py:model", app_dir=folder / "empty")
    assert f"Did you mean {tag}_pack.inner" in refused(f"{tag}_pack.iner:model", app_dir=folder)
    assert f"{tag}_nets" in refused(f"{tag}_net:model", app_dir=folder)


def test_a_missing_attribute_lists_what_could_be_meant(app):
    folder, tag = app
    assert "Did you mean model" in refused(f"{tag}_nets.py:modle", app_dir=folder)
    options = refused(f"{tag}_nets.py:zzz", app_dir=folder)
    assert "Net, model, make" in options
    assert not {"Needy", "number", "weights", "OrderedDict"} & set(options.replace(",", "").split())


def test_what_is_no_network_is_told(app):
    folder, tag = app
    assert "it is of type int" in refused(f"{tag}_nets.py:number", app_dir=folder)
    assert "These are weights" in refused(f"{tag}_nets.py:weights", app_dir=folder)
    assert "needs depth, width" in refused(f"{tag}_nets.py:Needy", app_dir=folder)
    assert "Return the network alone" in refused(f"{tag}_nets.py:make_both", app_dir=folder)
    assert "returned None" in refused(f"{tag}_nets.py:make_none", app_dir=folder)


def test_their_own_error_comes_in_one_sentence_with_its_line(app):
    folder, tag = app
    told = refused(f"{tag}_nets.py:broken", app_dir=folder)
    assert f"RuntimeError in {tag}_nets.py, line 25: no such checkpoint." in told
    (folder / f"{tag}_lib.py").write_text("\nimport a_library_that_is_not_there\nmodel = 1\n")
    for name in (f"{tag}_lib.py:model", f"{tag}_lib:model"):
        told = refused(name, app_dir=folder)
        assert f"ModuleNotFoundError in {tag}_lib.py, line 2: No module named" in told
    (folder / f"{tag}_bad.py").write_text("def f(:\n    pass\n")
    assert f"SyntaxError: invalid syntax ({tag}_bad.py, line 1)" in refused(f"{tag}_bad.py:f", app_dir=folder)
    (folder / f"{tag}_exit.py").write_text("raise SystemExit(3)\n")
    assert "exit code 3" in refused(f"{tag}_exit.py:f", app_dir=folder)
    (folder / f"{tag}_shape.py").write_text(
        "import torch\nfrom torch import nn\ndef make():\n    return nn.Linear(2, 2)(torch.zeros(1, 3))\n"
    )
    assert f"in {tag}_shape.py, line 4: mat1" in refused(f"{tag}_shape.py:make", app_dir=folder)


def test_a_failed_file_leaves_no_module_behind(app):
    folder, tag = app
    (folder / f"{tag}_bad.py").write_text("1 / 0\n")
    refused(f"{tag}_bad.py:x", app_dir=folder)
    assert f"{tag}_bad" not in sys.modules


def test_weights_come_along(app):
    folder, tag = app
    file = folder / "weights.pt"
    state = {name: torch.full_like(part, 0.5) for name, part in nn.Linear(3, 2).state_dict().items()}
    torch.save({f"dense.{name}": part for name, part in state.items()}, file)
    network = module_attr(f"{tag}_nets.py:Net", app_dir=folder, weights=file)
    assert bool((network.dense.weight == 0.5).all())
