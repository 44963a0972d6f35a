"""A lowered net: a module of plain operations over ``[batch, T, ...]``, the same on the CPU and through PopTorch."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Callable, ContextManager, Iterable

import torch
from torch import Tensor, nn

from snn_ipu.program.operations import DTYPES, run
from snn_ipu.program.spiking import spike

__all__ = ["Graph", "output_names", "structured"]

_Op = Callable[..., Tensor]
_Stage = Callable[[str], ContextManager[Any]]


class Graph(nn.Module):
    """A net as a static graph of primitives, with every time step written out.

    Layers see all steps at once, folded into the batch; neurons run step by step.

    Args:
        description: The content of a bundle's ``program.json``.
        weights: The tensors that the description names.

    Shape:
        input ``[batch, T, ...]``, or ``[batch, ...]`` in [0, 1] with rate coding; outputs ``[batch, T, ...]``, in the
        structure that the net returned.

    Raises:
        ValueError: In a call, if the T or the axes of the input do not fit the program.

    Example:
        >>> import snn_core as snn
        >>> from snn_ipu import lower
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> graph = lower(net, torch.rand(5, 4, 3)).graph
        >>> graph(torch.rand(4, 5, 3)).shape
        torch.Size([4, 5, 2])
    """

    def __init__(self, description: dict[str, Any], weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.description = description
        self.net: nn.Module = nn.Module()
        for name, details in description["weights"].items():
            self._place(name, weights[name], details["learned"])

    def forward(self, x: Tensor, op: _Op | None = None, stage: _Stage = nullcontext) -> Any:
        return structured(self.description["output"], self.flat(x, op, stage))

    def flat(self, x: Tensor, op: _Op | None = None, stage: _Stage = nullcontext) -> list[Tensor]:
        """Return the outputs ``[batch, T, ...]`` as a list, in the order of the structure.

        Args:
            x: The input.
            op: A compiled operator for surrogates in closed form, as for ``spike``.
            stage: Function that returns the context of a node, given its path.
        """
        description, steps = self.description["input"], self.description["input"]["num_steps"]
        self.must_fit(x)
        if description["encoding"] == "rate":
            x = torch.bernoulli(x.unsqueeze(1).expand(-1, steps, *x.shape[1:]))
        batch = x.shape[0]
        weights = self.weights(x.dtype)
        env: dict[str, Any] = {"training": self.training, "x": x.flatten(0, 1), **weights}
        for node in self.description["nodes"]:
            with stage(node["path"]):
                if node["kind"] == "neuron":
                    self._neuron(node, env, batch, steps, op)
                else:
                    run([node], env, batch * steps, x.dtype)
        outs = [env[name] for name in output_names(self.description["output"])]
        return [out.reshape(batch, steps, *out.shape[1:]) for out in outs]

    def must_fit(self, x: Tensor) -> None:
        """Check that input has the shape for which the program was made."""
        description = self.description["input"]
        steps = [] if description["encoding"] == "rate" else [description["num_steps"]]
        expected = [*steps, *description["shape"]]
        if list(x.shape[1:]) != expected:
            rule = "IPU010: " if steps and x.dim() > 1 and list(x.shape[2:]) == description["shape"] else ""
            raise ValueError(
                f"{rule}the program was made for input [batch, {', '.join(map(str, expected))}], got {list(x.shape)}; "
                "export the net again with an example of this length and shape, batch axis second"
            )

    def _neuron(self, node: dict[str, Any], env: dict[str, Any], batch: int, steps: int, op: _Op | None) -> None:
        xs = env[node["input"]]
        xs = xs.reshape(batch, steps, *xs.shape[1:])

        def fire(u: Tensor, surrogate: dict[str, Any]) -> Tensor:
            return spike(u, surrogate, batch, op)

        scope = dict(env)
        run(node["once"], scope, batch, xs.dtype, fire)
        states = [xs.new_zeros((batch, *node["state_shape"])) for _ in node["states"]]
        traces: list[list[Tensor]] = [[] for _ in node["results"]]
        for t in range(steps):
            now = {**scope, "in": xs[:, t], **{f"s{i}": state for i, state in enumerate(states)}}
            run(node["step"], now, batch, xs.dtype, fire)
            states = [now[name] for name in node["states"]]
            for trace, name in zip(traces, node["results"]):
                trace.append(now[name])
        for name, trace in zip(node["outs"], traces):
            env[name] = torch.stack(trace, 1).flatten(0, 1)

    def _place(self, name: str, value: Tensor, learned: bool) -> None:
        *path, last = name.split(".")
        owner: nn.Module = self.net
        for part in path:
            if part not in owner._modules:
                owner.add_module(part, nn.Module())
            owner = owner._modules[part]  # type: ignore[assignment]
        if learned:
            owner.register_parameter(last, nn.Parameter(value.clone()))
        else:
            owner.register_buffer(last, value.clone())

    def weights(self, dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
        """Return the tensors of the net, under the names that its operations use.

        Args:
            dtype: Dtype of the input; unless it is float16, weights that a device has in float16 are converted back.
        """
        described = self.description["weights"]
        tensors = dict((*self.net.named_parameters(), *self.net.named_buffers()))
        if dtype != torch.float16:
            halved = [name for name, t in tensors.items() if t.dtype == torch.float16]
            tensors.update({name: tensors[name].to(DTYPES[described[name]["dtype"]]) for name in halved})
        return {f"w:{name}": t for name, t in tensors.items()}


def output_names(structure: dict[str, Any]) -> list[str]:
    """Return the names of the tensors in a structure of outputs, in order.

    Args:
        structure: ``{"v": name}``, or ``"tuple"``, ``"list"`` or ``"dict"`` of structures.

    Example:
        >>> output_names({"tuple": [{"v": "spk"}, {"dict": {"membrane": {"v": "mem"}}}]})
        ['spk', 'mem']
    """
    ((kind, content),) = structure.items()
    if kind == "v":
        return [content]
    parts = content.values() if kind == "dict" else content
    return [name for part in parts for name in output_names(part)]


def structured(structure: dict[str, Any], flat: Iterable[Tensor]) -> Any:
    """Return tensors in a structure of outputs.

    Example:
        >>> structured({"tuple": [{"v": "spk"}, {"v": "mem"}]}, [torch.zeros(1), torch.ones(1)])
        (tensor([0.]), tensor([1.]))
    """
    rest = iter(flat)  # an iterator stays the same, so that each part takes those that follow
    ((kind, content),) = structure.items()
    if kind == "v":
        return next(rest)
    if kind == "dict":
        return {key: structured(part, rest) for key, part in content.items()}
    parts = [structured(part, rest) for part in content]
    return tuple(parts) if kind == "tuple" else parts
