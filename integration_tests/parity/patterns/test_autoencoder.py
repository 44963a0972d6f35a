"""Encoders and decoders: an image through a code of spikes, and a sequence that is read and then written."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .both import learn, louder, same, some_fire

STEPS, BATCH = 5, 3


class Autoencoder(nn.Module):
    """Convolutions down to a code of spikes, and transposed ones back; the last membrane is the image."""

    def __init__(self, snn: Any) -> None:
        super().__init__()
        options = {"beta": 0.5, "spike_grad": snn.surrogate.atan(alpha=2.0), "init_hidden": True, "threshold": 0.3}
        self.utils = snn.utils
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1),
            nn.BatchNorm2d(4),
            snn.Leaky(**options),
            nn.Flatten(1),
            nn.Linear(64, 10),
            snn.Leaky(**options, output=True),
        )
        self.decoder = nn.Sequential(
            nn.Linear(10, 64),
            snn.Leaky(**options),
            nn.Unflatten(1, (4, 4, 4)),
            nn.ConvTranspose2d(4, 1, 3, stride=2, padding=1, output_padding=1),
            snn.Leaky(**{**options, "threshold": 20000}, output=True),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.utils.reset(self.encoder)
        self.utils.reset(self.decoder)
        codes = []
        for _ in range(STEPS):
            spk, _ = self.encoder(x)
            codes.append(spk)
        code = torch.stack(codes)
        for step in range(STEPS):
            _, image = self.decoder(code[step])
        return code, image


def test_an_image_comes_back_from_a_code_of_spikes() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net, x = louder(Autoencoder(snn), 2), torch.rand(BATCH, 1, 8, 8)
        code, image = net(x)
        numbers = {"spk": some_fire(code), "image": image}
        return numbers | learn(net, lambda: nn.functional.mse_loss(net(x)[1], x), lr=1e-3)

    same(program)


class Translator(nn.Module):
    """The states in which one layer ends are where the other starts."""

    def __init__(self, snn: Any) -> None:
        super().__init__()
        self.reading, self.writing = nn.Linear(4, 6), nn.Linear(3, 6)
        self.encoder = snn.Synaptic(alpha=0.6, beta=0.8, learn_alpha=True, learn_beta=True)
        self.decoder = snn.Synaptic(alpha=0.6, beta=0.8, threshold=0.7)
        self.out = nn.Linear(6, 3)

    def forward(self, xs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        syn, mem = self.encoder.init_synaptic()
        for x in xs:
            _, syn, mem = self.encoder(self.reading(x), syn, mem)
        spikes, outputs = [], []
        for target in targets:  # the right word of the step before is given
            spk, syn, mem = self.decoder(self.writing(target), syn, mem)
            spikes.append(spk)
            outputs.append(self.out(mem))
        return torch.stack(spikes), torch.stack(outputs)


def test_a_sequence_is_read_and_another_written() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = louder(Translator(snn))
        xs, words = torch.rand(STEPS, BATCH, 4), torch.randint(3, (STEPS + 1, BATCH))
        one_hot = nn.functional.one_hot(words, 3).float()
        spk, outputs = net(xs, one_hot[:-1])

        def loss() -> Tensor:
            return nn.functional.cross_entropy(net(xs, one_hot[:-1])[1].flatten(0, 1), words[1:].flatten())

        return {"spk": some_fire(spk), "outputs": outputs, **learn(net, loss)}

    same(program)
