"""For every argument the values that it refuses: each with its error and with words that the message holds.

``{0}`` in a message stands for the argument, ``{1}`` for the function.
"""

import math
from fractions import Fraction

import torch

TENSOR = [
    ([0.5], TypeError, "{0} must be a torch.Tensor, got list. Fix: pass torch.as_tensor({0})"),
    (
        torch.zeros(3, dtype=torch.complex64),
        TypeError,
        "{0} must be real numbers, got dtype torch.complex64. Fix: pass {0}.real or {0}.abs()",
    ),
    (torch.eye(3).to_sparse(), TypeError, "{0} must be dense, got layout torch.sparse_coo. Fix: pass {0}.to_dense()"),
]
NAN = [(torch.tensor([0.5, math.nan]), ValueError, "{0} contains NaN, which cannot be encoded. Fix: replace it first")]
SIZED = [*TENSOR, *NAN]
UNIT = [
    (
        torch.tensor([0.5, value]),
        ValueError,
        f"{{1}}: {{0}} must be in [0, 1], got values in [{low}, {high}]. Fix: rescale them",
    )
    for value, low, high in ((-0.5, -0.5, 0.5), (1.5, 0.5, 1.5), (math.nan, math.nan, math.nan))
]
NO_TIME = [(torch.tensor(1.0), ValueError, "{0} must have a time axis, [T, *shape]")]
TOO_LARGE = [
    (number, ValueError, "{0} must be at most 1.8e+308 in size, got a larger number")
    for number in (10**400, -(10**400), 10**5000, Fraction(10**400, 3))  # Python writes 10**5000 with no digits
]
NUMBER = [
    ("a", TypeError, "{0} must be a number, got 'a'"),
    (math.nan, ValueError, "{0} must be finite, got nan"),
    (math.inf, ValueError, "{0} must be finite, got inf"),
    *TOO_LARGE,
]
SHARE = [*NUMBER, (1.5, ValueError, "{0} must be in [0, 1], as a share of the steps, got 1.5")]
FACTOR = [
    (1j, TypeError, "{0} must be a number, or a real tensor that broadcasts to "),
    (torch.tensor(1j), TypeError, "got tensor(0.+1.j)"),
    (math.nan, ValueError, "{0} must be finite, got nan"),
    (-math.inf, ValueError, "{0} must be finite, got -inf"),
    *TOO_LARGE,
    (torch.ones(5), ValueError, ", got shape (5,). Fix: reshape it"),
    (torch.ones(2, 9, 1, 1), ValueError, ", got shape (2, 9, 1, 1). Fix: reshape it"),
]
STEPS = [
    (2.5, TypeError, "{0} must be an int, got 2.5"),
    (True, TypeError, "{0} must be an int, got True"),
    *[(-1, ValueError, words) for words in ("{0} must be at least ", ", got -1")],
]
NEEDED = [*STEPS, (0, ValueError, "{0} is not given")]
AT_LEAST_ONE = [*STEPS, (0, ValueError, "{0} must be at least 1, got 0")]
CONSTANT_THRESHOLD = [
    (value, ValueError, f"threshold must be between 0 and 1, both excluded, got {value}") for value in (0, 1, -0.5)
]
NO_CLASSES = [
    (
        torch.tensor(label),
        ValueError,
        f"targets must be integers in [0, 2] with num_classes=3, got {label}",
    )
    for label in (3, -1, 0.5, math.nan)
]
NO_SPIKES = [
    (torch.tensor(1.0), ValueError, "spikes must have a time axis, [T, *shape] with T >= 1, got shape ()"),
    (torch.zeros(0, 3), ValueError, "spikes must have a time axis, [T, *shape] with T >= 1, got shape (0, 3)"),
    *[
        (
            torch.tensor([1.0, value]),
            ValueError,
            f"spikes must be 0 or 1, got {value}. Fix: pass spikes == on_target",
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
        (torch.zeros(2, 0), ValueError, "{0} must have a class axis, [*shape, C] with C >= 1, got shape (2, 0)"),
        (torch.tensor([[1.0, 0.0], [math.nan] * 2]), ValueError, "{0} has no single largest entry in row (1,)"),
        (torch.tensor([[1.0, 1.0], [1.0, 0.0]]), ValueError, "in row (0,), so no label. Fix: drop or fix that row"),
    ],
    "num_steps": NEEDED,
    "first_spike_time": [*STEPS, (99, ValueError, ", got 99")],
    "num_classes": AT_LEAST_ONE,
    "num_neurons": [*STEPS, (2, ValueError, "{0} must be at least 3, got 2")],
    "period": [*AT_LEAST_ONE, (63, ValueError, "{0} must be at most 62, got 63")],
    "max_spikes": [*AT_LEAST_ONE, (8, ValueError, "lower it or {0}=8, or raise num_steps=7")],
    "min_interval": [*AT_LEAST_ONE, (2, ValueError, "{0} must be at most max_interval=1, got 2. Fix: lower it or")],
    "max_interval": [
        *AT_LEAST_ONE,
        (2, ValueError, "{0} must be at most 1, so that 5 spikes end within num_steps=7, got 2"),
    ],
    "gain": FACTOR,
    "offset": FACTOR,
    "threshold": [*NUMBER, *CONSTANT_THRESHOLD],
    "tau": [*NUMBER, (0, ValueError, "{0} must be greater than 0, as a time constant, got 0")],
    "epsilon": [*NUMBER, (1e-12, ValueError, ", added to threshold=0.01, got 1e-12. Fix: increase it")],
    "on_target": NUMBER,
    "off_target": NUMBER,
    "low": [*NUMBER, (1, ValueError, "{0} must be below high=1, got 1")],
    "high": [*NUMBER, (0, ValueError, "low must be below {0}=0, got 0")],
    "overlap": [*NUMBER, (0, ValueError, "{0} must be greater than 0, got 0")],
    "dt": [
        *NUMBER,
        (0, ValueError, "{0} must be greater than 0, as the duration of a step in seconds, got 0"),
        (0.5, ValueError, "rate must be at least 0 and at most 2.0 Hz with {0}=0.5 s, got values in "),
    ],
    "correct_rate": [*SHARE, (0.125, ValueError, "incorrect_rate must be at most {0}=0.125, got 0.25. Fix: swap them")],
    "incorrect_rate": [*SHARE, (0.75, ValueError, "{0} must be at most correct_rate=0.5, got 0.75. Fix: swap them")],
    "rate": SHARE,
    "firing_pattern": [
        (3, TypeError, "{0} must be one of 'regular', 'uniform', 'poisson', got 3"),
        ("burst", ValueError, "{0} must be one of 'regular', 'uniform', 'poisson', got 'burst'"),
    ],
    "code": [
        ("ttfs", ValueError, "{0} must be 'rate' or 'latency', got 'ttfs'"),
        (None, ValueError, "{0} must be 'rate' or 'latency', got None"),
    ],
    "dtype": [
        (torch.int64, TypeError, "{0} must be a floating dtype, such as torch.float32, or None, got torch.int64"),
        ("half", TypeError, "{0} must be a floating dtype, such as torch.float32, or None, got 'half'"),
    ],
    "device": [
        (0.5, TypeError, "{0} must be a torch.device or its name, such as 'cpu', or None, got 0.5"),
        ("nowhere", ValueError, "{0} must be a device of torch, such as 'cpu' or 'cuda:0', got 'nowhere'"),
    ],
    "generator": [(0, TypeError, "or None, got 0")],
}
