"""Modules that take a whole sequence at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor
from torch.utils._pytree import tree_map

from snn_core.neuron.hints import OUTPUT, must_not_pass_on
from snn_core.neuron.temporal import Temporal, as_floating, watched


class WholeSequence(Temporal):
    """A module that takes a whole sequence ``[T, batch, features]`` per call, time first, instead of one step."""

    keeps_by_sample: ClassVar[bool] = True
    may_run_on: ClassVar[bool] = True
    mixes_samples: ClassVar[bool] = False  # True if a sample's outputs depend on others, so that it defines of_rows

    sequence: Callable[..., Any]
    """A method that every subclass defines: it returns the outputs ``[T, batch, ...]`` of ``[T, batch, features]``."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the values that a call returns, in order; ``"spk"`` for spikes."""
        return ("spk",)

    @property
    def may_be_cut(self) -> bool:
        """True while each step can be computed without the others."""
        return False

    @property
    def instead(self) -> str:
        """A remedy where the sequence has to be cut."""
        return "use Leaky(reset_mechanism='none') for a leaky membrane that can"

    @watched
    def forward(self, input_: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Run a whole sequence from rest.

        Args:
            input_: ``[T, batch, features]``.
            *args: Further arguments of the class.
            **kwargs: The same, by name.

        Returns:
            The outputs of the class, time first.

        Raises:
            ValueError: If the input does not have three axes, or has no time step.
            TypeError: If an ``nn.Sequential`` would pass the tuple that ``output=True`` returns to a layer that does
                not take one.
        """
        if len(self.output_names) > 1:
            must_not_pass_on(self, *OUTPUT)
        name = type(self).__name__
        xs = as_floating(input_, name)
        if xs.dim() != 3 or xs.shape[0] == 0:
            raise ValueError(f"{name} takes a whole sequence [T, batch, features], T >= 1, got {tuple(xs.shape)}")
        return self.sequence(xs, *args, **kwargs)

    def of_rows(self, rows: Tensor, running: tuple[int, ...]) -> Any:
        """Return the outputs for the rows of the samples that run, step after step; ``running`` are their numbers."""
        raise NotImplementedError(f"{type(self).__name__} must define of_rows(self, rows, running)")

    def of_one_step(self, compute: Callable[..., Any], x: Tensor) -> Any:
        """Return outputs for one step, by a method of the class for sequences; nothing changes.

        They show what the layers behind get. Their values matter only if the sequence may be cut.
        """
        return tree_map(lambda out: out[0], compute(self, x.unsqueeze(0)))

    def run_steps(self, xs: Tensor, kept: Any, trace: bool = False) -> tuple[Any, None]:
        return self.sequence(as_floating(xs, type(self).__name__)), None
