"""The names of a network's modules: the same in what is built and in what is written."""

from __future__ import annotations

from keyword import iskeyword

from cnncalc.graph.graph import Graph
from cnncalc.source.layout import variable

#: public attributes of a module, a graph module or a sequence of modules, without underscores at the end
_TAKEN = """
    T_destination add_module add_submodule append apply bfloat16 buffers call_super_init children code compile cpu cuda
    delete_all_unused_submodules delete_submodule double dump_patches eval extend extra_repr float forward get_buffer
    get_extra_state get_parameter get_submodule graph half inplace insert ipu load_state_dict meta modules mtia
    named_buffers named_children named_modules named_parameters parameters pop print_readable recompile
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad
    set_extra_state set_submodule shape_env share_memory state_dict to to_empty to_folder train training type xpu
    zero_grad
"""
TAKEN = frozenset(_TAKEN.split())


def own_name(segment: str) -> str:
    """A part of a path as the name of a module: a word of Python, an attribute that modules have, and what starts with
    an underscore get one at the end. So does such a name with underscores, or two layers would come to one name.
    """
    word = segment.rstrip("_")
    return segment + "_" if word in TAKEN or iskeyword(word) or word.startswith("_") else segment


def module_names(graph: Graph) -> list[str]:
    """The dotted name of every node's module.

    A name is the layer's path, but no operator lies inside another: what follows a layer (``norm``, ``act``) is beside
    it (``conv1``, ``conv1_bn``, ``conv1_relu``), and a join is beside its branches (``add1.main``, ``add1.shortcut``,
    ``add1.add``). Where the spec has a layer of such a name, an underscore is added.
    """
    operators = {node.path: node for node in graph.nodes}
    taken: dict[str, set[str]] = {}  # by the path that they lie below
    for path in operators:
        scope, _, name = path.rpartition(".")
        while own_name(name) not in taken.setdefault(scope, set()):
            taken[scope].add(own_name(name))
            scope, _, name = scope.rpartition(".")
    names = []
    for node in graph.nodes:
        scope, _, name = node.path.rpartition(".")
        if scope in operators and operators[scope].op.role != "join":
            scope, _, layer = scope.rpartition(".")
            name = _free(f"{layer}_{name}", taken[scope])
        elif node.op.role == "join" and node.path in taken:
            scope, name = node.path, _free(node.op.name, taken[node.path])
        else:
            name = own_name(name)
        names.append(".".join([*(own_name(part) for part in scope.split(".") if part), name]))
    return names


def input_names(graph: Graph) -> list[str]:
    """The arguments of the forward: the names of the inputs, ``x`` for one without."""
    names: list[str] = []
    for index in graph.inputs:
        path = graph.nodes[index].path
        names.append(variable("x" if path == "input" else path))
        while names[-1] in names[:-1]:
            names[-1] += "_"
    return names


def _free(name: str, taken: set[str]) -> str:
    """The name with as many underscores as it takes to be the only one; it is taken then."""
    name = own_name(name)
    while name in taken:
        name += "_"
    taken.add(name)
    return name
