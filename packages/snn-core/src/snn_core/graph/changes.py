"""Changes of a recorded step besides states: values, buffers and random numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.effects.contents import version_of
from snn_core.effects.fingerprint import Fingerprint
from snn_core.effects.random_states import RandomStates, same_state
from snn_core.effects.reads import READS, name_of
from snn_core.graph.calls import in_place_of
from snn_core.graph.draws import generator_states, may_draw
from snn_core.graph.node import Node
from snn_core.graph.observed import Observed
from snn_core.graph.rules import is_known, way_of
from snn_core.graph.steps import NotSampleWise
from snn_core.neuron.temporal import Temporal


class Changes:
    """The values and buffers that recorded calls overwrite and the random numbers that they draw, as they were before.

    Args:
        net: The net.
        buffers: Its buffers, with their paths.
        values: The values of the step.
        fingerprint: What the code of the net reached before the step; None if it is not looked at.
    """

    def __init__(
        self,
        net: nn.Module,
        buffers: Sequence[tuple[str, Tensor]],
        values: Observed,
        fingerprint: Fingerprint | None,
    ) -> None:
        self._net, self._values, self._fingerprint = net, values, fingerprint
        self._with_grad = torch.is_grad_enabled()
        self._paths = {id(buffer): path for path, buffer in reversed(buffers)}
        self._before: dict[str, tuple[Tensor, Tensor]] = {}  # buffers by path, with a copy
        self._awaited: set[str] = set()  # those of the next call
        self._numbers: RandomStates | None = None  # before the first call that may have drawn
        self._expected: RandomStates | None = None  # after the last call that drew
        self._drew = self._moved = False
        self._states: list[Tensor] = []  # of torch's generators before the present call, if it may draw
        self._counting: Any = None  # the batch norm layer that has just counted a batch

    def before(self, node: Node) -> None:
        """Look at a call that is about to be made, and keep what it will overwrite.

        Raises:
            NotSampleWise: If it overwrites what others than the calls of this step may see.
        """
        self._states = self._before_drawing(node.tensors) if may_draw(node.func) else []
        node.twin = self._twin(node)
        if node.twin is not None or not is_known(node.func):
            node.versions = list(map(version_of, node.tensors))

    def after(self, node: Node) -> None:
        """Look at a call that is over."""
        node.draws = bool(self._states) and self._has_drawn(node.tensors)
        before = zip(node.tensors, node.versions, strict=False)
        node.written = [tensor for tensor, version in before if version_of(tensor) != version]

    def _twin(self, node: Node) -> Any:
        """Return the function that computes the same without overwriting a tensor, which must belong to this step.

        None if the call overwrites nothing, or a buffer of the net.
        """
        if node.func in _NORMALIZING and (node.kwargs.get("training") or node.kwargs.get("use_input_stats")):
            for tensor in (tensor for tensor in node.tensors if id(tensor) in self._paths):
                self._expect(tensor)
            return None
        function = in_place_of(node.func, node.args, node.kwargs)
        if function is None:
            return None
        tensor = node.args[0] if node.kwargs.get("out") is None else node.kwargs["out"]
        if self._values.is_named(tensor):
            self._expect(tensor)
            return None
        # without gradients, the tensor keeps its place in the graph, which another one would not have
        if tensor is not node.args[0] or (tensor.requires_grad and node.grad != self._with_grad):
            raise NotSampleWise(f"'{name_of(node.func)}' overwrites a tensor")
        self._values.overwrite(tensor, name_of(node.func))
        return function

    def _expect(self, tensor: Tensor) -> None:
        """Keep a copy of a buffer that a call is about to overwrite.

        Raises:
            NotSampleWise: If it is a parameter, or belongs to a neuron.
        """
        path = self._paths.get(id(tensor))
        if path in self._before:
            self._awaited.add(path)
            return
        if path is None:
            path = next(path for path, parameter in self._net.named_parameters() if parameter is tensor)
            raise NotSampleWise(f"forward changes the parameter {path!r} while it runs")
        owners = path.split(".")[:-1]
        if any(isinstance(self._net.get_submodule(".".join(owners[:n])), Temporal) for n in range(len(owners) + 1)):
            raise NotSampleWise(f"forward changes the buffer {path!r} while it runs")
        self._awaited.add(path)
        self._before.setdefault(path, (tensor, tensor.clone()))

    def expected(self, written: Iterable[Tensor]) -> frozenset[str]:
        """Return the paths of the buffers that the call since then has overwritten, and forget them.

        Args:
            written: The arguments whose versions say that they were; batch norm overwrites its statistics unseen.

        Raises:
            NotSampleWise: If another buffer was overwritten.
        """
        changed, self._awaited = frozenset(self._awaited), set()
        for path in {self._paths[id(tensor)] for tensor in written if id(tensor) in self._paths} - changed:
            raise NotSampleWise(f"forward changes the buffer {path!r} while it runs")
        return changed

    def counts_a_batch(self, func: Any, args: tuple[Any, ...]) -> bool:
        """Return True for what a batch norm layer calls in training before it normalizes."""
        if self._counting is not None:
            return name_of(func) in READS and args[0] is self._counting.num_batches_tracked
        owner, _, name = self._paths.get(id(args[0]) if args else 0, "").rpartition(".")
        if func is not Tensor.add_ or name != "num_batches_tracked":
            return False
        module: Any = self._net.get_submodule(owner)
        if way_of(module) != "sequence" or "forward" in vars(module) or not module.track_running_stats:
            return False
        self._counting = module
        for buffer in module.buffers(recurse=False):
            self._expect(buffer)
        return True

    def normalized_by(self, call: Node) -> Any:
        """Return the batch norm layer that calls a function to normalize; None for any other call.

        Raises:
            NotSampleWise: If a layer has counted a batch, and does something else with it.
        """
        module, self._counting = self._counting, None
        if module is None:
            return None
        names = ("running_mean", "running_var", "weight", "bias")
        same = call.func is F.batch_norm and call.argument(5, "training") is True
        same = same and all(call.argument(n, name) is getattr(module, name) for n, name in enumerate(names, 1))
        momentum = call.argument(6, "momentum")
        if not same or call.argument(7, "eps") != module.eps or momentum != (module.momentum or momentum):
            raise NotSampleWise("forward changes the buffer 'num_batches_tracked' while it runs")
        return module

    def _before_drawing(self, tensors: list[Tensor]) -> list[Tensor]:
        """Return the states of torch's generators before a call that may draw random numbers."""
        if self._numbers is None:
            self._numbers = RandomStates()
        if self._fingerprint is not None:  # something else may have drawn
            self._moved |= self._fingerprint.has_drawn(self._expected)
        return generator_states(tensors)

    def _has_drawn(self, tensors: list[Tensor]) -> bool:
        """Return True if the present call has drawn numbers from torch's generators."""
        if all(map(same_state, self._states, generator_states(tensors))):
            return False
        self._drew = True
        if self._fingerprint is not None:
            self._expected = RandomStates()
        return True

    def others(self) -> str:
        """Describe a change that no recorded call has made; an empty string if there is none."""
        if self._fingerprint is None:
            return ""
        names = {f"the buffer {path!r}" for path in self._before}
        changed = self._fingerprint.change(but=names, drawn=self._expected)
        return changed or ("draws random numbers" if self._moved else "")

    def undo(self) -> None:
        """Take back the changes of the recorded calls."""
        for buffer, before in self._before.values():
            buffer.data.copy_(before)  # as batch norm changes it: a graph that has saved the buffer does not see it
        if self._drew and self._numbers is not None:
            self._numbers.restore()


_NORMALIZING = (F.batch_norm, F.instance_norm)
