"""Look-up tables of an exported program as modules again, so that vectors of tokens have an address."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.fx import GraphModule, Node


def with_tables(program: nn.Module) -> nn.Module:
    """The same program, in which each table that tokens are looked up in is an ``nn.Embedding``, in place.

    Example:
        >>> net = nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(6, 2))
        >>> ids = torch.ones(4, 3, dtype=torch.int64)
        >>> program = with_tables(torch.export.export(net, (ids,)).module())
        >>> program.get_submodule("0"), bool((program(ids) == net(ids)).all())
        (Embedding(5, 2), True)
    """
    if not isinstance(program, GraphModule):
        return program
    looked = [node for node in program.graph.nodes if node.target is torch.ops.aten.embedding.default]
    for node in looked:
        weight, numbers = cast("tuple[Node, Node]", node.args[:2])
        if weight.op != "get_attr":
            continue
        name = _placed(program, str(weight.target))
        with program.graph.inserting_before(node):
            made = program.graph.call_module(name, (numbers,))
        made.meta = dict(node.meta)
        node.replace_all_uses_with(made)
        program.graph.erase_node(node)
    if looked:
        program.recompile()
    return program


def _placed(program: GraphModule, weight: str) -> str:
    """The name of a table that holds this very weight, where its own module stood if it held nothing else."""
    owner, _, leaf = weight.rpartition(".")
    held = program.get_submodule(owner)
    if isinstance(held, nn.Embedding):
        return owner
    rows = cast("nn.Parameter", getattr(held, leaf))
    table = nn.Embedding(rows.shape[0], rows.shape[1], device="meta", dtype=rows.dtype)
    table.weight = rows
    alone = bool(owner) and leaf == "weight" and not [*held.children()] and len([*held.parameters()]) == 1
    name = owner if alone else f"{weight.replace('.', '_')}_table"
    program.add_submodule(name, table)
    return name
