"""Labels as rate-coded targets: the neuron of the right class fires at one rate, the others at another."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_spikegen._arguments import finite, first_step, share, source, whole_number
from snn_spikegen._data import floating_dtype
from snn_spikegen._messages import fault, must
from snn_spikegen.one_hot import labels
from snn_spikegen.rate_interpolate import rate_interpolate
from snn_spikegen.target_rate_code import known_pattern, target_rate_code


def targets_rate(
    targets: Tensor,
    num_classes: int,
    num_steps: int = False,
    first_spike_time: int = 0,
    correct_rate: float = 1,
    incorrect_rate: float = 0,
    on_target: float = 1,
    off_target: float = 0,
    firing_pattern: str = "regular",
    interpolate: bool = False,
    epsilon: float = 1e-7,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Return targets in which the neuron of the label fires at one rate and every other neuron at another.

    .. math:: Y[t, b, c] = \text{on if } S_{c = y_b}[t] \text{ else off}

    with the train S of ``target_rate_code`` at the correct rate where c is the label, and at the incorrect rate
    elsewhere. There is one train for each of the two rates, shared by the whole batch.

    With ``correct_rate=1``, ``incorrect_rate=0`` and ``first_spike_time=0`` every step is the same, and the result has
    no time axis, whether or not ``num_steps`` is given.

    Args:
        targets: Labels ``[*shape]``, commonly ``[B]``, whole numbers in [0, num_classes - 1] of any real dtype.
        num_classes: Number of classes C.
        num_steps: Number of steps T; needed for a result with a time axis.
        first_spike_time: Step f, the earliest that may fire.
        correct_rate: Share of the steps from f on in which the neuron of the label fires, in [0, 1].
        incorrect_rate: The same for the other neurons, no larger than ``correct_rate``.
        on_target: Value at a spike.
        off_target: Value elsewhere.
        firing_pattern: ``"regular"``, ``"uniform"`` or ``"poisson"``, as in ``target_rate_code``.
        interpolate: Whether the value rises linearly up to each spike, as in ``rate_interpolate``.
        epsilon: Has no effect, as in ``rate_interpolate``.
        generator: Source of randomness, on any device; the global one of the CPU by default. The train of the correct
            rate is drawn first.

    Returns:
        Targets ``[num_steps, *shape, num_classes]``, or ``[*shape, num_classes]`` (see above), in the default dtype;
        labels in a floating dtype keep it.

    Raises:
        TypeError: If ``targets`` is not a real tensor, a number of steps or classes not an int, a rate or target not a
            number, ``firing_pattern`` not a string, or ``generator`` not a generator.
        ValueError: If a label is not a class, a rate is outside [0, 1], ``incorrect_rate`` is above ``correct_rate``,
            ``num_steps`` is missing, ``first_spike_time`` is past the last step, or ``firing_pattern`` is unknown.

    Example:
        >>> import torch
        >>> from snn_spikegen import targets_rate
        >>> targets_rate(torch.tensor([2]), num_classes=3, num_steps=4, correct_rate=0.5, incorrect_rate=0.25)[:, 0]
        tensor([[1., 1., 1.],
                [0., 0., 0.],
                [0., 0., 1.],
                [0., 0., 0.]])

    Source: Eshraghian et al., Training Spiking Neural Networks Using Lessons From Deep Learning (2023), on
    objective functions.
    """
    dtype = floating_dtype(targets, "targets")
    steps = whole_number("num_steps", num_steps)
    first = first_step(first_spike_time, steps)
    right, wrong = share("correct_rate", correct_rate), share("incorrect_rate", incorrect_rate)
    if wrong > right:
        raise ValueError(must("incorrect_rate", f"be at most correct_rate={right}", wrong, "swap them"))
    on, off = finite("on_target", on_target), finite("off_target", off_target)
    pattern = known_pattern(firing_pattern)
    source(generator)
    finite("epsilon", epsilon)
    classes = whole_number("num_classes", num_classes, least=1)
    correct = labels(targets, classes).unsqueeze(-1)
    shape = (*targets.shape, classes)
    if right == 1 and wrong == 0 and not first:
        return torch.full(shape, off, dtype=dtype, device=targets.device).scatter_(-1, correct, on)
    if not steps:
        raise ValueError(
            fault(
                f"num_steps is not given, but correct_rate={right}, incorrect_rate={wrong} and "
                f"first_spike_time={first} give targets that vary in time and need it"
            )
        )

    def train(rate: float) -> Tensor:
        _, times = target_rate_code(steps, first, rate, pattern, generator=generator, device="cpu")
        if interpolate:
            # 16-bit floats cannot represent every step above 256 or 2048
            times = times.to(torch.promote_types(dtype, torch.float32))
            values = rate_interpolate(times, steps, on, off).to(dtype)
        else:
            values = torch.full((steps,), off, dtype=dtype, device="cpu").index_fill_(0, times, on)
        return values.to(targets.device).reshape(steps, *[1] * len(shape))

    correct_train, incorrect_train = train(right), train(wrong)
    # One copy of the wrong classes' train with the right ones' written into it is a quarter faster than torch.where.
    code = incorrect_train.expand(steps, *shape).contiguous()
    return code.scatter_(-1, correct.expand(steps, *correct.shape), correct_train.expand(steps, *correct.shape))
