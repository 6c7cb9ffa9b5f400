"""SpecDocument + variables + input to Graph: blocks, stages, repeats, conditions, joins, side outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from cnncalc.errors import CnncalcError, ExpressionError, LimitError, SpecError, listing, quote, suggest
from cnncalc.graph.builder import LAYER_LIMIT, GraphBuilder, Rules
from cnncalc.graph.graph import Graph, Side
from cnncalc.graph.walk import overwritten_too_early
from cnncalc.ops.base import ArgumentError, Op
from cnncalc.spec import zoo
from cnncalc.spec.compile.forms import (
    BlockLayer,
    GroupLayer,
    JoinLayer,
    Layer,
    OperatorLayer,
    OpLayer,
    SideLayers,
    StagesLayer,
)
from cnncalc.spec.compile.slots import Slot, Slots
from cnncalc.spec.compile.words import NAME_LIMIT, check_name, counted
from cnncalc.spec.document import Memo, SpecDocument, included, load
from cnncalc.spec.expressions import ExprValue as Value
from cnncalc.spec.expressions import describe
from cnncalc.spec.inputs import ONLY, replaced, variables_of
from cnncalc.spec.least import CALL_LIMIT, STEP_LIMIT, Least
from cnncalc.spec.reader import Source, YamlNode

SCOPE_LIMIT = 160
CHAIN_LIMIT = 64
PATH_LIMIT = 20_000_000
#: signatures that a document keeps from one expansion to the next
RULES_LIMIT = 20_000


class _FileScope:
    """The variables of one file; each is evaluated when it is first needed, and may use the others."""

    def __init__(self, slots: Slots, nodes: Mapping[str, YamlNode]) -> None:
        self.slots = {name: slots.any_value(node) for name, node in nodes.items()}
        self.values: dict[str, Value] = {}
        self.open: list[str] = []

    def lookup(self, name: str) -> Value:
        if name not in self.values:
            if name in self.open:
                ring = " -> ".join(f"${other}" for other in [*self.open[self.open.index(name) :], name])
                raise ExpressionError(f"a variable can't depend on itself: {ring}")
            if len(self.open) >= CHAIN_LIMIT:
                raise ExpressionError(f"more than {CHAIN_LIMIT} variables in a chain")
            self.open.append(name)
            self.values[name] = self.slots[name].value(self)
            self.open.pop()
        return self.values[name]

    def all(self) -> dict[str, Value]:
        """Every variable's value."""
        return {name: self.lookup(name) for name in self.slots}


