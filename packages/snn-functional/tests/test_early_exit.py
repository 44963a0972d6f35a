"""Inference that stops early: the same answers and steps as a search through the scores of the whole sequence."""

import math

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional import early_exit

from .untouched import everything, same, training

LIF = {"beta": 0.9, "init_hidden": True}


class Skip(nn.Module):
    """A net with its own forward, of two neurons and their sum."""

    def __init__(self):
        super().__init__()
        self.fc, self.first = nn.Linear(6, 4), snn.ALIF(beta=0.8, rho=0.9, init_hidden=True)
        self.second = snn.RLeaky(linear_features=4, **LIF)

    def forward(self, x):
        spk = self.first(2 * self.fc(x))
        return spk + self.second(spk)


NETS = {
    "layers": lambda: nn.Sequential(nn.Linear(6, 5), snn.Leaky(**LIF), nn.Linear(5, 4), snn.Synaptic(alpha=0.7, **LIF)),
    "own forward": Skip,
    "delays": lambda: nn.Sequential(snn.AxonalDelay(3, delay=1.5), snn.DelayedLinear(6, 4, 2), snn.Leaky(**LIF)),
    "norm of each step": lambda: nn.Sequential(nn.Linear(6, 4), snn.BatchNormTT1d(4, 11).eval(), snn.Leaky(**LIF)),
    "membranes": lambda: nn.Sequential(nn.Linear(6, 4), snn.Leaky(**LIF), nn.Linear(4, 3)),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, (2, 3)), snn.Leaky(**LIF), nn.Flatten()
    ),
}


def net_of(name, scale=4.0):
    net = NETS[name]().double()
    with torch.no_grad():
        for p in net.parameters():
            if p.dim() > 1:
                p.mul_(scale)
    return net


def inputs(steps=11, batch=7):
    return torch.rand(steps, batch, 6, dtype=torch.double)


def searched(out, margin, every, lengths):
    """Find where each sample of outputs ``[T, batch, classes]`` stops, one after another in plain Python."""
    scores, steps = [], []
    for b, length in enumerate(lengths):
        for step in [*range(every, length, every), length]:
            score = out[:step, b].sum(0)
            first, second = score.sort(descending=True).values[:2]
            if first - second >= margin:
                break
        scores.append(score)
        steps.append(step)
    return torch.stack(scores), torch.tensor(steps)


@pytest.mark.parametrize("lengths", [None, [11, 3, 8, 1, 11, 5, 10]])
@pytest.mark.parametrize("every", [1, 3, 20])
@pytest.mark.parametrize("name", NETS)
def test_a_sample_stops_where_its_scores_first_have_the_margin(name, every, lengths):
    net, xs = net_of(name), inputs()
    with torch.no_grad():
        out = snn.unroll(net, xs, schedule="steps", lengths=lengths)
    scores, steps = searched(out, 1.5, every, lengths or [11] * 7)
    answer = early_exit(net, xs, 1.5, every=every, lengths=lengths)
    torch.testing.assert_close(answer.scores, scores)
    assert torch.equal(answer.steps, steps)
    assert torch.equal(answer.predictions, scores.argmax(1))
    assert answer.mean_steps == pytest.approx(sum(steps.tolist()) / 7)
    if lengths is None and every < 20:
        assert len(steps.unique()) > 1  # some stop, some do not


@pytest.mark.parametrize("name", NETS)
def test_without_an_exit_the_answer_is_that_of_the_whole_sequence(name):
    net, xs = net_of(name), inputs()
    answer = early_exit(net, xs, math.inf, every=4)
    assert answer.steps.tolist() == [11] * 7
    assert torch.equal(answer.predictions, snn.unroll(net, xs).sum(0).argmax(1))


def test_every_sample_leads_by_a_margin_of_zero_at_the_first_comparison():
    answer = early_exit(net_of("layers"), inputs(), 0, every=4)
    assert answer.steps.tolist() == [4] * 7


@pytest.mark.parametrize("name", ["layers", "own forward"])
def test_the_layers_see_only_the_samples_that_still_run(name):
    net, rows = net_of(name), []
    next(m for m in net.modules() if isinstance(m, nn.Linear)).register_forward_hook(
        lambda layer, args, out: rows.append(len(args[0]))
    )
    answer = early_exit(net, inputs(), 1.5)
    steps = answer.steps.tolist()
    assert rows == [sum(t < step for step in steps) for t in range(max(steps))]
    assert rows[0] > rows[-1]


def test_an_expanded_step_stays_one_step_for_the_layers_before_the_first_neuron():
    net = net_of("layers")
    x = inputs(1)
    answer, copied = (early_exit(net, xs, 1.5, every=3) for xs in (x.expand(11, 7, 6), x.repeat(11, 1, 1)))
    assert torch.equal(answer.steps, copied.steps)
    torch.testing.assert_close(answer.scores, copied.scores)


def test_a_net_in_the_middle_of_training_stays_as_it_is():
    net, xs = net_of("layers"), inputs()
    training(net, xs)
    before = everything(net)
    answer = early_exit(net, xs, 1.5)
    same(before, everything(net))
    assert not answer.scores.requires_grad


def test_a_net_that_fails_keeps_its_states():
    net, xs = net_of("layers"), inputs()
    snn.unroll(net, xs)
    before = everything(net)
    with pytest.raises(RuntimeError):
        early_exit(net, xs[..., :5], 1.5)
    same(before, everything(net))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int64])
def test_scores_count_beyond_the_numbers_of_a_narrow_dtype(dtype):
    # outputs of 1 and 0 in each of 3000 steps, which neither bfloat16 nor float16 can count
    xs = torch.tensor([1, 0], dtype=dtype).expand(3000, 1, 2)
    answer = early_exit(nn.Identity(), xs, 2999, every=500)
    assert (answer.scores.tolist(), answer.steps.tolist()) == ([[3000.0, 0.0]], [3000])


def test_a_score_that_is_nan_stops_no_sample():
    xs = torch.full((5, 1, 3), math.nan)
    assert early_exit(nn.Identity(), xs, 0).steps.tolist() == [5]


class Unlisted(nn.Module):
    """A net with a neuron in a plain list."""

    def __init__(self):
        super().__init__()
        self.neurons = [snn.Leaky(**LIF)]

    def forward(self, x):
        return self.neurons[0](x)


def test_neurons_in_a_plain_list_are_pointed_out():
    with pytest.warns(UserWarning, match="'neurons' is a list with neurons, which are neither reset nor moved"):
        early_exit(Unlisted(), inputs(), math.inf)
