"""A net that takes time steps one after another as they arrive, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations
from torch.utils._pytree import tree_map_only

from snn_core.effects.separation import apart
from snn_core.files.manifest import device_of, opened, sealed
from snn_core.graph.watching import Watch
from snn_core.neuron.hints import point_out
from snn_core.neuron.kept import as_kept, as_tensors, temporal_by_path
from snn_core.neuron.own_forward import NoState
from snn_core.neuron.turns import Holding
from snn_core.neuron.whole_sequence import WholeSequence


def stream(net: nn.Module) -> Stream:
    """Run a net one time step at a time, as the input arrives.

    The outputs equal those of a loop over ``net(xs[t])`` from rest, without a graph and in memory that does not grow.
    The state belongs to the stream: several streams may run through one net at once, and the states kept in the net
    itself do not change.

    Args:
        net: A net called with one step's input; its neurons keep their state (``init_hidden=True``).

    Returns:
        The stream, at rest.

    Raises:
        TypeError: If ``net`` is not a module.
        ValueError: If one of its modules takes whole sequences, draws the windows of its pooling at random, or
            is in training mode and would draw random numbers or change its statistics.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> one, other = stream(net), stream(net)
        >>> for x in torch.rand(100, 1, 3):
        ...     spk = one(x)
        >>> spk.shape, one.state_dict()["1.mem"].shape, other.state_dict()
        (torch.Size([1, 2]), torch.Size([1, 2]), {})
    """
    return Stream(net)


class Stream:
    """A net on its way through a sequence; :func:`stream` documents it.

    Args:
        net: The net.

    Example:
        >>> import snn_core as snn
        >>> run = Stream(snn.Leaky(beta=0.5, init_hidden=True))
        >>> [run(torch.tensor([0.75])).item() for _ in range(3)]
        [0.0, 1.0, 0.0]
    """

    def __init__(self, net: nn.Module) -> None:
        _check(net)
        self._net = net
        self._modules = temporal_by_path(net)
        self._kept: dict[str, Any] = dict.fromkeys(self._modules)
        self._takes: tuple[torch.Size, torch.dtype, torch.device] | None = None
        self._watch = Watch(net)

    def __call__(self, x: Tensor) -> Any:
        """Run one time step.

        Args:
            x: Input of the step, ``[batch, ...]``.

        Returns:
            The output of ``net(x)``, made in inference mode; call ``.clone()`` on it for use with autograd.

        Raises:
            TypeError: If ``x`` is not a tensor.
            ValueError: If its shape, dtype or device differs from that of the step before. The stream then stays where
                it was, as after any error.
        """
        if not isinstance(x, Tensor):
            raise TypeError(f"a stream takes one step's tensor, got {type(x).__name__}; wrap it: torch.as_tensor(x)")
        takes = x.shape, x.dtype, x.device
        if self._takes is not None and self._takes != takes:
            shape, dtype, device = self._takes
            whole = "; a sequence [T, batch, ...] is passed step by step" if x.shape[1:] == shape else ""
            raise ValueError(
                f"this stream takes steps of shape {tuple(shape)} ({dtype}, {device}), got {tuple(x.shape)} "
                f"({x.dtype}, {x.device}); call reset() to begin a new one, or make a stream for each batch{whole}"
            )
        states = {module: self._kept[path] for path, module in self._modules.items()}
        with torch.inference_mode():
            try:
                with Holding(states) as after, self._watch.watching():
                    out = self._net(x)
                out, after = apart(out, after, x)
            except (TypeError, RuntimeError) as error:
                point_out(error, self._net, x.unsqueeze(0))
                raise
        self._kept = {path: after[module] for path, module in self._modules.items()}
        self._takes = takes
        return out

    def reset(self) -> None:
        """Go back to rest; the next step may have another batch."""
        self._kept, self._takes = dict.fromkeys(self._modules), None

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of the states by name, such as ``"1.mem"``, of all neurons that have run a step."""
        return {name: tensor.clone() for name, tensor in as_tensors(self._kept).items()}

    def load_state_dict(self, states: Mapping[str, Tensor]) -> None:
        """Continue from states that :meth:`state_dict` returned for a stream through the same net or one like it.

        Args:
            states: The states by name.

        Raises:
            ValueError: If a name is unknown or missing; the message lists every one.
            TypeError: If a state is not a tensor.
        """
        wrong = [name for name, value in states.items() if not isinstance(value, Tensor)]
        if wrong:
            raise TypeError(f"states must be tensors; not tensors: {', '.join(map(repr, wrong))}")
        self._kept = tree_map_only(Tensor, lambda tensor: tensor.detach().clone(), as_kept(self._net, states))
        self._takes = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the states to a file in the format of safetensors, completely or not at all.

        Args:
            path: The file; an existing file is replaced.

        Raises:
            OSError: If it cannot be written.
        """
        sealed(path, "stream", self.state_dict(), {"classes": _names(self._net)})

    def load(self, path: str | os.PathLike[str]) -> None:
        """Continue from where :meth:`save` was called, bit for bit, given a net with the same weights.

        Args:
            path: The file.

        Raises:
            ValueError: If the file is damaged, or belongs to a stream through another net.
            OSError: If it cannot be read.
        """
        states, manifest = opened(path, "stream")
        if manifest.get("classes") != _names(self._net):
            raise ValueError(
                f"{path} belongs to a stream through a net of {manifest.get('classes')!r:.200}, but this net has "
                f"{_names(self._net)}"
            )
        try:
            self.load_state_dict({name: tensor.to(device_of(self._net)) for name, tensor in states.items()})
        except ValueError as error:
            raise ValueError(f"{path} contains {error}") from None


def _names(net: nn.Module) -> dict[str, str]:
    """Return the class names of modules with a state, without the Python module, which differs in the main program."""
    return {path: type_before_parametrizations(m).__name__ for path, m in temporal_by_path(net).items()}


def _check(net: Any) -> None:
    if not isinstance(net, nn.Module):
        raise TypeError(f"stream takes a net (nn.Module), got {type(net).__name__}")
    for path, module in net.named_modules():
        if isinstance(module, WholeSequence) and not module.may_be_cut:
            raise ValueError(
                f"stream: {path!r} ({type(module).__name__}) takes the whole sequence at once and cannot go step by "
                f"step; {module.instead}"
            )
        if getattr(module, "State", None) is NoState:
            raise ValueError(
                f"stream: {path!r} ({type(module).__name__}) keeps its states in attributes, which all streams through "
                "the net would share; declare its State and write integrate"
            )
        if isinstance(module, nn.FractionalMaxPool2d | nn.FractionalMaxPool3d) and module._random_samples is None:
            raise ValueError(
                f"stream: {path!r} ({type(module).__name__}) draws its windows at random; use "
                f"{type(module).__name__.replace('Fractional', 'Adaptive')}, whose windows are always the same"
            )
        if module.training and changes_or_draws(module):
            raise ValueError(
                f"stream: {path!r} ({type(module).__name__}) is in training mode, where it changes the net or draws "
                "random numbers; call net.eval()"
            )


DROPOUTS = nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout


def is_normalization(module: nn.Module) -> bool:
    """Return True for a layer that may follow the statistics of its input: batch and instance normalizations."""
    return hasattr(module, "track_running_stats")


def changes_or_draws(module: nn.Module) -> bool:
    """Return True if a module in training mode changes its statistics or draws random numbers."""
    if isinstance(module, nn.RNNBase):
        return module.dropout > 0 and module.num_layers > 1  # it is between layers
    if isinstance(module, nn.MultiheadAttention):
        return module.dropout > 0
    return is_normalization(module) or isinstance(module, (*DROPOUTS, nn.RReLU))
