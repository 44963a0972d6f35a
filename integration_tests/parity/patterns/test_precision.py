"""Programs in mixed precision, and constants of all types that programs give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from .both import learn, louder, run, same, some_fire

STEPS, BATCH = 6, 4


def test_a_net_learns_under_autocast() -> None:
    """States have float32, as the peer's; documented: spikes have the dtype of the input, half precision here."""

    def program(snn: Any) -> dict[str, Any]:
        net = louder(nn.Sequential(nn.Linear(6, 8), snn.Leaky(0.9, init_hidden=True, output=True)))
        out, x, labels = nn.Linear(8, 3), torch.rand(BATCH, 6), torch.arange(BATCH) % 3

        def outputs() -> tuple[Tensor, Tensor, Tensor]:
            snn.utils.reset(net)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                steps = [(out(spk), spk, mem) for spk, mem in (net(x) for _ in range(STEPS))]
            return tuple(torch.stack(column) for column in zip(*steps, strict=True))

        first, spk, mem = outputs()
        learned = learn(net, lambda: nn.functional.cross_entropy(outputs()[0].float().mean(0), labels))
        return {"dtypes": [str(value.dtype) for value in (first, spk, mem)], "mem": mem, **learned}

    result, expected = run(program)
    assert result["dtypes"] == ["torch.bfloat16", "torch.bfloat16", "torch.float32"]
    assert expected["dtypes"] == ["torch.bfloat16", "torch.float32", "torch.float32"]
    assert result["losses"] == pytest.approx(expected["losses"], rel=2**-6)
    torch.testing.assert_close(result["mem"][0], expected["mem"][0])


CONSTANTS: dict[str, Any] = {
    "an int": 1,
    "a float": 0.8,
    "numpy's": np.float64(0.8),
    "numpy's, single": np.float32(0.8),
    "a tensor of no axis": torch.tensor(0.8),
    "of one element": torch.tensor([0.8]),
    "one a neuron": torch.linspace(0.1, 0.9, 5),
    "one a neuron, of numpy": np.linspace(0.1, 0.9, 5, dtype=np.float32),
    "of a batch": torch.linspace(0.1, 0.9, 5).unsqueeze(0),
    "in double precision": torch.tensor(0.8, dtype=torch.float64),
}


@pytest.mark.parametrize("what", CONSTANTS)
def test_a_decay_is_given_as(what: str) -> None:
    def program(snn: Any) -> dict[str, Any]:
        beta = CONSTANTS[what]
        neuron = snn.Leaky(beta=beta.clone() if isinstance(beta, Tensor) else beta)
        mem, spikes = neuron.reset_mem(), []
        for x in torch.rand(STEPS, BATCH, 5):
            spk, mem = neuron(x, mem)
            spikes.append(spk)
        return {"spk": some_fire(torch.stack(spikes)), "mem": mem, "beta": torch.as_tensor(neuron.beta)}

    same(program)
