"""Numbers that were published with the peer come out again where its rules are followed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .both import learn, louder, run, same, snn, some_fire

STEPS, BATCH, CLASSES = 9, 6, 3


def net_of(snn: Any) -> nn.Sequential:
    options = {"init_hidden": True, "reset_mechanism": "zero"}
    return louder(
        nn.Sequential(
            nn.Linear(8, 7),
            snn.Synaptic(alpha=0.6, beta=0.8, **options),
            nn.Linear(7, 7),
            snn.RLeaky(beta=0.8, linear_features=7, **options),
            nn.Linear(7, CLASSES),
            snn.Leaky(beta=0.9, init_hidden=True, output=True),
        )
    )


def training(snn: Any) -> dict[str, Any]:
    net, x, labels = net_of(snn), torch.rand(BATCH, 8), torch.arange(BATCH) % CLASSES
    criterion = snn.functional.ce_count_loss()

    def spikes() -> Tensor:
        snn.utils.reset(net)
        return torch.stack([net(x)[0] for _ in range(STEPS)])

    return {"spk": some_fire(spikes()), **learn(net, lambda: criterion(spikes(), labels))}


def test_a_net_that_resets_to_zero_gives_the_peers_numbers_by_its_rule() -> None:
    """Documented: without the rule the input of the step after a spike is kept."""
    result, expected = run(training)
    assert not torch.equal(result["spk"], expected["spk"])
    with snn.peer.following():
        same(training)
