"""Python text: names that are legal, text that stays inside its quotes, and lines broken as formatters break them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from keyword import iskeyword
from textwrap import wrap
from typing import NamedTuple

WIDTH = 88
INDENT = 4

#: what a module, a graph module or a sequence of modules has already, without underscores at the end
_TAKEN = """
    T_destination __add __annotate __annotate_func __annotations __annotations_cache __call __class __copy
    __deepcopy __delattr __delitem __dict __dir __doc __eq __firstlineno __format __ge __getattr __getattribute
    __getitem __getstate __gt __hash __iadd __imul __init __init_subclass __iter __jit_unused_properties __le __len
    __lt __module __mul __ne __new __reduce __reduce_ex __reduce_package __repr __rmul __setattr __setitem
    __setstate __sizeof __static_attributes __str __subclasshook __weakref _apply _backward_hooks
    _backward_pre_hooks _boxed_call _buffers _call_impl _code _compiled_call_impl _create_node_hooks _deepcopy_hooks
    _deepcopy_init _erase_node_hooks _forward_hooks _forward_hooks_always_called _forward_hooks_with_kwargs
    _forward_pre_hooks _forward_pre_hooks_with_kwargs _get_backward_hooks _get_backward_pre_hooks _get_item_by_idx
    _get_name _graph _is_full_backward_hook _lineno_map _load_from_state_dict _load_state_dict_post_hooks
    _load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook _modules _named_members
    _non_persistent_buffers_set _parameters _prologue_start _recompile_submodules _register_create_node_hook
    _register_deepcopy_hook _register_erase_node_hook _register_load_state_dict_pre_hook _register_replace_node_hook
    _register_state_dict_hook _replace_hooks _replicate_for_data_parallel _save_to_state_dict _set_replace_hook
    _slow_forward _state_dict_hooks _state_dict_pre_hooks _tracer_cls _tracer_extras _unregister_create_node_hook
    _unregister_deepcopy_hook _unregister_erase_node_hook _unregister_replace_node_hook _version _wrapped_call
    _wrapped_call_impl add_module add_submodule append apply bfloat16 buffers call_super_init children code compile
    cpu cuda delete_all_unused_submodules delete_submodule double dump_patches eval extend extra_repr float forward
    get_buffer get_extra_state get_parameter get_submodule graph half inplace insert ipu load_state_dict meta
    modules mtia named_buffers named_children named_modules named_parameters parameters pop print_readable recompile
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad set_extra_state set_submodule shape_env share_memory state_dict to
    to_empty to_folder train training type xpu zero_grad
"""
TAKEN = frozenset(_TAKEN.split())
_QUOTES = '"' * 3


class Group(NamedTuple):
    """A bracket with items: ``prefix`` ends with the opening bracket. What does not fit a line goes to indented lines:
    of a call all items on one if they fit, else one each.
    """

    prefix: str
    items: tuple[Doc, ...]
    close: str = ")"
    call: bool = True
    separator: str = ","


Doc = str | Group


def flat(doc: Doc) -> str:
    """The text on one line."""
    if isinstance(doc, str):
        return doc
    return f"{doc.prefix}{f'{doc.separator} '.join(map(flat, doc.items))}{doc.close}"


def lines(doc: Doc, indent: int, suffix: str = "") -> list[str]:
    """The text on as many lines as it needs; ``suffix`` follows on the last one."""
    margin = " " * indent
    one = flat(doc)
    if isinstance(doc, str) or not doc.items or indent + len(one) + len(suffix) <= WIDTH:
        return [margin + one + suffix]
    inner = indent + INDENT
    body = f"{doc.separator} ".join(map(flat, doc.items))
    if doc.call and inner + len(body) <= WIDTH:
        inside = [" " * inner + body]
    elif doc.call and len(doc.items) == 1:
        inside = lines(doc.items[0], inner)
    else:
        inside = [line for item in doc.items for line in lines(item, inner, doc.separator.strip())]
    return [margin + doc.prefix, *inside, margin + doc.close + suffix]


def prefixed(prefix: str, doc: Doc, suffix: str = "") -> Doc:
    """``prefix`` before and ``suffix`` behind a text."""
    if isinstance(doc, str):
        return f"{prefix}{doc}{suffix}"
    return doc._replace(prefix=prefix + doc.prefix, close=doc.close + suffix)


def statement(prefix: str, doc: Doc, indent: int = 2 * INDENT) -> list[str]:
    """``prefix`` and a text as a line of a method."""
    return lines(prefixed(prefix, doc), indent)


def own_name(segment: str) -> str:
    """The name of a layer as the name of its module; of two that differ in an underscore at the end both get one."""
    word = segment.rstrip("_")
    return segment + "_" if word in TAKEN or iskeyword(word) else segment


def is_plain(name: str) -> bool:
    """Whether a name can stand after a dot and before an equals sign; two leading underscores would be mangled."""
    return name.isidentifier() and not iskeyword(name) and not name.startswith("__")


def attribute(name: str) -> str:
    """``.conv1``, or what finds the module of a name that is no attribute's."""
    return f".{name}" if is_plain(name) else f'.get_submodule("{name}")'


def variable(name: str) -> str:
    """A name for a local variable."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_") or "y"
    if word[0].isdigit():
        word = f"y{word}"
    return word + "_" if iskeyword(word) or word in _LOCAL or (len(word) == 1 and word in "lOIi") else word


_LOCAL = frozenset(("self", "super", "torch", "nn", "functional", "range", "reduce", "log", "float", "share", "int"))


def camel(name: str) -> str:
    """``UnetSmall`` of unet_small."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    return "".join(word[:1].upper() + word[1:] for word in words)


def literal(value: object) -> str:
    """A plain value as Python."""
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    return repr(value)


class Code(str):
    """Text that is an expression already."""

    __slots__ = ()


def quoted(text: str) -> str:
    """Text for the inside of a docstring, on one line: nothing in it can end the string or be an escape."""
    words = " ".join("".join(c if c.isprintable() or c.isspace() else _escaped(c) for c in text).split())
    words = re.sub('^"+|"+$|"""+', lambda match: "'" * len(match[0]), words)
    return words.replace("\\", "\\\\")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def docstring(paragraphs: Iterable[str], indent: int) -> list[str]:
    """Quoted paragraphs as a docstring."""
    margin = " " * indent
    width = WIDTH - indent - 2 * len(_QUOTES)
    text: list[str] = []
    for paragraph in paragraphs:
        block = wrap(paragraph, width, break_long_words=False, break_on_hyphens=False)
        text += ["", *block] if text and block else block
    if len(text) == 1:
        return [margin + _QUOTES + text[0] + _QUOTES]
    return [(margin + line).rstrip() for line in [_QUOTES + text[0], *text[1:], _QUOTES]]


def joined(operands: Sequence[str], operator: str, prefix: str, indent: int = 2 * INDENT) -> list[str]:
    """A chain of operands as a line, or in parentheses."""
    one = f" {operator} ".join(operands)
    if indent + len(prefix) + len(one) <= WIDTH:
        return [" " * indent + prefix + one]
    inner = " " * (indent + INDENT)
    if len(inner) + len(one) <= WIDTH:
        inside = [inner + one]
    else:
        inside = [inner + operands[0], *(f"{inner}{operator} {operand}" for operand in operands[1:])]
    return [f"{' ' * indent}{prefix}(", *inside, " " * indent + ")"]