class _Scope:
    """One sequence of layers while it is expanded.

    ``values`` holds the variables, ``path`` the names of all ancestors, ``names`` what this sequence has named so
    far, ``history`` the values of the sequence so far (the last one is the current), ``parent`` where names are
    looked up next, ``input`` the value that ``input`` names: the block's, ``shared`` (ours, theirs): the path whose
    weights are used and the path they are taken from, ``layers`` the whole sequence, ``reads`` gives the value that
    the layer at hand reads, of which ``$prev`` is.
    """

    __slots__ = (
        "builder", "counts", "depth", "history", "input", "layers", "names", "parent", "path", "reads", "shared",
        "values",
    )  # fmt: skip

    def __init__(
        self, builder: GraphBuilder, values: dict[str, Value], path: str, history: list[int], parent: _Scope | None,
        shared: tuple[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.builder = builder
        self.values = values
        self.path = path
        self.history = history
        self.parent = parent
        self.depth: int = parent.depth + 1 if parent else 0
        self.shared: tuple[str, str] | None = shared or (parent.shared if parent else None)
        self.input: int = parent.input if parent else history[0] if history else 0
        self.reads: Callable[[], int] | None = None
        self.layers: Sequence[Layer] = ()
        self.names: dict[str, tuple[str, int, YamlNode | None]] = {}
        self.counts: dict[str, int] = {}

    def lookup(self, name: str) -> Value:
        try:
            return self.values[name]
        except KeyError:
            if name == "i":
                return 1
        if name == "prev" or name.startswith("prev_"):
            index = self.reads() if self.reads is not None else self.history[-1]
            what, read = "the value read here", self.builder.nodes[index].shape
        else:
            what, read = "the input", self.builder.nodes[self.input].shape
        value = variables_of("prev", read).get(name)
        if value is None:
            raise ExpressionError(f"${name} has no value here: {what} is {read.describe()}")
        return value

    def child(self, path: str) -> str:
        return f"{self.path}.{path}" if self.path else path


def expand(
    document: SpecDocument, variables: Mapping[str, YamlNode] | None = None, input: object = None
) -> tuple[Graph, dict[str, Value]]:
    """The network that a document describes, and the values of its variables.

    Args:
        document: a document with layers.
        variables: nodes that replace the document's variables, by name.
        input: sizes that stand in for those of the document's inputs, see :mod:`cnncalc.spec.inputs`.

    Raises:
        SpecError: a layer can't be built; points at it.
        UsageError: sizes that can't stand in for an input.
        LimitError: past 48 nested calls, 100,000 layers or 200,000 steps.
    """
    if len(document.rules) > RULES_LIMIT:
        document.rules = Rules()
        document.made = {}
    try:
        expander = _Expander(document, {**document.vars, **(variables or {})})
        graph = expander.graph(input)
        if document.written and not variables and input is None:  # which can leave operators out
            document.written.check(graph.nodes)
        return graph, expander.variables[document.parts[0].source]
    except RecursionError:
        place = (document.layers or document.parts)[0].location
        raise LimitError("blocks and joins are nested too deep", place) from None
    except SpecError as error:
        included(error, document.taken)
        raise


def networks(
    paths: Iterable[str], broken: list[CnncalcError], places: Sequence[str]
) -> Iterator[tuple[SpecDocument, Graph, dict[str, Value]]]:
    """Every network among the specs at some paths, with what :func:`expand` makes of it; libraries of blocks are none.

    The errors of a spec with mistakes go to ``broken``. ``places`` are the folders that the specs were found in, of
    which no link is followed out.
    """
    memo = Memo()
    for path in paths:
        try:
            zoo.check_link(path, places)
            document = load(zoo.find(path), memo=memo)
            if not document.is_library:
                yield document, *expand(document)
        except CnncalcError as error:
            broken.append(error)


class _Expander:
    def __init__(self, document: SpecDocument, nodes: Mapping[str, YamlNode]) -> None:
        self.document = document
        self.steps = 0
        self.characters = 0
        self.calls: list[str] = []
        self.layers = 0
        #: paths that stand for a value, and those of blocks, in the order of the text
        self.named: list[str] = []
        self.called: list[str] = []
        #: the path of the last repeat by that of them all
        self.last: dict[str, str] = {}
        #: calls that equal ones repeat; the depth of the outermost scope in which a name was found
        self.known: dict[tuple[object, ...], _Call] = {}
        self.outermost = 0
        self.made = document.made
        self.variables: dict[Source, dict[str, Value]] = {}
        self._add_variables(document, nodes)

    def _add_variables(self, document: SpecDocument, nodes: Mapping[str, YamlNode]) -> None:
        values = _FileScope(document.compiler.variables, nodes).all()
        self.variables.update((part.source, values) for part in document.parts)
        for library in document.libraries:
            self._add_variables(library, library.vars)

    def graph(self, input: object) -> Graph:
        document = self.document
        if document.is_library or not document.inputs:
            message = f"{quote(document.name)} has no layers: it is a library of blocks"
            raise document.parts[0].error(message, "name it under uses: in a network")
        values = self.variables[document.parts[0].source]
        bare = _Scope(None, values, "", [], None)  # type: ignore[arg-type]  # sizes read variables alone
        own = {stated.name: stated.typed(bare) for stated in document.inputs}
        shapes = own if input is None else replaced(document.name, own, input)
        self.builder = builder = GraphBuilder(document.rules)
        scope = _Scope(builder, dict(values), "", [0], None)
        for stated in document.inputs:
            index = builder.input(stated.name, shapes[stated.name], stated.node, own[stated.name])
            if stated.name != ONLY:
                scope.names[stated.name] = (stated.name, index, stated.node)
                scope.values.update(variables_of(stated.name, shapes[stated.name]))
        scope.values.update(variables_of("in", builder.nodes[0].shape))
        Least(scope.values).check([*document.layers, *(layer for side in document.sides for layer in side.layers)])
        self.run(document.layers, scope)
        last = scope.history[-1]
        for side in document.sides:
            self.side(side, scope)
        outputs = [self.resolve(slot, scope)[1] for slot in document.outputs] or [last]
        for slot, index in zip(document.outputs, outputs, strict=False):
            if builder.nodes[index].side:
                message = f"{quote(str(slot.value(scope)))} is a side output, but outputs names values of the main path"
                raise slot.node.error(message, "remove it: --with-side runs the side outputs too")
        programs = document.written.programs if document.written else ()
        graph = builder.finish(outputs, document.name, programs)
        read = {index for node in graph.nodes for index in node.inputs} | set(graph.ends(with_side=True))
        for stated, index in zip(document.inputs, graph.inputs, strict=True):
            if index not in read:
                hint = f"write 'from: {stated.name}' on a layer that reads it"
                raise stated.node.error(f"nothing reads the input '{stated.name}'", hint)
        early = overwritten_too_early(graph)
        if early:
            node, value, reader = early
            why = f"{reader.op.name} '{reader.path}' reads after it" if reader else "is an output"
            message = f"{node.op.name} '{node.path}' overwrites '{value.path}', which {why}"
            raise SpecError(message, node.place.location, "remove inplace: true")
        return graph

    def side(self, side: SideLayers, scope: _Scope) -> None:
        """Expands a side output after the main path."""
        _, source = self.resolve(side.source, scope)
        if side.name in scope.names:
            raise side.source.node.error(f"the side output '{side.name}' has the name of a layer or an input")
        self.builder.side = side.name
        inner = _Scope(self.builder, scope.values, side.name, [source], scope)
        self.run(side.layers, inner)
        self.builder.side = None
        self.builder.sides.append(Side(side.name, source, inner.history[-1]))
        scope.names[side.name] = (side.name, inner.history[-1], side.source.node)
        self.stand_for(side.name, inner.history[-1])

    def run(self, layers: Sequence[Layer], scope: _Scope) -> None:
        """Expands layers one after the other."""
        if scope.depth > SCOPE_LIMIT and layers:
            raise LimitError(f"blocks and joins are nested more than {SCOPE_LIMIT} levels deep", layers[0].location)
        scope.layers = layers
        for layer in layers:
            self.step(layer)
            scope.reads = None
            if layer.plain:
                self.once(layer, scope, self.name(layer, scope))
            else:
                self.layer(layer, scope)

    def layer(self, layer: Layer, scope: _Scope) -> None:
        """Expands a layer as often as it says, if it does."""
        leading = layer.first or layer
        if leading.sources:
            scope.reads = partial(self.read_by, leading, scope)
        if layer.when is not None and not self.condition(layer.when, scope):
            return
        if isinstance(layer, StagesLayer):
            self.stages(layer, scope)
            return
        if layer.repeat is None:
            self.once(layer, scope, self.name(layer, scope))
            return
        count = layer.repeat.value(scope)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise layer.repeat.node.error(f"repeat must be a whole number of at least 0, not {describe(count)}")
        if count > STEP_LIMIT:
            raise LimitError(f"more than {STEP_LIMIT:,} expansion steps", layer.repeat.node.location)
        if not count:
            return
        name = self.name(layer, scope)
        outer = scope.values
        for i in range(1, count + 1):
            if i > 1:
                self.step(layer)
            scope.values = {**outer, "i": i}
            variant = layer.first if i == 1 and layer.first else layer
            scope.reads = partial(self.read_by, variant, scope) if variant.sources else None
            self.once(variant, scope, f"{name}_{i}")
        scope.values = outer
        self.call_last(name, f"{name}_{count}", layer, scope)

    def call_last(self, name: str, last: str, layer: Layer, scope: _Scope) -> None:
        """Lets the plain name of repeats, or of stages, mean the last of them."""
        plain = scope.child(name)
        if name in scope.names and plain not in self.last:
            raise self.named_twice(name, layer, scope, "give one of them another name")
        scope.names[name] = (scope.child(last), scope.history[-1], layer.node)
        self.last[plain] = scope.child(last)
        self.named.append(plain)

    def step(self, layer: Layer, count: int = 1) -> None:
        self.steps += count
        if self.steps > STEP_LIMIT:
            raise LimitError(f"more than {STEP_LIMIT:,} expansion steps", layer.location)

    def condition(self, slot: Slot, scope: _Scope) -> bool:
        value = slot.value(scope)
        if not isinstance(value, bool):
            raise slot.node.error(f"when must be true or false, not {describe(value)}")
        return value

    def name(self, layer: Layer, scope: _Scope) -> str:
        """The layer's name in its scope: what the spec says, or the operator and a number."""
        if layer.name is not None:
            name: str = layer.name.value(scope)
            if not layer.name.constant:
                check_name(name, layer.name.node)
            return name
        number = scope.counts.get(layer.word, 0) + 1
        name = f"{layer.word}{number}"
        while name in scope.names:
            number += 1
            name = f"{layer.word}{number}"
        scope.counts[layer.word] = number
        return name

    def once(self, layer: Layer, scope: _Scope, name: str) -> None:
        """Expands one layer under its name and makes its value the current one."""
        if name in scope.names:
            raise self.named_twice(name, layer, scope, "give one of them another name")
        if len(name) > NAME_LIMIT:  # with the number of a repeat
            check_name(name, layer.name.node if layer.name else layer.node)
        path = scope.child(name)
        self.layers += 1
        self.characters += len(path)
        if self.characters > PATH_LIMIT:
            raise LimitError(f"the paths of all layers have more than {PATH_LIMIT:,} characters", layer.location)
        shared = scope.shared if layer.shared is None else (path, self.weights_of(layer.shared, scope))
        if isinstance(layer, OpLayer):
            inputs = self.inputs(layer, scope) if layer.sources else (scope.history[-1],)
            value = self.operator(layer, scope, path, inputs, shared)
        elif isinstance(layer, JoinLayer):
            value = self.join(layer, scope, path)
        elif isinstance(layer, BlockLayer):
            value = self.call(layer, scope, path, shared)
        else:
            group: GroupLayer = layer  # type: ignore[assignment]  # stages have been handled
            (start,) = self.single(layer, scope)
            inner = _Scope(self.builder, scope.values, path, [*scope.history[-2:-1], start], scope, shared)
            self.run(group.layers, inner)
            value = inner.history[-1]
        scope.names[name] = (path, value, layer.node)
        self.stand_for(path, value)
        scope.history.append(value)

    def weights_of(self, slot: Slot, scope: _Scope) -> str:
        """The path of the layer whose weights are shared."""
        path, _ = self.resolve(slot, scope)
        if not path:
            raise slot.node.error("shared takes the name of a layer", "give that layer a name")
        self.outermost = 0
        return path

    def stand_for(self, path: str, value: int) -> None:
        """Notes the value that a path stands for."""
        self.builder.paths[path] = value
        self.named.append(path)

    def named_twice(self, name: str, layer: Layer, scope: _Scope, hint: str) -> SpecError:
        first = scope.names[name][2]
        line = f", first on line {first.line}" if first else ""
        return layer.node.error(f"duplicate layer name {quote(name)}{line}", hint)

    def read_by(self, layer: Layer, scope: _Scope) -> int:
        """The value that a layer reads, the first of several."""
        return self.resolve(layer.sources[0], scope)[1]

    def inputs(self, layer: Layer, scope: _Scope) -> tuple[int, ...]:
        if not layer.sources:
            return (scope.history[-1],)
        if len(layer.sources) > 1:
            self.step(layer, len(layer.sources) - 1)
        return tuple([self.resolve(slot, scope)[1] for slot in layer.sources])

    def single(self, layer: Layer, scope: _Scope) -> tuple[int, ...]:
        inputs = self.inputs(layer, scope)
        if len(inputs) != 1:
            raise layer.sources[1].node.error(f"only blocks and joins take several inputs, but got {len(inputs)}")
        return inputs

    # -- names ---------------------------------------------------------------------------------------------------

    def resolve(self, slot: Slot, scope: _Scope) -> tuple[str, int]:
        """Path and value of a name: ``prev``, ``prev2``, ``input``, or a layer of this block or one around it."""
        name = slot.value(scope)
        node = slot.node
        if name == "prev":
            return "", scope.history[-1]
        if name == "prev2":
            if len(scope.history) < 2:
                raise node.error("prev2 is the value before the last one, but there is only one value")
            return "", scope.history[-2]
        if name == "input":
            return self.builder.nodes[scope.input].path, scope.input
        head, _, rest = name.partition(".")
        around: _Scope | None = scope
        while around is not None:
            if head in around.names:
                path, value, _ = around.names[head]
                self.outermost = min(self.outermost, around.depth)
                if not rest:
                    return path, value
                own = around.child(head)
                if path != self.last.get(own, own):  # an input of the block: what is inside of it lies outside
                    self.outermost = 0
                for part in rest.split("."):
                    path = self.last.get(f"{path}.{part}", f"{path}.{part}")
                for known in (self.builder.paths, self.builder.positions):
                    if path in known:
                        return path, known[path]
                near = [p for p in self.builder.positions if p.startswith(f"{around.child(head)}.")]
                raise node.error(f"no layer is named {quote(name)}", suggest(path, near))
            around = around.parent
        raise self.unknown_name(name, node, scope)

    def unknown_name(self, name: str, node: YamlNode, scope: _Scope) -> SpecError:
        visible = ["prev"]
        message = f"no earlier layer is named {quote(name)}"
        head, _, rest = name.partition(".")
        if head in ("prev", "prev2", "input"):
            return node.error(message, f"{head} is a value alone: name the layer, and write NAME.{rest}")
        around: _Scope | None = scope
        while around is not None:
            for layer in around.layers:
                if layer.name and layer.name.constant and layer.name.value(around) == head:
                    within = f"{scope.path}.".startswith(around.child(head))
                    if (layer.when or layer.repeat) and layer.node.line < node.line and not within:
                        hint = "its when is false, or its repeat 0"
                        return node.error(f"{message}: the layer on line {layer.node.line} is left out", hint)
                    hint = "a layer can only read layers above it"
                    return node.error(f"{message}: that layer is on line {layer.node.line}", hint)
            visible += around.names
            around = around.parent
        inside = [path.removeprefix(f"{scope.path}.") for path in self.builder.positions if path.endswith(f".{name}")]
        if inside:
            return node.error(message, f"did you mean {listing(inside[:5], 'or')}?")
        return node.error(message, suggest(name, visible))

    # -- what a layer is -----------------------------------------------------------------------------------------

    def make(self, layer: OperatorLayer, scope: _Scope, place: YamlNode) -> Op:
        """The operator with its arguments in this scope."""
        values = [slot.value(scope) for _, slot in layer.varying] if layer.varying else ()
        key = (layer, repr(values)) if values else layer
        known = self.made.get(key)
        if known is not None:
            return known
        arguments = {**layer.fixed, **{name: value for (name, _), value in zip(layer.varying, values, strict=True)}}
        try:
            op = self.made[key] = self.builder.rules.op(layer.op, arguments)
            return op
        except ArgumentError as error:
            slot = layer.arguments.get(error.field)
            raise SpecError(error.message, (slot.node if slot else place).location, error.hint) from None

    def operator(
        self, layer: OpLayer, scope: _Scope, path: str, inputs: tuple[int, ...], shared: tuple[str, str] | None
    ) -> int:
        """An operator's row, and the rows of its ``norm`` and ``act``."""
        act = layer.act.row(scope) if layer.act else None
        norm = layer.norm.row(scope) if layer.norm else None
        inplace = None if act or norm else layer.inplace
        value = self.add(layer, scope, path, inputs, shared, inplace, layer.node)
        if norm:
            value = self.add(norm, scope, f"{path}.{norm.op.name}", (value,), shared, None, layer.node)
        if act:
            value = self.add(act, scope, f"{path}.{act.op.name}", (value,), shared, layer.inplace, layer.node)
        return value

    def add(
        self, layer: OpLayer, scope: _Scope, path: str, inputs: tuple[int, ...], shared: tuple[str, str] | None,
        inplace: bool | None, place: YamlNode,
    ) -> int:  # fmt: skip
        builder = self.builder
        op = self.make(layer, scope, place)
        source = self.shared_node(op, path, inputs, shared, place) if shared else None
        return builder.add(op, inputs, path, place, source, inplace)

    def shared_node(
        self, op: Op, path: str, inputs: tuple[int, ...], shared: tuple[str, str], place: YamlNode
    ) -> int | None:
        """The node whose weights this one uses; None for an operator that has none."""
        ours, theirs = shared
        shapes = [self.builder.nodes[index].shape for index in inputs]
        fits = all(shape.layout in op.layouts for shape in shapes)  # the builder refuses what doesn't
        if not fits or not op.weights(*shapes):
            return None
        other = theirs + path[len(ours) :]
        index = self.builder.positions.get(other)
        if index is None:
            raise place.error(f"{op.name} '{path}' shares the weights of '{other}', but there is no such layer")
        shared_by_it = self.builder.nodes[index].shared
        return index if shared_by_it is None else shared_by_it

    def join(self, layer: JoinLayer, scope: _Scope, path: str) -> int:
        self.step(layer, len(layer.names or layer.branches) - 1)
        if layer.names:
            inputs = [self.resolve(slot, scope)[1] for slot in layer.names]
        else:
            (start,) = self.single(layer, scope)
            history = [*scope.history[-2:-1], start]
            inputs = []
            for branch in layer.branches:
                if branch.when is None or self.condition(branch.when, scope):
                    inner = _Scope(self.builder, scope.values, f"{path}.{branch.name}", history[:], scope)
                    self.run(branch.layers, inner)
                    inputs.append(inner.history[-1])
                    self.stand_for(inner.path, inner.history[-1])
            if not inputs:
                hint = "write [] for a branch that only passes its input on"
                raise layer.node.error(f"{layer.op.name} '{path}' has no branch left", hint)
        if len(inputs) == 1:
            return inputs[0]
        op = self.make(layer, scope, layer.node)
        return self.builder.add(op, tuple(inputs), path, layer.node, None, layer.inplace)

    def call(self, layer: BlockLayer, scope: _Scope, path: str, shared: tuple[str, str] | None) -> int:
        block = layer.block
        self.calls.append(block.name)
        if layer.cost:
            self.step(layer, layer.cost)
        if len(self.calls) > CALL_LIMIT:
            chain = " -> ".join(_tail(self.calls))
            raise LimitError(f"more than {CALL_LIMIT} nested block calls: {chain}", layer.location)
        inputs = self.inputs(layer, scope)
        if len(inputs) != max(len(block.inputs), 1):
            wanted = max(len(block.inputs), 1)
            message = f"block {block.name} takes {wanted} input{'s' * (wanted > 1)}, but got {len(inputs)}"
            own = f"its inputs: {', '.join(block.inputs)}"
            raise layer.node.error(message, own if block.inputs else "name them in the block: 'inputs: [a, b]'")
        values = self.frame(layer, scope, inputs)
        nodes = self.builder.nodes
        given = [(nodes[index].shape, nodes[index].shape.identity, nodes[index].count) for index in inputs]
        key = (block, *given, *map(inputs.index, inputs), repr([values[name] for name in block.arguments]))
        known = self.known.get(key)
        if known is not None and shared is None and self.has_room(known, path, scope):
            value = self.repeat(known, path, inputs)
        else:
            before = self.counters()
            self.builder.blocks[path] = block.name
            self.called.append(path)
            inner = _Scope(self.builder, values, path, [inputs[0]], scope, shared)
            inner.input = inputs[0]
            for name, index in zip(block.inputs, inputs, strict=False):
                inner.names[name] = (nodes[index].path, index, block.node)
            outside, self.outermost = self.outermost, inner.depth
            self.run(block.layers, inner)
            value = inner.history[-1]
            if self.outermost == inner.depth and inner.shared is None:
                self.known[key] = _Call(path, inner.depth, len(self.calls), inputs, before, self.counters(), value)
            self.outermost = min(self.outermost, outside)
        self.calls.pop()
        return value

    # -- calls that were expanded before --------------------------------------------------------------------------

    def counters(self) -> _Counters:
        return _Counters(
            len(self.builder.nodes), len(self.named), len(self.called), self.steps, self.layers, self.characters
        )

    def has_room(self, call: _Call, path: str, scope: _Scope) -> bool:
        """Whether an equal call of this path is within every limit."""
        longer = (call.after.layers - call.before.layers) * (len(path) - len(call.path))
        return (
            scope.depth < call.depth
            and len(self.calls) <= call.calls
            and self.steps + call.after.steps - call.before.steps <= STEP_LIMIT
            and self.characters + call.after.characters - call.before.characters + longer <= PATH_LIMIT
            and len(self.builder.nodes) + call.after.nodes - call.before.nodes <= LAYER_LIMIT
        )

    def repeat(self, call: _Call, path: str, inputs: tuple[int, ...]) -> int:
        """Adds what an equal call added."""
        builder = self.builder
        before, after = call.before, call.after
        moved = dict(zip(call.inputs, inputs, strict=True))
        shift = len(builder.nodes) - before.nodes
        cut = len(call.path)
        builder.copy(range(before.nodes, after.nodes), call.path, path, moved)
        named, paths = self.named, builder.paths
        for old in named[before.named : after.named]:
            new = path + old[cut:]
            if old in self.last:
                self.last[new] = path + self.last[old][cut:]
            else:
                paths[new] = moved.get(paths[old], paths[old] + shift)
            named.append(new)
        for old in self.called[before.called : after.called]:
            builder.blocks[path + old[cut:]] = builder.blocks[old]
            self.called.append(path + old[cut:])
        layers = after.layers - before.layers
        self.steps += after.steps - before.steps
        self.layers += layers
        self.characters += after.characters - before.characters + layers * (len(path) - cut)
        return moved.get(call.value, call.value + shift)

    def frame(self, layer: BlockLayer, scope: _Scope, inputs: tuple[int, ...]) -> dict[str, Value]:
        """The variables of a call: the block's file, its inputs, its arguments (a default may use earlier ones)."""
        block = layer.block
        nodes = self.builder.nodes
        values = {**self.variables[block.node.source], **variables_of("in", nodes[inputs[0]].shape)}
        for name, index in zip(block.inputs, inputs, strict=False):
            values.update(variables_of(name, nodes[index].shape))
        inner: _Scope | None = None
        for name, default in block.arguments.items():
            given = layer.arguments.get(name)
            if given is not None:
                values[name] = given.value(scope)
            elif default is not None:  # the compiler has refused missing arguments
                inner = inner or _Scope(self.builder, values, "", [inputs[0]], None)
                values[name] = default.value(inner)
        return values

    def stages(self, layer: StagesLayer, scope: _Scope) -> None:
        """One scope a stage; the sequence of values goes on from stage to stage."""
        columns: dict[str, Sequence[Value]] = {}
        for name, slots in layer.columns.items():
            values = [slot.value(scope) for slot in slots] if isinstance(slots, list) else slots.value(scope)
            if not isinstance(values, (list, tuple)):
                node = slots[0].node if isinstance(slots, list) else slots.node
                raise node.error(f"the column {name} must be a list, not {describe(values)}")
            columns[name] = values
        total = max(map(len, columns.values()))
        for name, values in columns.items():
            if len(values) != total:
                slots = layer.columns[name]
                node = (slots[0].node if slots else layer.node) if isinstance(slots, list) else slots.node
                longest = next(other for other, items in columns.items() if len(items) == total)
                found = counted(len(values), "value")
                raise node.error(f"the column {name} has {found}, but {longest} has {total}")
        word = layer.name.value(scope) if layer.name else "stage"
        outer = scope.values
        for i in range(total):
            self.step(layer)
            number = scope.counts[word] = scope.counts.get(word, 0) + 1
            name = f"{word}{number}"
            if name in scope.names:
                raise self.named_twice(name, layer, scope, "give the stages another name")
            if len(name) > NAME_LIMIT:
                check_name(name, layer.name.node if layer.name else layer.node)
            row = {column: values[i] for column, values in columns.items()}
            inner_values = {**outer, **row, "stage": i + 1, "stages": total}
            inner = _Scope(self.builder, inner_values, scope.child(name), scope.history, scope)
            self.run(layer.body, inner)
            scope.names[name] = (inner.path, scope.history[-1], layer.node)
            self.stand_for(inner.path, scope.history[-1])
        if layer.name and total:
            self.call_last(word, name, layer, scope)


class _Counters(NamedTuple):
    """How far an expansion has come: nodes, paths that stand for values, blocks, steps, layers, characters."""

    nodes: int
    named: int
    called: int
    steps: int
    layers: int
    characters: int


class _Call(NamedTuple):
    """A call of a block that its inputs and arguments alone decide, ``calls`` deep: what it added lies between two
    states of the counters.
    """

    path: str
    depth: int
    calls: int
    inputs: tuple[int, ...]
    before: _Counters
    after: _Counters
    value: int


def _tail(calls: list[str]) -> list[str]:
    return calls if len(calls) <= 6 else ["...", *calls[-5:]]
