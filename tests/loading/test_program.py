"""Exported programs are opened and explained end to end; a hostile one is refused before anything runs."""

import io
import json
import pickle
import re
import zipfile
from pathlib import Path

import pytest
import torch

import pellucid
import zoo
from pellucid._core import untrained
from pellucid.attribution import deep_lift
from pellucid.errors import LoadError
from pellucid.inputs import ImageSpec
from pellucid.layers import summary
from pellucid.loading import open_program
from pellucid.loading._program_rules import harmless


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


def test_the_layers_of_a_program_hold_its_weights_and_torch_stays_silent(program):
    """Any warning fails the test; the untrained copies beside each layer used to raise torch's own."""
    x = torch.rand(6, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    model, opened = zoo.reference().float(), open_program(program)
    held = {row.kind: row.parameters for row in summary(opened, x).rows}
    own = {row.kind: row.parameters for row in summary(model, x).rows}
    assert held["conv2d()"] == own["Conv2d"] > 0
    assert held["linear()"] == own["Linear"] > 0
    assert held["relu()"] == 0
    assert untrained(opened) is not opened


def changed(program, tmp_path, change=None, more=None, packing=zipfile.ZIP_STORED):
    """The same archive with its JSON changed and entries added or put in place of others."""
    file, more = tmp_path / "changed.pt2", more or {}
    with zipfile.ZipFile(program) as old, zipfile.ZipFile(file, "w", packing) as new:
        for name in sorted(set(old.namelist()) - more.keys()):
            text = old.read(name)
            if name.endswith(".json") and change is not None:
                text = change(json.dumps(json.loads(text))).encode()
            new.writestr(name, text)
        for name, content in more.items():
            new.writestr(name, content)
    return file


def described(change):
    """A change to the description of the program, as a change to its text."""

    def changed_text(text):
        tree = json.loads(text)
        if "graph_module" in tree:
            change(tree["graph_module"])
        return json.dumps(tree)

    return changed_text


def structured(kind, context):
    def change(module):
        module["module_call_graph"][0]["signature"]["out_spec"] = json.dumps(
            [1, {"type": kind, "context": context, "children_spec": []}]
        )

    return described(change)


def another_function(module):
    module["graph"]["nodes"][0]["inputs"][0]["arg"] = {"as_operator": "torch.serialization.os.system"}


def another_argument(module):
    module["module_call_graph"][0]["signature"]["forward_arg_names"] = ["x=__import__('os')"]


def sized(formula):
    """The same formula for every size that is not a number."""
    return lambda text: re.sub(r'"expr_str": "[^"]*"', f'"expr_str": "{formula}"', text)


def enlarged(text):
    """Every tensor repeats its first element."""
    tree = json.loads(text)
    for held in tree.get("config", {}).values():
        held["tensor_meta"]["sizes"] = [{"as_int": 40_000}, {"as_int": 40_000}]
        held["tensor_meta"]["strides"] = [{"as_int": 0}, {"as_int": 0}]
    return json.dumps(tree)


HOSTILE = {
    "an operation": (
        lambda t: t.replace("torch.ops.aten.relu.default", "torch.os.system"), "torch.os.system"),
    "an operation on files": (
        lambda t: t.replace("torch.ops.aten.relu.default", "torch.ops.aten.save.default"), "aten.save"),
    "an operation on bare memory": (
        lambda t: t.replace("torch.ops.aten.relu.default", "torch.ops.aten.set_.source_Tensor"), "aten.set_"),
    "one that trusts indices": (
        lambda t: t.replace("torch.ops.aten.relu.", "torch.ops.aten._sparse_coo_tensor_unsafe."),
        "_sparse_coo_tensor_unsafe"),
    "one that calls another": (
        lambda t: t.replace("torch.ops.aten.relu.default", "torch.ops.higher_order.run_with_rng_state"),
        "run_with_rng_state"),
    "an attribute": (
        lambda t: t.replace("torch.ops.aten.relu.default", "torch.ops.aten.__class__"), "__class__"),
    "a function as argument": (described(another_function), "torch.serialization.os.system"),
    "a formula": (lambda t: t.replace("Symbol('s", "__import__('os').system('s"), "is no formula"),
    "a pickle": (lambda t: t.replace('"use_pickle": false', '"use_pickle": true'), "pickled"),
    "a pickled object": (lambda t: t.replace('"weight_0"', '"opaque_obj_0"'), "pickled"),
    "code as a name": (lambda t: t.replace('"relu"', '"x = __import__(0)"'), "a name belongs"),
    "code as an argument": (described(another_argument), "a name belongs"),
    "code as a parameter": (lambda t: t.replace(".weight", ".weight\\\"),exit(\\\""), "a name belongs"),
    "a way out of the module": (lambda t: t.replace('.weight"', '.__class__"'), "a name belongs"),
    "a power of powers": (sized("9**9**9**9"), "is no formula"),
    "a power by name": (sized("Mod(Pow(Integer(3), Integer(99999999)), Integer(7))"), "is no formula"),
    "a power in a base": (
        sized("Pow(Mul(Integer(2), Pow(Integer(9), Integer(9))), Integer(9))"), "is no formula"),
    "a formula without end": (sized("Max(" + "1, " * 1000 + "1)"), "is no formula"),
    "a tensor of little that says it is large": (enlarged, "far larger than the file"),
    "a module to import": (
        structured("builtins.tuple", json.dumps({"__enum__": True, "fqn": "antigravity:A", "name": "A"})),
        "no plain nesting"),
    "another module to import": (
        structured("collections.defaultdict", {"default_factory_module": "antigravity"}), "no plain nesting"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_could_run_code_is_refused(program, tmp_path, kind):
    change, words = HOSTILE[kind]
    with pytest.raises(LoadError, match=re.escape(words)):
        open_program(changed(program, tmp_path, change))


class Touch:
    """A pickle of this makes a file when it is opened."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path(self.file).touch, ()


@pytest.mark.parametrize("name", ["weights/model.pt", "constants/model.pt", "constants/opaque_obj_0",
                                  "constants/custom_obj_0", "weights/weight_0.pt"])  # fmt: skip
def test_no_pickle_is_opened_wherever_it_lies(program, tmp_path, name):
    flag, content = tmp_path / "opened", io.BytesIO()
    torch.save({"a": Touch(flag)}, content)
    pickled = content.getvalue() if name.endswith(".pt") else pickle.dumps(Touch(flag))
    with pytest.raises(LoadError, match="no exported program needs"):
        open_program(changed(program, tmp_path, more={f"net/data/{name}": pickled}))
    assert not flag.exists()


def test_sample_inputs_are_not_read(program, tmp_path):
    flag, content = tmp_path / "opened", io.BytesIO()
    torch.save((Touch(flag),), content)
    file = changed(program, tmp_path, more={"net/data/sample_inputs/model.pt": content.getvalue()})
    assert open_program(file)(zoo.inputs(2).float()).shape == (2, 3)
    assert not flag.exists()


def test_an_archive_larger_than_its_file_is_refused(program, tmp_path):
    with pytest.raises(LoadError, match="larger than its file"):
        open_program(changed(program, tmp_path, packing=zipfile.ZIP_DEFLATED))


def test_compiled_libraries_and_other_files_are_refused(program, tmp_path):
    with pytest.raises(LoadError, match="no exported program needs"):
        open_program(changed(program, tmp_path, more={"net/data/aotinductor/model/lib.so": b"anything"}))
    with pytest.raises(LoadError, match="two entries"):
        open_program(changed(program, tmp_path, more={"net/Archive_Format": b"pt2"}))
    text = tmp_path / "text.pt2"
    text.write_text("nothing")
    with pytest.raises(LoadError, match="Export the network anew"):
        open_program(text)
    with pytest.raises(LoadError, match="does not exist"):
        pellucid.open(tmp_path / "absent.pt2", spec=ImageSpec(channels=2))


@pytest.mark.parametrize(
    "formula",
    [
        "Add(Mul(Integer(2), Symbol('s77', integer=True)), Integer(1))",
        "Pow(Symbol('s77', integer=True), Integer(2))",
        "Symbol('s77', positive=True, integer=True)**2 - 1",
        "FloorDiv(Symbol('s1', integer=True), Integer(-16))",
    ],
)
def test_sizes_that_torch_writes_pass(formula):
    assert harmless({"expr_str": formula}) == {"expr_str": formula}
