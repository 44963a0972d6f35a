"""Train a convolutional spiking network on digits of 28 by 28 pixels: needs snn[demo] and snn-data[mnist5k]."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

import snn

SEED = 0  # of weights, order and changes of samples
THREADS = 1  # on which torch computes
EPOCHS = 12  # passes over the training part
BATCH = 64  # samples per training step
LEARNING_RATE = 0.005  # the highest of the schedule
WEIGHT_DECAY = 0.0  # decoupled: a step shrinks a weight by this share, times the learning rate
NUM_STEPS = 5  # for which the network looks at an image
FIRST = 12  # channels of the first convolution
SECOND = 32  # channels of the second one
BETA = 0.7  # membrane decay per step at the start; it is learned
TEST_SHARE = 0.2  # share of the digits in the test part
SPLIT_SEED = 0  # of the split into training and test part


class Net(nn.Module):
    """Two spiking convolutions, each pooled before its neurons, and one output neuron per digit.

    Source: LeCun et al., Gradient-Based Learning Applied to Document Recognition (1998), section II.B, with spiking
    neurons in place of its activations.
    """

    def __init__(self) -> None:
        super().__init__()
        self.to_first: nn.Sequential = nn.Sequential(nn.Conv2d(1, FIRST, 5), nn.MaxPool2d(2))
        self.first: snn.Leaky = snn.Leaky(beta=BETA, init_hidden=True, learn_beta="bounded", learn_threshold=True)
        self.to_second: nn.Sequential = nn.Sequential(nn.Conv2d(FIRST, SECOND, 5), nn.MaxPool2d(2))
        self.second: snn.Leaky = snn.Leaky(beta=BETA, init_hidden=True, learn_beta="bounded", learn_threshold=True)
        self.to_output: nn.Linear = nn.Linear(SECOND * 4**2, 10)  # 28 pixels, less the kernel's edge, halved, twice
        self.output: snn.Leaky = snn.Leaky(beta=BETA, init_hidden=True, learn_beta="bounded", learn_threshold=True)

    def forward(self, images: Tensor) -> Tensor:
        """Compute one time step: images ``[batch, 1, 28, 28]`` to spikes ``[batch, 10]``."""
        spk = self.second(self.to_second(self.first(self.to_first(images))))
        return self.output(self.to_output(spk.flatten(1)))


def changed(images: Tensor, generator: torch.Generator) -> Tensor:
    """Turn, scale, shear and shift each image a little, so that the network learns shapes and not pixels.

    Source: Simard, Steinkraus, Platt, Best Practices for Convolutional Neural Networks (2003), section 2.
    """

    def between(limit: float) -> Tensor:
        return (torch.rand(len(images), generator=generator) * 2 - 1) * limit

    angle, scale, shear = between(0.2), 1 + between(0.12), between(0.15)
    # affine_grid counts in halves of the image: two pixels of 28 are a seventh
    right, down = between(4 / 28), between(4 / 28)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = torch.stack([cos, shear - sin, right, sin, cos, down], dim=1).unflatten(1, (2, 3))
    return grid_sample(images, affine_grid(rows, list(images.shape), align_corners=False), align_corners=False)


def load() -> tuple[Any, Any]:
    """Return the training part and the test part."""
    return snn.data.mnist5k(TEST_SHARE, SPLIT_SEED)


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
