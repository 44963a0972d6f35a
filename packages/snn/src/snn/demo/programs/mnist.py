"""Train a convolutional spiking network on digits of 28 by 28 pixels: needs snn[demo] and snn-data[mnist5k]."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

import snn

SEED = 0
THREADS = 1
EPOCHS = 12
BATCH = 64
LEARNING_RATE = 0.005
WEIGHT_DECAY = 0.0
NUM_STEPS = 5
FIRST = 12
SECOND = 32
BETA = 0.7
TEST_SHARE = 0.2
SPLIT_SEED = 0


class ConvolutionalReader(nn.Module):
    """Two spiking convolutions, each pooled before its neurons, and one output neuron per digit.

    The first neurons are fed the convolved image itself in every step.

    Source: LeCun et al., Gradient-Based Learning Applied to Document Recognition (1998), section II.B, with spiking
    neurons in place of its activations.
    """

    def __init__(self, first: int = FIRST, second: int = SECOND, beta: float = BETA) -> None:
        super().__init__()
        self.to_first: nn.Sequential = nn.Sequential(nn.Conv2d(1, first, 5), nn.MaxPool2d(2))
        self.first: snn.Leaky = snn.Leaky(beta=beta, init_hidden=True, learn_beta="bounded", learn_threshold=True)
        self.to_second: nn.Sequential = nn.Sequential(nn.Conv2d(first, second, 5), nn.MaxPool2d(2))
        self.second: snn.Leaky = snn.Leaky(beta=beta, init_hidden=True, learn_beta="bounded", learn_threshold=True)
        # 28 pixels, less the kernel's edge, halved, and once more: 4
        self.to_output: nn.Linear = nn.Linear(second * 4**2, 10)
        self.output: snn.Leaky = snn.Leaky(beta=beta, init_hidden=True, learn_beta="bounded", learn_threshold=True)

    def forward(self, images: Tensor) -> Tensor:
        """Compute one time step: images ``[batch, 1, 28, 28]`` to spikes ``[batch, 10]``."""
        spk = self.first(self.to_first(images))
        spk = self.second(self.to_second(spk))
        return self.output(self.to_output(spk.flatten(1)))


def present(net: nn.Module, images: Tensor) -> Tensor:
    """Show images for some steps, and return the output spikes ``[num_steps, batch, 10]``."""
    return snn.unroll(net, images.expand(NUM_STEPS, *images.shape))


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


def train(net: nn.Module, images: Tensor, targets: Tensor) -> None:
    """Train a network, and print loss and accuracy of each epoch."""
    loss_of = snn.functional.ce_count_loss()
    generator = torch.Generator().manual_seed(SEED)
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    count = math.ceil(len(targets) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=count * EPOCHS, pct_start=0.2)
    for epoch in range(1, EPOCHS + 1):
        losses = right = 0.0
        for chosen in torch.randperm(len(targets), generator=generator).chunk(count):
            spk = present(net, changed(images[chosen], generator))
            loss = loss_of(spk, targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.item() * len(chosen)
            right += snn.functional.accuracy_rate(spk, targets[chosen]) * len(chosen)
        print(f"epoch {epoch}: loss {losses / len(targets):.3f}, accuracy {100 * right / len(targets):.1f} %")


def main() -> nn.Module:
    """Train on the training part, and test once on the test part."""
    torch.set_num_threads(THREADS)
    train_part, test_part = snn.data.mnist5k(TEST_SHARE, SPLIT_SEED)
    torch.manual_seed(SEED)
    net = ConvolutionalReader()
    train(net, train_part.data, train_part.targets)
    right = 0
    with torch.no_grad():
        for images, targets in zip(test_part.data.split(200), test_part.targets.split(200), strict=True):
            counts = present(net, images).sum(0)
            # a digit at which no output neuron fires has no answer
            right += int((counts.any(1) & (counts.argmax(1) == targets)).sum())
    print(f"{100 * right / len(test_part):.2f} % of the {len(test_part)} test samples classified correctly")
    return net


if __name__ == "__main__":
    main()
