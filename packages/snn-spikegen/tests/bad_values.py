"""For every argument the values that it refuses: each with its error and with words that the message holds.

``{0}`` in a message stands for the argument, ``{1}`` for the function.
"""

import math
from fractions import Fraction

import torch

TENSOR = [
    ([0.5], TypeError, "{0} is a list; pass a torch.Tensor, such as torch.as_tensor({0})"),
    (
        torch.zeros(3, dtype=torch.complex64),
        TypeError,
        "{0} has dtype torch.complex64; spikes encode real numbers: pass",
    ),
    (torch.eye(3).to_sparse(), TypeError, "{0} has layout torch.sparse_coo; spikes are dense: pass {0}.to_dense()"),
]
NAN = [(torch.tensor([0.5, math.nan]), ValueError, "{0} contains NaN, which no spike can stand for; replace it first")]
SIZED = [*TENSOR, *NAN]
UNIT = [
    (
        torch.tensor([0.5, value]),
        ValueError,
        f"{{0}} has values in [{low}, {high}]; {{1}} needs them in [0, 1]: rescale them",
    )
    for value, low, high in ((-0.5, -0.5, 0.5), (1.5, 0.5, 1.5), (math.nan, math.nan, math.nan))
]
NO_TIME = [(torch.tensor(1.0), ValueError, "{0} is a single number; ")]
TOO_LARGE = [
    (number, ValueError, "{0} is beyond the range of floats, 1.8e+308 in size; pass a smaller number")
    for number in (10**400, -(10**400), 10**5000, Fraction(10**400, 3))  # Python writes 10**5000 with no digits
]
NUMBER = [
    ("a", TypeError, "{0} is 'a'; pass a number"),
    (math.nan, ValueError, "{0} is nan; it must be finite"),
    (math.inf, ValueError, "{0} is inf; it must be finite"),
    *TOO_LARGE,
]
SHARE = [*NUMBER, (1.5, ValueError, "{0} is 1.5; it is a share of the steps and must be in [0, 1]")]
FACTOR = [
    (1j, TypeError, "{0} is 1j; pass a number"),
    (torch.tensor(1j), TypeError, "{0} is tensor(0.+1.j); pass a number"),
    (math.nan, ValueError, "{0} contains nan; NaN and infinity are not probabilities: pass finite numbers"),
    (-math.inf, ValueError, "{0} contains -inf; NaN and infinity are not probabilities: pass finite numbers"),
    *TOO_LARGE,
    (torch.ones(5), ValueError, "{0} has shape (5,), which does not broadcast to ("),
    (torch.ones(2, 9, 1, 1), ValueError, "{0} has shape (2, 9, 1, 1), which does not broadcast to ("),
]
STEPS = [
    (2.5, TypeError, "{0} is 2.5; pass an int"),
    (True, TypeError, "{0} is True; pass an int"),
    (-1, ValueError, "{0} is -1; it must be at least"),
]
NEEDED = [*STEPS, (0, ValueError, "{0} is not given")]
AT_LEAST_ONE = [*STEPS, (0, ValueError, "{0} is 0; it must be at least 1")]
CONSTANT_THRESHOLD = [
    (value, ValueError, f"threshold is {value}; it must be between 0 and 1, both excluded") for value in (0, 1, -0.5)
]
NO_CLASSES = [
    (
        torch.tensor(label),
        ValueError,
        f"targets contains {label}; with num_classes=3, a label must be a whole number in [0, 2]",
    )
    for label in (3, -1, 0.5, math.nan)
]
NO_SPIKES = [
    (torch.tensor(1.0), ValueError, "spikes has shape (); it needs a time axis, [T, *shape] with T >= 1"),
    (torch.zeros(0, 3), ValueError, "spikes has shape (0, 3); it needs a time axis, [T, *shape] with T >= 1"),
    *[
        (
            torch.tensor([1.0, value]),
            ValueError,
            f"spikes contains {value}; a spike is 0 or 1: pass spikes == on_target",
        )
        for value in (0.5, -1.0, 2.0, math.nan)
    ],
]

