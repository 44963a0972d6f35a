"""Train a recurrent spiking network to recognize who is speaking: needs snn[demo] and snn-data[vowels]."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

import snn

SEED = 0  # of weights, order and changes of samples
THREADS = 1  # on which torch computes
EPOCHS = 60  # passes over the training part
BATCH = 30  # samples per training step
LEARNING_RATE = 0.002  # the highest of the schedule
WEIGHT_DECAY = 0.001  # decoupled: a step shrinks a weight by this share, times the learning rate
STEPS_PER_FRAME = 2  # what is between two analysis frames is interpolated
HIDDEN = 300  # recurrent neurons
BETA_LEAST = 0.5  # smallest membrane decay of a recurrent neuron at the start; it is learned
BETA_MOST = 0.95  # largest one
BETA_OUTPUT = 0.95  # that of the output neurons
SLOPE = 3.0  # of the surrogate gradient; a steeper one makes gradients grow over the steps
NOISE = 0.4  # on each training step, in standard deviations of the coefficient
OFFSET = 0.3  # the same for noise that stays constant over an utterance
STRETCH = 0.2  # largest share by which a training utterance becomes longer or shorter


class Net(nn.Module):
    """A recurrent layer with membranes of many speeds, and one output neuron per speaker.

    Source: Perez-Nieves et al., Neural heterogeneity promotes robust learning (2021), for the spread of the decays.
    """

    def __init__(self) -> None:
        super().__init__()
        options: Any = {"learn_beta": "bounded", "init_hidden": True, "spike_grad": snn.surrogate.fast_sigmoid(SLOPE)}
        self.to_hidden: nn.Linear = nn.Linear(24, HIDDEN)  # of 12 coefficients and their changes from step to step
        beta = BETA_LEAST + (BETA_MOST - BETA_LEAST) * torch.rand(HIDDEN)
        self.hidden: snn.RLeaky = snn.RLeaky(beta, linear_features=HIDDEN, **options)
        self.to_output: nn.Linear = nn.Linear(HIDDEN, 9)
        self.output: snn.Leaky = snn.Leaky(BETA_OUTPUT, learn_threshold=True, **options)

    def forward(self, features: Tensor) -> Tensor:
        """Compute one time step: features ``[batch, 24]`` to spikes ``[batch, 9]``."""
        return self.output(self.to_output(self.hidden(self.to_hidden(features))))


def steps_of(frames: Tensor, generator: torch.Generator | None) -> Tensor:
    """Interpolate an utterance ``[frames, 12]`` to steps ``[num_steps, 24]``; to train, stretch and shift it too."""
    stretch = 1.0
    if generator is not None:
        stretch += STRETCH * (2 * torch.rand((), generator=generator).item() - 1)
        frames = frames + OFFSET * torch.randn(frames.shape[1], generator=generator)
    number = max(1, round(len(frames) * STEPS_PER_FRAME * stretch))
    steps = nn.functional.interpolate(frames.T.unsqueeze(0), number, mode="linear", align_corners=True).squeeze(0).T
    return torch.cat([steps, steps.diff(dim=0, prepend=steps[:1])], dim=1)


def load() -> tuple[Any, ...]:
    """Return the training part and the test part, in standard deviations of the training part from its mean."""
    parts = snn.data.vowels()
    frames = torch.cat(parts[0].data)
    mean, std = frames.mean(0), frames.std(0)
    return tuple(snn.data.LabelledSequences([(x - mean) / std for x in part.data], part.targets) for part in parts)


def batch(part: Any, chosen: list[int], generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Return some utterances, their speakers and their lengths; with a generator the utterances are changed."""
    sequences = [steps_of(part.data[index], generator) for index in chosen]
    steps = nn.utils.rnn.pad_sequence(sequences)
    if generator is not None:
        steps = steps + NOISE * torch.randn(steps.shape, generator=generator)
    return steps, part.targets[chosen], torch.tensor([len(sequence) for sequence in sequences])


def train(net: nn.Module, part: Any) -> Iterator[tuple[float, float]]:
    """Train a network; yield the mean loss and the accuracy of the epoch so far after each batch."""
    generator = torch.Generator().manual_seed(SEED)
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    count = math.ceil(len(part) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=count * EPOCHS, pct_start=0.2)
    for _ in range(EPOCHS):
        losses, right, seen = 0.0, 0.0, 0
        for chosen in torch.randperm(len(part), generator=generator).chunk(count):
            xs, targets, lengths = batch(part, chosen.tolist(), generator)
            spk = snn.unroll(net, xs, lengths=lengths)
            loss = snn.functional.ce_count_loss()(spk, targets, lengths=lengths)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.item() * len(chosen)
            right += snn.functional.accuracy_rate(spk, targets, lengths=lengths) * len(chosen)
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
            xs, targets, lengths = batch(test_part, chosen.tolist())
            spk = snn.unroll(net, xs, lengths=lengths)
            right += snn.functional.accuracy_rate(spk, targets, lengths=lengths) * len(chosen)
    print(f"{100 * right / len(test_part):.2f} % of the {len(test_part)} test samples classified correctly")
    return net


if __name__ == "__main__":
    main()
