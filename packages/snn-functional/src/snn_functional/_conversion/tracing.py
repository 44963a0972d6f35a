"""An ordinary network as a graph of layers that a conversion knows.

``torch.fx`` traces it rather than the recorder of ``unroll``: a graph can be rewritten and becomes a module again, with
the paths of its layers, which can be copied, pickled, unrolled and exported. A record cannot become a module again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from snn_core.neuron import Temporal
from snn_functional._messages import fault, must
from snn_functional._replica import check_net, replica

WEIGHTED: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv1d, nn.Conv2d)
NORMS: tuple[type[nn.Module], ...] = (nn.BatchNorm1d, nn.BatchNorm2d)
MAX_POOLS: tuple[type[nn.Module], ...] = (nn.MaxPool1d, nn.MaxPool2d)
DROPOUTS: tuple[type[nn.Module], ...] = (nn.Dropout, nn.Dropout1d, nn.Dropout2d)
_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)
_PASSED = (*_POOLS, *DROPOUTS, nn.Flatten, nn.Unflatten, nn.Identity)
_ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
_FUNCTIONS = {
    *(operator.getitem, torch.cat, torch.flatten, torch.reshape, torch.mean),
    *(F.avg_pool1d, F.avg_pool2d, F.adaptive_avg_pool1d, F.adaptive_avg_pool2d),
    *("contiguous", "flatten", "mean", "reshape", "view"),
}
_RELUS = (F.relu, torch.relu, torch.relu_, "relu", "relu_")
_MODULE_OF = {F.max_pool1d: nn.MaxPool1d, F.max_pool2d: nn.MaxPool2d}
_OUT_OF_PLACE = {operator.iadd: operator.add, "add_": "add"}
_KNOWN = (
    "it knows Linear, Conv1d, Conv2d, BatchNorm1d, BatchNorm2d, ReLU, QCFS, max and average pooling, Dropout, "
    "Flatten, sums and concatenations of layers, and changes of shape"
)


class Clipped(nn.Module):
    """An activation that knows the threshold of the neuron that it becomes."""

    threshold: nn.Parameter


class _Tracer(fx.Tracer):
    """A tracer that treats our activations and neurons as layers, like those of torch."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return super().is_leaf_module(m, module_qualified_name) or isinstance(m, Clipped | Temporal)


def is_activation(module: nn.Module) -> bool:
    """Return True for a module that becomes a neuron."""
    return type(module) is nn.ReLU or isinstance(module, Clipped)


def activations_of(graph: fx.GraphModule) -> dict[str, nn.Module]:
    """Return the activations of a graph by path, in the order in which they are called."""
    paths = [str(node.target) for node in graph.graph.nodes if node.op == "call_module"]
    modules = {path: graph.get_submodule(path) for path in paths}
    return {path: module for path, module in modules.items() if is_activation(module)}


def traced(net: Any, samples: Tensor, by: str, settle: bool = True) -> fx.GraphModule:
    """Trace a copy of a net in evaluation mode; each layer that is called has a module of its own.

    ``by`` names the caller in messages; with ``settle``, weights that torch computes before each call become
    parameters.
    """
    check_net(net)
    twin = replica(net, by).eval()
    if settle:
        _settle(twin)
    tracer = _Tracer()
    if tracer.is_leaf_module(twin, ""):
        twin = nn.Sequential(twin)
    name = f"net is a {type(net).__name__}"
    try:
        graph = fx.GraphModule(twin, tracer.trace(twin), type(net).__name__)
    except Exception as error:  # forward may raise anything when it reads values that tracing does not have
        raise ValueError(
            fault(
                f"{name} whose forward cannot be traced: {error}",
                "call the same layers whatever the input is, without conditions on values and with x.size(0) instead "
                "of len(x)",
            )
        ) from error
    _rewrite(graph)
    problem: ValueError | None = None
    try:
        _run(graph, twin, samples[:1], name)
    except ValueError as error:
        problem = error
    unknown = dict.fromkeys(_unknown(graph))  # these may be why it does not run
    if unknown:
        raise ValueError(fault(f"{name} with {', '.join(unknown)}, which {by} does not know; {_KNOWN}")) from problem
    if problem is not None:
        raise problem
    return graph


def _settle(net: nn.Module) -> None:
    """Turn weights that torch computes, those of pruning, norms and parametrizations, into parameters."""
    for module in net.modules():
        kind = parametrize.type_before_parametrizations(module)
        if kind in (*WEIGHTED, *NORMS) and (module._forward_pre_hooks or type(module) is not kind):
            _settle_layer(module, kind)


def _settle_layer(layer: Any, kind: type[nn.Module]) -> None:
    # torch's functions would overwrite parameters that another layer may share, and change the class of all copies
    for hook in layer._forward_pre_hooks.values():
        hook(layer, ())  # sets a weight, as before each call
    plain = nn.Module().eval()
    for name in ("weight", "bias"):
        value = getattr(layer, name)
        own = (p for key, p in layer.named_parameters() if key.removeprefix("parametrizations.").startswith(name))
        learns = any(p.requires_grad for p in own)
        plain.register_parameter(name, None if value is None else nn.Parameter(value.detach().clone(), learns))
    for key, value in vars(layer).items():
        if key not in vars(plain) and key not in ("weight", "bias"):
            setattr(plain, key, value)
    for key, buffer in layer._buffers.items():
        if not key.startswith(("weight_", "bias_")):  # what a weight is computed from
            plain.register_buffer(key, buffer)
    layer.__class__, layer.__dict__ = kind, vars(plain)