ARGUMENTS = {
    "data": SIZED,
    "targets": [*TENSOR, *NO_CLASSES],
    "spikes": [*TENSOR, *NO_SPIKES],
    "one_hot_targets": SIZED,
    "one_hot_label": [
        *TENSOR,
        (torch.zeros(2, 0), ValueError, "{0} has shape (2, 0); it needs a class axis, [*shape, C] with C >= 1"),
        (torch.tensor([[1.0, 0.0], [math.nan] * 2]), ValueError, "{0} has no single largest entry in row (1,)"),
        (torch.tensor([[1.0, 1.0], [1.0, 0.0]]), ValueError, "in row (0,), so no label; drop or fix that row"),
    ],
    "num_steps": NEEDED,
    "first_spike_time": [*STEPS, (99, ValueError, "{0} is 99, after the last of num_steps=")],
    "num_classes": AT_LEAST_ONE,
    "num_neurons": [*STEPS, (2, ValueError, "{0} is 2; it must be at least 3")],
    "period": [*AT_LEAST_ONE, (63, ValueError, "{0} is 63; it must be at most 62")],
    "max_spikes": [*AT_LEAST_ONE, (8, ValueError, "lower it or {0}=8, or raise num_steps=7")],
    "min_interval": [*AT_LEAST_ONE, (2, ValueError, "{0} is 2, above max_interval=1; lower it or")],
    "max_interval": [*AT_LEAST_ONE, (2, ValueError, "{0} is 2; 5 spikes end within num_steps=7 only with at most 1")],
    "gain": FACTOR,
    "offset": FACTOR,
    "threshold": [*NUMBER, *CONSTANT_THRESHOLD],
    "tau": [*NUMBER, (0, ValueError, "{0} is 0; it is a time constant and must be above 0")],
    "epsilon": [*NUMBER, (1e-12, ValueError, "{0} is 1e-12; added to threshold=0.01 it makes no difference in torch.")],
    "on_target": NUMBER,
    "off_target": NUMBER,
    "low": [*NUMBER, (1, ValueError, "{0} is 1, not below high=1; they are the ends of the range of data")],
    "high": [*NUMBER, (0, ValueError, "low is 0, not below {0}=0; they are the ends of the range of data")],
    "overlap": [*NUMBER, (0, ValueError, "{0} is 0; it must be above 0")],
    "dt": [
        *NUMBER,
        (0, ValueError, "{0} is 0; it is the duration of a step in seconds and must be above 0"),
        (0.5, ValueError, "with {0}=0.5 s, a rate must be at least 0 and at most 2.0 Hz: lower dt or rate"),
    ],
    "correct_rate": [*SHARE, (0.125, ValueError, "incorrect_rate is 0.25, above {0}=0.125; swap them")],
    "incorrect_rate": [*SHARE, (0.75, ValueError, "{0} is 0.75, above correct_rate=0.5; swap them")],
    "rate": SHARE,
    "firing_pattern": [
        (3, TypeError, "{0} is 3; pass one of 'regular', 'uniform', 'poisson'"),
        ("burst", ValueError, "{0} is 'burst'; it must be one of 'regular', 'uniform', 'poisson'"),
    ],
    "code": [
        ("ttfs", ValueError, "{0} is 'ttfs'; it must be 'rate' or 'latency'"),
        (None, ValueError, "{0} is None; it must be 'rate' or 'latency'"),
    ],
    "dtype": [
        (torch.int64, TypeError, "{0} is torch.int64; pass a floating dtype, such as torch.float32, or None"),
        ("half", TypeError, "{0} is 'half'; pass a floating dtype, such as torch.float32, or None"),
    ],
    "device": [
        (0.5, TypeError, "{0} is 0.5; pass a torch.device or its name, such as 'cpu', or None"),
        ("nowhere", ValueError, "{0} is 'nowhere'; pass a device of torch, such as 'cpu' or 'cuda:0'"),
    ],
    "generator": [(0, TypeError, "{0} is 0; pass a torch.Generator")],
}
