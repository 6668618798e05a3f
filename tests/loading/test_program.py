"""Exported programs are opened and explained end to end; a hostile one is refused before anything runs."""

import json
import zipfile

import pytest
import torch

import pellucid
import zoo
from pellucid.attribution import deep_lift
from pellucid.errors import LoadError
from pellucid.inputs import ImageSpec
from pellucid.loading import open_program


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    file = tmp_path_factory.mktemp("programs") / "net.pt2"
    model = zoo.reference().float()
    rows = torch.export.Dim("rows", min=1, max=4096)
    made = torch.export.export(model, (zoo.inputs(2).float(),), dynamic_shapes=({0: rows},))
    torch.export.save(made, file)
    return file


def test_a_program_is_explained_end_to_end(program):
    x = torch.rand(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    subject = pellucid.open(program, spec=ImageSpec(channels=2, size=(8, 8)), data=(x, [0, 1, 2, 0]))
    model = zoo.reference().float()
    with torch.no_grad():
        torch.testing.assert_close(subject.model(x), model(x))
    why = pellucid.explain(subject, x[:2], method="integrated_gradients", cards=False)
    assert why.values.shape == x[:2].shape
    wanted = deep_lift(model, x, 1).values
    torch.testing.assert_close(deep_lift(subject.model, x, 1).values, wanted)


def changed(program, tmp_path, change=None, more=()):
    """The same archive with its JSON changed and entries added."""
    file = tmp_path / "changed.pt2"
    with zipfile.ZipFile(program) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name.endswith(".json") and change is not None:
                text = change(json.dumps(json.loads(text))).encode()
            new.writestr(name, text)
        for name in more:
            new.writestr(name, b"anything")
    return file


HOSTILE = {
    "an operation": ('"torch.ops.aten.relu.default"', '"torch.os.system"', "torch.os.system"),
    "a formula": ("Symbol('s", "__import__('os').system('s", "is no formula"),
    "a pickle": ('"use_pickle": false', '"use_pickle": true', "pickled"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_could_run_code_is_refused(program, tmp_path, kind):
    old, new, words = HOSTILE[kind]
    with pytest.raises(LoadError, match=words):
        open_program(changed(program, tmp_path, lambda text: text.replace(old, new)))


def test_compiled_libraries_and_other_files_are_refused(program, tmp_path):
    with pytest.raises(LoadError, match="no exported program needs"):
        open_program(changed(program, tmp_path, more=["net/data/aotinductor/model/lib.so"]))
    with pytest.raises(LoadError, match="two entries"):
        open_program(changed(program, tmp_path, more=["net/Archive_Format"]))
    text = tmp_path / "text.pt2"
    text.write_text("nothing")
    with pytest.raises(LoadError, match="Export the network anew"):
        open_program(text)
    with pytest.raises(LoadError, match="does not exist"):
        pellucid.open(tmp_path / "absent.pt2", spec=ImageSpec(channels=2))
