"""Train a spiking network on digits of 8 by 8 pixels: needs snn[demo]."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

import snn

SEED = 0
THREADS = 1
EPOCHS = 30
BATCH = 64
LEARNING_RATE = 0.005
WEIGHT_DECAY = 0.0
NUM_STEPS = 16
HIDDEN = 300
BETA = 0.9
TEST_SHARE = 0.2
SPLIT_SEED = 0


class DigitReader(nn.Module):
    """Pixels to spikes, a hidden layer, one output neuron per digit; the one that fires most is the answer.

    The first neurons add up a pixel's brightness and leak nothing, so that a pixel of brightness x fires about x times
    per step: an encoder that draws no random numbers.
    """

    def __init__(self, hidden: int = HIDDEN, beta: float = BETA) -> None:
        super().__init__()
        self.encoder: snn.Leaky = snn.Leaky(beta=1.0, init_hidden=True)
        self.to_hidden: nn.Linear = nn.Linear(64, hidden)
        self.hidden: snn.Leaky = snn.Leaky(beta=beta, init_hidden=True, learn_beta="bounded", learn_threshold=True)
        self.to_output: nn.Linear = nn.Linear(hidden, 10)
        self.output: snn.Leaky = snn.Leaky(beta=beta, init_hidden=True, learn_beta="bounded", learn_threshold=True)

    def forward(self, images: Tensor) -> Tensor:
        """Compute one time step: images ``[batch, 1, 8, 8]`` to spikes ``[batch, 10]``."""
        spk = self.encoder(images.flatten(1))
        spk = self.hidden(self.to_hidden(spk))
        return self.output(self.to_output(spk))


def present(net: nn.Module, images: Tensor) -> Tensor:
    """Show images for some steps, and return the output spikes ``[num_steps, batch, 10]``."""
    return snn.unroll(net, images.expand(NUM_STEPS, *images.shape))


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
    train_part, test_part = snn.data.digits(TEST_SHARE, SPLIT_SEED)
    torch.manual_seed(SEED)
    net = DigitReader()
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
