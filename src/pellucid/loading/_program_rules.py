"""Which texts in an exported program are harmless; whatever no rule knows is refused.

torch puts names into Python code that it runs, looks operations up by name, evaluates sizes as formulas and
imports modules that the structure of inputs names. So each text must look like what its key says.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any, cast

import torch

NAME = re.compile(r"[A-Za-z_]\w*|", re.ASCII)
DOTTED = re.compile(r"(?!__)\w+(?:\.(?!__)\w+)*|", re.ASCII)  # no dunder leads out of the module
KIND = re.compile(r"(?:builtins|collections|transformers|torch)\.(?:\w+\.)*\w+", re.ASCII)
NUMBERS = "add sub mul floordiv truediv mod pow neg getitem eq ne lt le gt ge and_ or_ not_ abs pos"
SIZES = "sym_not sym_float sym_int sym_max sym_min sym_sum sym_ite _sym_sqrt"
PLAIN = frozenset(
    [f"_operator.{name}" for name in NUMBERS.split()]
    + [f"math.{name}" for name in ("ceil", "floor", "trunc", "sqrt", "pow")]
    + [f"torch.{name}" for name in SIZES.split()]
)
OPERATION = re.compile(r"torch\.ops\.(?:aten|prims)\.(\w+)\.(\w+)", re.ASCII)
# operations that read or write files, or take over memory without a look at its bounds
BARRED = re.compile(r"from_file|save|set_|_sparse_\w+_unsafe|_nested_view_from_buffer\w*", re.ASCII)
HIGHER = frozenset(
    f"torch.ops.higher_order.{name}"
    for name in ("cond", "while_loop", "scan", "associative_scan", "map_impl", "wrap_with_autocast",
                 "wrap_with_set_grad_enabled")
)  # fmt: skip
SYMBOL = re.compile(r"Symbol\('[a-z]+\d+'(?:, \w+=(?:True|False))*\)", re.ASCII)
WORDS = re.compile(r"[A-Za-z_]\w*")
FUNCTIONS = (
    "Integer Rational Max Min Mod PythonMod FloorDiv CeilDiv CleanDiv ModularIndexing IntTrueDiv Add Mul"
    " Pow Eq Ne Ge Gt Le Lt And Or Not True False oo int_oo evaluate"
)
FORMULA = frozenset(FUNCTIONS.split())
LONGEST = 1000  # letters of a formula
EXPONENT = r"-?1?\d|Integer\(-?1?\d\)|Rational\(-?1?\d, 1?\d\)"
REPEATED = 2**24  # elements of tensors that say the same many times, such as positions
EMPTIED = ("metadata", "guards_code", "treespec_namedtuple_fields")  # about the code that was exported


class RefusedError(Exception):
    """What a file holds, as the end of a sentence that starts with its name."""


def harmless(tree: object, key: str = "") -> Any:
    """The description of a program without what nothing needs; refused where a text is suspicious."""
    if isinstance(tree, dict):
        return {_key(name): _part(name, part) for name, part in cast("dict[str, object]", tree).items()}
    if isinstance(tree, list):
        return [harmless(part, key) for part in cast("list[object]", tree)]
    if isinstance(tree, str):
        RULES.get(key, _name)(tree)
    return tree


def payloads(tree: Any, pattern: str, room: int) -> Any:
    """The table of tensors by name, none of them pickled, each in a file of that pattern.

    All together have few more elements than ``room``: with a stride of 0 four bytes can stand for terabytes.
    """
    elements = 0
    for name, held in tree["config"].items():
        if held["use_pickle"] or not re.fullmatch(pattern, held["path_name"], re.ASCII):
            raise RefusedError(f"holds pickled tensors or objects ({name}), which could run code")
        elements += prod(int(size["as_int"]) for size in held["tensor_meta"]["sizes"])
    if elements > room + REPEATED:
        raise RefusedError("holds tensors that are far larger than the file")
    return harmless(tree)


def _part(name: str, part: object) -> object:
    if name in EMPTIED:
        return [] if isinstance(part, list) else {}
    if name in ("as_custom_obj", "custom_obj") or (name == "custom_obj_values" and part):
        raise RefusedError("holds an object of a class of its own")
    return harmless(part, name)


def _key(name: str) -> str:
    if not DOTTED.fullmatch(name):
        raise RefusedError(f"holds {name!r} where a name belongs")
    return name


def _name(text: str) -> None:
    if not NAME.fullmatch(text):
        raise RefusedError(f"holds {text!r} where a name belongs")


def _dotted(text: str) -> None:
    _key(text)


def _version(text: str) -> None:
    if not re.fullmatch(r"[\w.+<=-]*", text, re.ASCII):
        raise RefusedError(f"holds {text!r} where a version belongs")


def _number(text: str) -> None:
    if text not in ("Infinity", "-Infinity", "NaN"):
        raise RefusedError(f"holds {text!r} where a number belongs")


def _called(text: str) -> None:
    """Only what torch registered as an operation: names alone could reach any function."""
    if text in PLAIN or text in HIGHER:
        return
    parts = OPERATION.fullmatch(text)
    found: object = None
    if parts is not None and not BARRED.fullmatch(parts[1]):
        found = torch.ops
        for name in text.split(".")[2:]:
            found = getattr(found, name, None)
    if not isinstance(found, torch._ops.OpOverload):  # pyright: ignore[reportPrivateUsage]
        raise RefusedError(f"calls {text!r}, which is no operation of torch's own")


def _formula(text: str) -> None:
    rest = SYMBOL.sub("1", text)
    known = not set(WORDS.findall(rest)) - FORMULA
    if not known or not re.fullmatch(r"[\w\s()+\-*/,.<>=!&|~]*", rest, re.ASCII) or not _short(rest):
        raise RefusedError(f"has a size given by {text[:LONGEST]!r}, which is no formula")


def _short(formula: str) -> bool:
    """Whether it is worked out at once: ``9**9**9`` would take all time and memory there is."""
    if len(formula) > LONGEST or re.search(r"\d{20}", formula):
        return False
    try:
        nodes = list(ast.walk(ast.parse(formula.strip(), mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    powers = [node for node in nodes if _is_power(node)]
    tame = all(re.fullmatch(EXPONENT, ast.unparse(_sides(node)[1])) for node in powers)
    nested = any(_is_power(node) for power in powers for node in ast.walk(_sides(power)[0]))
    return tame and not nested


def _is_power(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "Pow" and len(node.args) > 1
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)


def _sides(power: ast.AST) -> tuple[ast.expr, ast.expr]:
    """Base and exponent."""
    if isinstance(power, ast.Call):
        return power.args[0], power.args[1]
    return cast("ast.BinOp", power).left, cast("ast.BinOp", power).right


def _structure(text: str) -> None:
    """How inputs and outputs nest: kinds by name with keys that are names, nothing to import."""
    _, tree = json.loads(text)
    _nested(tree)


def _nested(tree: Mapping[str, Any]) -> None:
    kind, context = tree["type"], tree["context"]
    keys: object = json.loads(context) if isinstance(context, str) else context
    named = kind is None or KIND.fullmatch(kind)
    listed = keys is None or isinstance(keys, int)
    if isinstance(keys, list):
        listed = all(
            isinstance(key, int) or (isinstance(key, str) and NAME.fullmatch(key))
            for key in cast("list[object]", keys)
        )
    if not named or not listed:
        raise RefusedError(
            f"has inputs or outputs of kind {kind!r} with {context!r}, which is no plain nesting"
        )
    for part in tree["children_spec"]:
        _nested(part)


def _anything(text: str) -> None:
    """A text that an operation is given: always quoted, never code."""


RULES: Mapping[str, Callable[[str], None]] = MappingProxyType(
    {
        "target": _called,
        "as_operator": _called,
        "expr_str": _formula,
        "in_spec": _structure,
        "out_spec": _structure,
        "as_float": _number,
        "as_floats": _number,
        "real": _number,
        "imag": _number,
        "as_string": _anything,
        "as_strings": _anything,
        "torch_version": _version,
        "fqn": _dotted,
        "path_name": _dotted,
        "parameter_name": _dotted,
        "buffer_name": _dotted,
        "tensor_constant_name": _dotted,
    }
)