def _rewrite(graph: fx.GraphModule) -> None:
    """Turn functions into modules where possible, give each call its own module, and replace in-place additions."""
    called: set[str] = set()
    for node in graph.graph.nodes:
        kind = node.op if node.op in ("call_function", "call_method") else ""
        if node.op == "call_module":
            module = graph.get_submodule(node.target)
            if not node.args and len(node.kwargs) == 1:
                node.args, node.kwargs = (*node.kwargs.values(),), {}
            if node.target in called:
                node.target = _free(graph, node.target)
                graph.add_submodule(node.target, replica(module, "from_ann"))
            if type(module) is nn.ReLU:
                graph.set_submodule(node.target, nn.ReLU())
            called.add(node.target)
        elif kind and node.target in _RELUS:
            _call_module(graph, node, "relu", nn.ReLU())
        elif kind and node.target is F.dropout:
            p = node.kwargs.get("p", node.args[1] if len(node.args) > 1 else 0.5)
            _call_module(graph, node, "dropout", nn.Dropout(p).eval())
        elif kind and node.target in _MODULE_OF:
            options = {name: v for name, v in node.kwargs.items() if name not in ("input", "return_indices")}
            _call_module(graph, node, "max_pool", _MODULE_OF[node.target](*node.args[1:], **options))
        elif kind and node.target in _OUT_OF_PLACE:
            node.target = _OUT_OF_PLACE[node.target]
    renew(graph)


def renew(graph: fx.GraphModule) -> None:
    """Recompile a graph that was changed, after removing the modules that it does not call."""
    graph.delete_all_unused_submodules()
    graph.graph.lint()
    graph.recompile()


def _call_module(graph: fx.GraphModule, node: fx.Node, name: str, module: nn.Module) -> None:
    name = name if not hasattr(graph, name) else _free(graph, name)
    graph.add_submodule(name, module)
    source = node.args[0] if node.args else node.kwargs["input"]
    node.op, node.target, node.args, node.kwargs = "call_module", name, (source,), {}


def _free(graph: fx.GraphModule, path: str) -> str:
    """Return a path like this one at which there is no module yet."""
    paths = dict(graph.named_modules(remove_duplicate=False))
    return next(f"{path}_{n}" for n in range(1, len(paths) + 2) if f"{path}_{n}" not in paths)


class _Values(fx.Interpreter):
    """An interpreter that stores how many axes each node's tensor has; None for other values."""

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        n.meta["axes"] = value.dim() if isinstance(value, Tensor) else None
        return value


def _run(graph: fx.GraphModule, net: nn.Module, x: Tensor, name: str) -> None:
    """Run a graph, check that it returns the same as its net, and store the axes of each signal."""
    if sum(node.op == "placeholder" for node in graph.graph.nodes) != 1:
        raise ValueError(must("net", "have one input", f"a {type(net).__name__} whose forward takes several"))
    with torch.no_grad():
        try:
            expected = net(x)
        except Exception as error:  # a layer may raise anything at another shape, dtype or device
            raise ValueError(fault(f"{name} that cannot take data, {[*x.shape[1:]]} of {x.dtype}: {error}")) from error
        if not isinstance(expected, Tensor) or expected.dim() < 2 or len(expected) != 1:
            what = f"a tensor {[*expected.shape]}" if isinstance(expected, Tensor) else f"a {type(expected).__name__}"
            raise ValueError(must("net", "return one tensor [samples, ...]", f"{what} for one sample"))
        out = _Values(graph).run(x)
    if not torch.allclose(out, expected, 1e-4, 1e-5, equal_nan=True):
        raise ValueError(
            fault(
                f"{name} whose traced layers give another output",
                "let it neither draw random numbers in evaluation mode nor overwrite what it still uses",
            )
        )


def _unknown(graph: fx.GraphModule) -> Iterator[str]:
    """Yield the names of everything that a conversion does not know, each layer by path and class."""
    known = {*WEIGHTED, *NORMS, *MAX_POOLS, *_PASSED}
    for node in graph.graph.nodes:
        if node.op == "call_module":
            module = graph.get_submodule(node.target)
            kind = parametrize.type_before_parametrizations(module)
            if kind not in known and not is_activation(module):
                yield f"'{node.target}' ({kind.__name__})"
            elif isinstance(module, NORMS) and module.running_mean is None:
                yield f"'{node.target}' ({type(module).__name__} without running statistics)"
            elif isinstance(module, MAX_POOLS) and module.return_indices:
                yield f"'{node.target}' ({type(module).__name__} with return_indices)"
        elif node.op == "get_attr":
            yield f"the tensor '{node.target}'"
        elif node.op not in ("placeholder", "output") and node.meta.get("axes") is not None and not _is_known(node):
            yield f"the function '{_name(node.target)}'"


def _is_known(node: fx.Node) -> bool:
    if node.target in _ADDITIONS:
        added = (*node.args, *node.kwargs.values())
        return len(added) == 2 and all(isinstance(item, fx.Node) and item.meta["axes"] is not None for item in added)
    return node.target in _FUNCTIONS


def _name(target: str | Callable[..., Any]) -> str:
    return target if isinstance(target, str) else getattr(target, "__name__", str(target))
