"""An exported program of torch, read into a `Plan`; all that has no rule is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ._graph import Plan, Ref, Source, Step, described, references
from ._limits import limit
from ._nodes import dtype_of, is_node, kernels_of, line_of, operation_name, owner_of, size_of, target_of
from ._refusals import INSTEAD
from ._table import CHECKS, RULES, SIZES

# what says where and how a result lies: its dtype is read off the result itself
_PLACING = frozenset({
    "dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking", "copy", "generator",
    "implicit", "sparse_grad",
})  # fmt: skip
_DTYPES = frozenset({"float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"})
# what gives a number, or as many elements as there are of a kind
_READING = frozenset({"item", "_local_scalar_dense", "nonzero", "nonzero_numpy", "masked_select", "unique2"})
_NOISE = ("rand", "bernoulli", "normal_", "uniform", "exponential")
_RANDOM = (*_NOISE, "dropout", "multinomial", "empty")
# results that are their first argument under another shape
_VIEWS = frozenset({
    "view", "reshape", "_unsafe_view", "view_as", "reshape_as", "flatten", "unflatten", "permute",
    "transpose", "swapaxes", "t", "numpy_T", "mT", "movedim", "unsqueeze", "squeeze", "expand", "expand_as",
    "broadcast_to", "slice", "narrow", "select", "split", "split_with_sizes", "chunk", "unbind", "detach",
    "contiguous", "alias", "to", "diagonal", "unfold", "getitem",
})  # fmt: skip
_RECTIFIERS = ("aten.relu.default", "aten.relu_.default")
_SUMS = ("aten.add.Tensor", "aten.add_.Tensor")


class Reader:
    """Reads one exported program, with the arguments of its operations as they are where `literal` says so.

    orders: how parameters lie, None where that is to be found. opened: whether sizes of the batch that are
    numbers were replaced. constants: name -> array, of all that was
    found to be constant.
    """

    def __init__(
        self, program: Any, literal: bool, orders: Mapping[str, tuple[int, ...]] | None = None,
        opened: bool = False,
    ) -> None:  # fmt: skip
        self.program = program
        self.literal = literal
        self.orders = orders
        self.opened = opened
        self.sources: list[Source] = []
        self.steps: list[Step] = []
        self.problems: list[str] = []
        self.constants: dict[str, np.ndarray] = {}
        self.inputs: list[Any] = []
        self.random = False
        self._places = 0
        # of a node of the graph: its place or what it is, for constants the tensor
        self._bound: dict[Any, Any] = {}
        self._known: dict[Any, Any] = {}
        self._kept: dict[tuple[Any, int], Ref] = {}
        self._aliases: dict[Any, Any] = {}
        self._same: dict[Any, Any] = {}
        self._fused: dict[Any, tuple[Any, Any]] = {}
        # of a node: where it stands, and where it is read for the last time
        self._index: dict[Any, int] = {}
        self._uses: dict[Any, int] = {}

    def plan(self) -> Plan:
        """The plan. ArgumentError that lists every operation without a rule."""
        graph = self.program.graph
        self._placeholders()
        self._look_ahead(graph)
        results: Any = None
        for position, node in enumerate(graph.nodes):
            if node.op == "call_function":
                self._operation(node, position)
            elif node.op == "output":
                results = self._result(node)
            elif node.op == "get_attr":
                self._bound[node] = node
        if self.problems:
            raise ArgumentError(
                "from_torch: module: has what the engine has no operation for:\n  "
                + "\n  ".join(dict.fromkeys(self.problems))
                + f"\nallowed: the operations that docs/from-torch.md lists, or {INSTEAD}"
            )
        return Plan(
            tuple(self.sources), _with_ends(self.steps, results), self._places, results, self.literal,
            self.random,
        )  # fmt: skip

    # ---- what is there from the start -----------------------------------------------------------------
    def _placeholders(self) -> None:
        from torch.export.graph_signature import InputKind

        nodes = {n.name: n for n in self.program.graph.nodes if n.op == "placeholder"}
        kernels = kernels_of(self.program.graph)
        kept = self.orders
        for spec in self.program.graph_signature.input_specs:
            node = nodes[spec.arg.name]
            value = node.meta.get("val")
            if spec.kind == InputKind.USER_INPUT:
                self._input(node, spec, value)
            elif spec.kind == InputKind.PARAMETER:
                order = kernels.get(node) if kept is None else kept.get(spec.target)
                self._source("parameter", spec.target, node, order)
            elif spec.kind == InputKind.BUFFER and spec.persistent:
                self._source("buffer", spec.target, node)
            else:
                # a copy, so that what is computed of it here changes nothing of the user's
                held = self.program.constants[spec.target]
                self._known[node] = held.detach().clone() if hasattr(held, "clone") else held

    def _input(self, node: Any, spec: Any, value: Any) -> None:
        if value is None or not hasattr(value, "dtype"):
            self._known[node] = getattr(spec.arg, "value", None)
            self.inputs.append(("fixed", self._known[node]))
            return
        sizes = tuple(map(size_of, value.shape))
        if self.opened:
            sizes = (None, *sizes[1:])
        self._source("input", str(len(self.inputs)), node)
        self.inputs.append(("tensor", dtype_of(value), sizes))

    def _source(self, kind: str, name: str, node: Any, order: Any = None) -> None:
        dtype = dtype_of(node.meta["val"])
        if dtype not in _DTYPES:
            self.problems.append(f"{kind} {name} of {dtype}")
        place = self._place()
        self.sources.append(Source(kind, name, place, dtype, order))
        self._bound[node] = Ref(place)

    def _place(self) -> int:
        self._places += 1
        return self._places - 1

    # ---- what is known of the graph before it is read -------------------------------------------------
    def _look_ahead(self, graph: Any) -> None:
        """Which nodes are one tensor under several names, and which are computed in one pass."""
        last: dict[Any, int] = {}
        for i, node in enumerate(graph.nodes):
            self._index[node] = i
            for given in node.all_input_nodes:
                last[given] = i
            if node.op == "call_function" and node.args and is_node(node.args[0]):
                name = operation_name(node)
                base = self._same.get(node.args[0], node.args[0])
                if name in _VIEWS:
                    self._aliases[node] = self._aliases.get(base, base)
                elif name.endswith("_") and not name.startswith("__"):
                    self._same[node] = base
        self._uses |= last
        for node in graph.nodes:
            if str(node.target) in _RECTIFIERS:
                self._fuse(node)

    def _fuse(self, relu: Any) -> None:
        """ReLU of batch norm, or of its sum with another value of its shape."""
        inner = relu.args[0]
        if str(inner.target) == "aten.batch_norm.default" and len(inner.users) == 1:
            self._fused |= {inner: (None, None), relu: (inner, None)}
            return
        if str(inner.target) not in _SUMS or len(inner.users) != 1 or inner.kwargs:
            return
        a, b = inner.args[:2]
        for norm, other in ((a, b), (b, a)):
            if (
                is_node(norm) and is_node(other) and str(norm.target) == "aten.batch_norm.default"
                and len(norm.users) == 1 and norm is not other
                and norm.meta["val"].shape == other.meta["val"].shape
                and norm.meta["val"].dtype == other.meta["val"].dtype
            ):  # fmt: skip
                self._fused |= {norm: (None, None), inner: (None, None), relu: (norm, other)}
                return

    # ---- operations -----------------------------------------------------------------------------------
    def _operation(self, node: Any, position: int) -> None:
        target = target_of(node)
        if target in CHECKS:
            return
        if node in self._fused:
            norm, residual = self._fused[node]
            if norm is not None:
                more = {"rectified": True} | ({} if residual is None else {"residual": residual})
                self._step(node, "aten.batch_norm.default", norm.args, {**norm.kwargs, **more}, norm)
            return
        if target == "_operator.getitem" and isinstance(self._bound.get(node.args[0]), list):
            self._bound[node] = self._bound[node.args[0]][node.args[1]]
            return
        if self._fold(node, target):
            return
        if "wrap_with_set_grad_enabled" in target:
            self._region(node)
            return
        name = operation_name(node)
        if name.endswith("_") and not name.startswith("__"):
            self._in_place(node, target, position)
            return
        if target not in RULES and target not in SIZES:
            self._problem(node, target, "depends on values" if name in _READING else "")
            return
        self._step(node, target, node.args, node.kwargs)

    def _region(self, node: Any) -> None:
        """What stands under torch.no_grad(): its graph in this one, and its results without history."""
        enabled, inner, *arguments = node.args
        graph = getattr(self.program.graph_module, inner.target).graph
        self._look_ahead(graph)
        given = iter(arguments)
        for position, part in enumerate(graph.nodes):
            if part.op == "placeholder":
                value = next(given)
                if value in self._known:
                    self._known[part] = self._known[value]
                else:
                    self._bound[part] = self._given(value)
            elif part.op == "call_function":
                self._operation(part, position)
            elif part.op == "output":
                for result in part.args[0]:
                    if not enabled and result in self._bound and result.meta["val"].is_floating_point():
                        self._step(result, "aten.detach.default", (result,), {})
                self._bound[node] = [self._given(result) for result in part.args[0]]

    def _in_place(self, node: Any, target: str, position: int) -> None:
        """An operation that writes into its first argument: the value that stands there from now on."""
        base = node.args[0]
        root = self._same.get(base, base)
        if root.op == "placeholder" and str(root.name).endswith("num_batches_tracked"):
            self._step(node, "lrswift.counted", (root, *node.args[1:]), {})
            return
        space, name, overload = target.split(".")
        whole = {
            "aten.copy_.default": "aten.copy.default", "aten.fill_.Scalar": "aten.full_like.default",
            "aten.fill_.Tensor": "aten.copy.default", "aten.zero_.default": "aten.zeros_like.default",
            "aten.bernoulli_.float": "aten.bernoulli.p",
            "aten.normal_.default": "aten.normal_functional.default",
        }.get(target, f"{space}.{name[:-1]}.{overload}")  # fmt: skip
        origin = self._aliases.get(root, root)
        if origin.op == "placeholder" and origin.name not in self.program.graph_signature.user_inputs:
            self._problem(node, target, "writes into a parameter or buffer")
            return
        chain = self._parts(root, origin)
        names = [n for n, g in self._aliases.items() if g is origin] + [origin]
        names += [n for n, r in self._same.items() if r in names and r is not root]
        # views that are taken afterwards see what was written
        others = [
            n
            for n in names
            if n not in (root, *chain) and self._index.get(n, -1) < position < self._uses.get(n, -1)
        ]
        if chain and origin in others:
            others.remove(origin)
        if others or (root is not origin and not chain):
            self._problem(node, target, "writes into a tensor that has other views")
            return
        if whole not in RULES:
            self._problem(node, target)
            return
        self._step(node, whole, node.args, node.kwargs)
        written = self._bound[node]
        self._rebind(root, written)
        for part in chain:
            scatter = "select" if "select" in str(part.target) else "slice"
            into = self._same.get(part.args[0], part.args[0])
            arguments = (self._given(into), written, *self._given(tuple(part.args[1:])))
            written = self._add(
                f"aten.{scatter}_scatter.default", arguments, {}, dtype_of(into.meta["val"]), node
            )
            self._rebind(into, written)

    def _parts(self, view: Any, origin: Any) -> list[Any]:
        """Slices and selections by which a view sees a tensor, the last first; none if it sees otherwise."""
        found = []
        while view is not origin:
            if str(view.target) not in ("aten.slice.Tensor", "aten.select.int"):
                return []
            found.append(view)
            view = self._same.get(view.args[0], view.args[0])
        return found

    def _rebind(self, root: Any, written: Ref) -> None:
        """Whoever reads a tensor, under whichever name, reads what was written."""
        for alias in (root, *(n for n, origin in self._same.items() if origin is root)):
            if alias is root or alias in self._bound or alias in self._known:
                self._bound[alias] = written
                self._known.pop(alias, None)

    def _step(self, node: Any, target: str, args: Any, kwargs: Any, norm: Any = None) -> None:
        value = node.meta.get("val")
        first = value[0] if isinstance(value, (list, tuple)) and value else value
        dtype = dtype_of(first) if hasattr(first, "dtype") else "float64"
        if dtype not in _DTYPES:
            self._problem(node, target, f"computes in {dtype}")
            return
        why = limit(target, norm or node)
        if why is not None:
            self._problem(node, target, why)
            return
        self.random |= any(word in target for word in _NOISE) or (
            "dropout" in target and self.literal and len(args) > 2 and bool(args[2])
        )
        options = {k: v for k, v in kwargs.items() if k not in _PLACING}
        self._bound[node] = self._add(
            target, self._given(tuple(args)), self._given(options), dtype, norm or node
        )

    def _add(self, target: str, arguments: Any, options: Any, dtype: str, node: Any) -> Ref:
        """A step; where its result will stand."""
        place = self._place()
        self.steps.append(Step(target, arguments, options, place, dtype, owner_of(node), line_of(node)))
        return Ref(place)

    def _fold(self, node: Any, target: str) -> bool:
        """Computes here what depends on constants alone, such as masks, positions and angles."""
        given = node.all_input_nodes
        if any(n not in self._known for n in given) or any(word in target for word in _RANDOM):
            return False
        if any(word in target for word in ("set_grad", "wrap_with")):
            return False
        import torch

        value = node.meta.get("val")
        parts = value if isinstance(value, (list, tuple)) else [value]
        if not all(isinstance(v, torch.Tensor) and all(isinstance(n, int) for n in v.shape) for v in parts):
            return False

        def known(n: Any) -> Any:
            return self._known[n]

        args = torch.fx.map_arg(node.args, known)
        kwargs = torch.fx.map_arg(node.kwargs, known)
        with torch.no_grad():
            self._known[node] = node.target(*args, **kwargs)
        return True

    def _given(self, argument: Any) -> Any:
        """An argument of a step: places, plain numbers and names."""
        import torch

        if is_node(argument):
            if argument in self._bound:
                return self._bound[argument]
            return self._constant(argument)
        if isinstance(argument, (list, tuple)):
            return tuple(self._given(a) for a in argument) if isinstance(argument, tuple) else [
                self._given(a) for a in argument
            ]  # fmt: skip
        if isinstance(argument, Mapping):
            return {key: self._given(a) for key, a in argument.items()}
        if isinstance(argument, slice):
            return slice(*(self._given(a) for a in (argument.start, argument.stop, argument.step)))
        if isinstance(argument, torch.dtype):
            return str(argument)[6:]
        if isinstance(argument, (torch.device, torch.memory_format, torch.layout)):
            return None
        return argument

    def _constant(self, node: Any) -> Any:
        held: Any = self._known.get(node)
        if not hasattr(held, "detach"):
            return held
        key = (node, held._version)
        if key not in self._kept:
            name = f"{'evaluating' if self.literal else 'training'} {len(self.constants)}"
            dtype = dtype_of(held)
            if dtype not in _DTYPES:
                self.problems.append(f"a constant of {dtype}")
                dtype, held = "float32", held.float()
            array = held.detach().numpy()
            array = array.astype(np.int64) if dtype in ("int32", "int16", "int8") else np.array(array)
            self.constants[name] = array
            place = self._place()
            self.sources.append(Source("constant", name, place, dtype))
            self._kept[key] = Ref(place)
        return self._kept[key]

    def _result(self, node: Any) -> Any:
        from torch.utils._pytree import tree_unflatten

        kinds = self.program.graph_signature.output_specs
        found = [
            self._given(value)
            for value, spec in zip(node.args[0], kinds, strict=True)
            if spec.kind.name == "USER_OUTPUT"
        ]
        return _plain(tree_unflatten(found, self.program.call_spec.out_spec))

    def _problem(self, node: Any, target: str, why: str = "") -> None:
        told = f"{target} ({why})" if why else target
        self.problems.append(described(told, owner_of(node), line_of(node)))
        # so that what follows is looked at as well
        self._bound[node] = Ref(0)


def _plain(made: Any) -> Any:
    """Outputs as tuples, lists and dicts, whatever classes they are of."""
    if isinstance(made, Ref) or made is None:
        return made
    if isinstance(made, Mapping):
        return {key: _plain(value) for key, value in made.items()}
    if isinstance(made, tuple):
        return tuple(_plain(value) for value in made)
    return [_plain(value) for value in made] if isinstance(made, list) else made


def _with_ends(steps: list[Step], results: Any) -> tuple[Step, ...]:
    """With what is read for the last time in each step."""
    kept = references(results)
    done: list[Step] = []
    for step in reversed(steps):
        read = (references(step.arguments) | references(step.options) | {step.place}) - kept
        kept |= read
        done.append(replace(step, last=tuple(sorted(read))))
    return tuple(reversed(done))
