"""Train a recurrent spiking network to recognize who is speaking: needs snn[demo] and snn-data[vowels]."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

import snn

SEED = 0
THREADS = 1
EPOCHS = 60
BATCH = 30
LEARNING_RATE = 0.002
WEIGHT_DECAY = 0.001
STEPS_PER_FRAME = 2
HIDDEN = 300
BETA_LEAST = 0.5
BETA_MOST = 0.95
BETA_OUTPUT = 0.95
SLOPE = 3.0
NOISE = 0.4
OFFSET = 0.3
STRETCH = 0.2


class SpeakerTeller(nn.Module):
    """A recurrent layer with membranes of many speeds, and one output neuron per speaker.

    Source: Perez-Nieves et al., Neural heterogeneity promotes robust learning (2021), for the spread of the decays.
    """

    def __init__(
        self,
        hidden: int = HIDDEN,
        betas: tuple[float, float] = (BETA_LEAST, BETA_MOST),
        beta_output: float = BETA_OUTPUT,
        slope: float = SLOPE,
    ) -> None:
        super().__init__()
        spike_grad = snn.surrogate.fast_sigmoid(slope=slope)
        # each of 12 coefficients, and its change from step to step
        self.to_hidden: nn.Linear = nn.Linear(24, hidden)
        beta = betas[0] + (betas[1] - betas[0]) * torch.rand(hidden)
        self.hidden: snn.RLeaky = snn.RLeaky(
            beta, linear_features=hidden, learn_beta="bounded", init_hidden=True, spike_grad=spike_grad
        )
        self.to_output: nn.Linear = nn.Linear(hidden, 9)
        self.output: snn.Leaky = snn.Leaky(
            beta_output, learn_beta="bounded", learn_threshold=True, init_hidden=True, spike_grad=spike_grad
        )

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
    steps = interpolate(frames.T.unsqueeze(0), number, mode="linear", align_corners=True).squeeze(0).T
    return torch.cat([steps, steps.diff(dim=0, prepend=steps[:1])], dim=1)


def present(
    net: nn.Module, utterances: list[Tensor], generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Play utterances, and return the output spikes ``[num_steps, batch, 9]`` and the lengths ``[batch]``."""
    sequences = [steps_of(frames, generator) for frames in utterances]
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    steps = nn.utils.rnn.pad_sequence(sequences)
    if generator is not None:
        steps = steps + NOISE * torch.randn(steps.shape, generator=generator)
    return snn.unroll(net, steps, lengths=lengths), lengths


def main() -> nn.Module:
    """Train on the training part, and test once on the test part."""
    torch.set_num_threads(THREADS)
    train_part, test_part = snn.data.vowels()
    frames = torch.cat(train_part.data)
    train_data, test_data = (
        [(utterance - frames.mean(0)) / frames.std(0) for utterance in part.data] for part in (train_part, test_part)
    )
    torch.manual_seed(SEED)
    net = SpeakerTeller()
    loss_of, targets = snn.functional.ce_count_loss(), train_part.targets
    generator = torch.Generator().manual_seed(SEED)
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    count = math.ceil(len(targets) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=count * EPOCHS, pct_start=0.2)
    for epoch in range(1, EPOCHS + 1):
        losses = 0.0
        for chosen in torch.randperm(len(targets), generator=generator).chunk(count):
            spk, lengths = present(net, [train_data[i] for i in chosen.tolist()], generator)
            loss = loss_of(spk, targets[chosen], lengths=lengths)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.item() * len(chosen)
        print(f"epoch {epoch}: loss {losses / len(targets):.3f}")
    right = 0
    with torch.no_grad():
        for chosen in torch.arange(len(test_data)).split(200):
            counts = present(net, [test_data[i] for i in chosen.tolist()])[0].sum(0)
            # an utterance at which no output neuron fires has no answer
            right += int((counts.any(1) & (counts.argmax(1) == test_part.targets[chosen])).sum())
    print(f"{100 * right / len(test_part):.2f} % of the {len(test_part)} test samples classified correctly")
    return net


if __name__ == "__main__":
    main()
