"""The dtypes of torch that NumPy lacks."""

import torch

RARE = [
    torch.bfloat16,
    torch.complex32,
    *[dtype for name, dtype in vars(torch).items() if name.startswith(("float8", "float4"))],
]


def stored_as(stored, dtype):
    """Return the tensor of a dtype whose memory holds these bytes."""
    return stored.view(torch.float16).reshape(-1, 2).view(dtype) if dtype.is_complex else stored.view(dtype)
