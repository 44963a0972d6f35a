"""Train a spiking network on digits of 8 by 8 pixels: needs snn[demo]."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

import snn

SEED = 0  # of weights, order and changes of samples
THREADS = 1  # on which torch computes
EPOCHS = 30  # passes over the training part
BATCH = 64  # samples per training step
LEARNING_RATE = 0.005  # the highest of the schedule
WEIGHT_DECAY = 0.0  # decoupled: a step shrinks a weight by this share, times the learning rate
NUM_STEPS = 16  # for which the network looks at an image
HIDDEN = 300  # hidden neurons
BETA = 0.9  # membrane decay per step at the start; it is learned
TEST_SHARE = 0.2  # share of the digits in the test part
SPLIT_SEED = 0  # of the split into training and test part


class Net(nn.Module):
    """Pixels to spikes, a hidden layer, one output neuron per digit; the one that fires most is the answer.

    The first neurons add up a pixel's brightness and leak nothing, so that a pixel of brightness x fires about x times
    per step: an encoder that draws no random numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder: snn.Leaky = snn.Leaky(beta=1.0, init_hidden=True)
        self.to_hidden: nn.Linear = nn.Linear(64, HIDDEN)
        self.hidden: snn.Leaky = snn.Leaky(beta=BETA, init_hidden=True, learn_beta="bounded", learn_threshold=True)
        self.to_output: nn.Linear = nn.Linear(HIDDEN, 10)
        self.output: snn.Leaky = snn.Leaky(beta=BETA, init_hidden=True, learn_beta="bounded", learn_threshold=True)

    def forward(self, images: Tensor) -> Tensor:
        """Compute one time step: images ``[batch, 1, 8, 8]`` to spikes ``[batch, 10]``."""
        spk = self.encoder(images.flatten(1))
        spk = self.hidden(self.to_hidden(spk))
        return self.output(self.to_output(spk))


def changed(images: Tensor, generator: torch.Generator) -> Tensor:
    """Turn, scale, shear and shift each image a little, so that the network learns shapes and not pixels.

    Source: Simard, Steinkraus, Platt, Best Practices for Convolutional Neural Networks (2003), section 2.
    """

    def between(limit: float) -> Tensor:
        return (torch.rand(len(images), generator=generator) * 2 - 1) * limit

    angle, scale, shear = between(0.15), 1 + between(0.1), between(0.1)
    # affine_grid counts in halves of the image: half a pixel of 8 is an eighth
    right, down = between(1 / 8), between(1 / 8)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = torch.stack([cos, shear - sin, right, sin, cos, down], dim=1).unflatten(1, (2, 3))
    return grid_sample(images, affine_grid(rows, list(images.shape), align_corners=False), align_corners=False)


def load() -> tuple[Any, Any]:
    """Return the training part and the test part."""
    return snn.data.digits(TEST_SHARE, SPLIT_SEED)


def batch(part: Any, chosen: list[int], generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Return some images, shown in every step, and their digits; with a generator the images are changed."""
    images = part.data[chosen] if generator is None else changed(part.data[chosen], generator)
    return images.expand(NUM_STEPS, *images.shape), part.targets[chosen]


def train(net: nn.Module, part: Any) -> Iterator[tuple[float, float]]:
    """Train a network; yield the mean loss and the accuracy of the epoch so far after each batch."""
    generator = torch.Generator().manual_seed(SEED)
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    count = math.ceil(len(part) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=count * EPOCHS, pct_start=0.2)
    for _ in range(EPOCHS):
        losses, right, seen = 0.0, 0.0, 0
        for chosen in torch.randperm(len(part), generator=generator).chunk(count):
            xs, targets = batch(part, chosen.tolist(), generator)
            spk = snn.unroll(net, xs)
            loss = snn.functional.ce_count_loss()(spk, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.item() * len(chosen)
            right += snn.functional.accuracy_rate(spk, targets) * len(chosen)
            seen += len(chosen)
            yield losses / seen, right / seen


def main() -> nn.Module:
    """Train on the training part, and test once on the test part."""
    torch.set_num_threads(THREADS)
    train_part, test_part = load()
    torch.manual_seed(SEED)
    net, count = Net(), math.ceil(len(train_part) / BATCH)
    for done, (loss, accuracy) in enumerate(train(net, train_part), 1):
        if done % count == 0:
            print(f"epoch {done // count}: loss {loss:.3f}, accuracy {100 * accuracy:.1f} %")
    right = 0.0
    with torch.no_grad():
        for chosen in torch.arange(len(test_part)).split(200):
            xs, targets = batch(test_part, chosen.tolist())
            right += snn.functional.accuracy_rate(snn.unroll(net, xs), targets) * len(chosen)
    print(f"{100 * right / len(test_part):.2f} % of the {len(test_part)} test samples classified correctly")
    return net


if __name__ == "__main__":
    main()
