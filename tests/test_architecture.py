"""The house: imports run strictly downward, and every published name is real."""

import ast
import importlib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "pellucid"

# a part may import parts of lower layers and itself; parts of one layer do not know each other
LAYERS = {
    "errors": 0,
    "_version": 0,
    "_visible": 0,
    "_core": 1,
    "inputs": 2,
    "data": 3,
    "networks": 3,
    "training": 3,
    "layers": 3,
    "features": 3,
    "attribution": 3,
    "importance": 3,
    "influence": 3,
    "rules": 3,
    "loading": 3,
    "evidence": 4,
    "readable": 4,
    "figures": 5,
    "tasks": 6,
    "expect": 7,
    "report": 7,
    "cli": 8,
    "pytest_plugin": 8,
}
# a value draws itself in a notebook: the one look upwards, made when it is asked to
DRAWS = "_repr_mimebundle_"
FORBIDDEN = {"utils", "helpers", "base", "manager"}
FILES = sorted(SOURCE.rglob("*.py"))


def part_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported_parts(tree: ast.AST) -> set[str]:
    found = set()
    drawing = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == DRAWS]
    allowed = {id(node) for function in drawing for node in ast.walk(function)}
    for node in ast.walk(tree):
        if id(node) in allowed:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "pellucid":
            rest = node.module.split(".")[1:]
            found |= {rest[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("pellucid.")}
    return found & LAYERS.keys()


def typing_only(tree: ast.Module) -> ast.Module:
    """The module without what stands under ``if TYPE_CHECKING``: that is never imported."""
    kept = [n for n in tree.body if not (isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test))]
    return ast.Module(kept, [])


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_run_downward(path):
    part = part_of(path)
    if part in {"__init__", "__main__"}:
        return
    assert part in LAYERS, f"{path} belongs to no layer; name it in LAYERS"
    here = str(path.relative_to(SOURCE))
    for other in imported_parts(typing_only(ast.parse(path.read_text()))):
        lower = LAYERS[other] < LAYERS[part] or other == part
        assert lower, f"{here} (layer {LAYERS[part]}) imports {other} (layer {LAYERS[other]})"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_module_level_mutable_state(path):
    for node in ast.parse(path.read_text()).body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        targets = [*getattr(node, "targets", []), getattr(node, "target", None)]
        names = [t.id for t in targets if isinstance(t, ast.Name)]
        if isinstance(value, ast.List | ast.Set) and names != ["__all__"]:
            pytest.fail(f"{path}:{node.lineno} holds mutable state at module level")
        assert not isinstance(node, ast.For | ast.While | ast.With), f"{path}:{node.lineno} works at import"


def test_names_say_what_they_are():
    for path in FILES:
        assert path.stem.strip("_") not in FORBIDDEN, path


@pytest.mark.parametrize("part", sorted(p for p in LAYERS if (SOURCE / p).is_dir() and p != "_core"))
def test_published_names_are_real_and_complete(part):
    module = importlib.import_module(f"pellucid.{part}")
    tree = ast.parse((SOURCE / part / "__init__.py").read_text())
    bound = {a.asname or a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names}
    bound |= {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    public = {name for name in bound if not name.startswith("_") and name != "annotations"}
    assert set(module.__all__) >= public, f"imported but not in __all__: {public - set(module.__all__)}"
    for name in module.__all__:
        assert hasattr(module, name), f"pellucid.{part}.__all__ names {name}, which is not there"


def test_every_attribution_file_publishes_its_method():
    from pellucid import attribution

    for path in (SOURCE / "attribution").glob("_*.py"):
        if path.name == "__init__.py":
            continue
        functions = {n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)}
        assert functions & set(attribution.__all__), f"{path.name} publishes nothing"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_catch_all_keyword_arguments(path):
    if path == SOURCE / "cli" / "_given.py":
        return  # hands on what typer has parsed, and typer refuses what a command does not declare
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.args.kwarg is None, f"{path}:{node.lineno} {node.name} swallows keyword arguments"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_are_read_in_one_sitting(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 400, f"{path} has {len(lines)} lines"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_what_a_notebook_draws_is_one_line_where_its_name_is_typed(path):
    """A dataclass writes its own repr with every number of every tensor, unless the class has one."""
    for made in ast.walk(ast.parse(path.read_text())):
        if not isinstance(made, ast.ClassDef):
            continue
        own = {node.name for node in made.body if isinstance(node, ast.FunctionDef)}
        own |= {
            t.id for n in made.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)
        }
        assert DRAWS not in own or "__repr__" in own, f"{made.name}: add __repr__, or `__repr__ = brief`"
