"""Nets of parts drawn at random, some of which mix samples, draw numbers or keep statistics, and one may be impure."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

import snn_core as snn

from .blocks import Average, Bottleneck, DropPath, FastWeights, Frozen, Losers, Of, Rounded, SelfAttention, gumbel
from .impure import KINDS, Net
from .zoo import Adaptive

WIDTH = 4
NEURON = {"threshold": 0.237, "init_hidden": True}
Part = Callable[[], nn.Module]


def of(function: Callable[[Tensor], Tensor]) -> Part:
    return lambda: Of(lambda m, h: function(h))


def behind(make: Part) -> Part:
    """A linear layer, and what comes behind it."""
    return lambda: nn.Sequential(nn.Linear(WIDTH, WIDTH), make())


def on_images(*layers: Part) -> Part:
    return lambda: Of(
        lambda m, h: m.layers(h.unflatten(1, (1, 2, 2))).flatten(1), layers=nn.Sequential(*(make() for make in layers))
    )


def on_tokens(function: Callable[[Any, Tensor], Tensor], **parts: Part) -> Part:
    return lambda: Of(
        lambda m, h: function(m, h.view(h.shape[0], 2, 2)).flatten(1), **{name: make() for name, make in parts.items()}
    )


NEURONS: list[Part] = [
    partial(snn.Leaky, beta=0.8, learn_beta=True, **NEURON),
    partial(snn.Leaky, beta=0.7, reset_mechanism="zero", **NEURON),
    partial(snn.Synaptic, alpha=0.6, beta=0.7, **NEURON),
    partial(snn.RLeaky, beta=0.8, linear_features=WIDTH, **NEURON),
    partial(snn.Lapicque, beta=0.7, **NEURON),
    partial(snn.SLSTM, WIDTH, WIDTH, threshold=0.037, init_hidden=True),
    partial(Adaptive, **NEURON),
]
ALONE: list[Part] = [  # which act on each sample alone
    partial(nn.Linear, WIDTH, WIDTH),
    behind(nn.GELU),
    behind(partial(nn.LayerNorm, WIDTH)),
    behind(partial(nn.GroupNorm, 2, WIDTH)),
    on_images(partial(nn.Conv2d, 1, 3, 2, padding=1), partial(nn.MaxPool2d, 2), partial(nn.Conv2d, 3, 4, 1)),
    lambda: parametrizations.weight_norm(nn.Linear(WIDTH, WIDTH)),
    of(lambda h: h - h.mean(dim=-1, keepdim=True)),
    of(lambda h: torch.where(h > 0.1, h, 0.3 * h)),
    of(lambda h: torch.cat(h.chunk(2, dim=1)[::-1], 1)),
    partial(Frozen, WIDTH),
]
OF_A_STEP: list[Part] = [  # which are not in the table of those, or mix samples
    behind(of(lambda h: h.sort(dim=-1).values)),
    behind(Losers),
    behind(of(Rounded.apply)),
    of(lambda h: h.cumsum(-1)),
    of(lambda h: h - 0.5 * h.mean(0)),
    of(lambda h: h + 0.3 * h.roll(1, 0)),
    of(lambda h: h / (1 + h.abs().sum())),
    of(lambda h: torch.einsum("bi,bj->bj", h, h).tanh()),
    of(lambda h: F.normalize(h + 0.1, dim=-1)),
    on_tokens(lambda m, h: F.scaled_dot_product_attention(h, m.key(h), h), key=partial(nn.Linear, 2, 2)),
    on_tokens(lambda m, h: m.gru(h)[0], gru=partial(nn.GRU, 2, 2, batch_first=True)),
    on_tokens(lambda m, h: m.attention(h, h, h)[0], attention=partial(nn.MultiheadAttention, 2, 1, batch_first=True)),
    on_tokens(lambda m, h: m.attention(h), attention=partial(SelfAttention, width=2, heads=1)),
]
KEEPING: list[Part] = [  # which change their own buffers
    partial(nn.BatchNorm1d, WIDTH),
    partial(nn.BatchNorm1d, WIDTH, momentum=None),
    partial(nn.BatchNorm1d, WIDTH, track_running_stats=False),
    on_images(partial(nn.Conv2d, 1, 4, 2), partial(nn.BatchNorm2d, 4)),
    on_tokens(lambda m, h: m.attention(h), attention=partial(SelfAttention, nn.BatchNorm1d, width=2, heads=1)),
    partial(Average, WIDTH),
    partial(Average, WIDTH, in_place=False),
    lambda: parametrizations.spectral_norm(nn.Linear(WIDTH, WIDTH)),
    partial(FastWeights, WIDTH),
]
DRAWING: list[Part] = [
    partial(nn.Dropout, 0.3),
    lambda: Of(lambda m, h: m.drop(h.clone()), drop=nn.Dropout(0.3, inplace=True)),
    behind(partial(nn.AlphaDropout, 0.2)),
    on_images(partial(nn.Conv2d, 1, 4, 2), partial(nn.Dropout2d, 0.3)),
    of(lambda h: h + 0.1 * torch.randn_like(h)),
    of(lambda h: h * torch.rand(h.shape[0], 1, dtype=h.dtype)),
    of(lambda h: h[torch.randperm(h.shape[0])]),
    lambda: Of(gumbel),
    partial(DropPath, 0.6),
    partial(Bottleneck, WIDTH),
    on_tokens(lambda m, h: m.rnn(h)[0], rnn=partial(nn.LSTM, 2, 2, num_layers=2, dropout=0.3, batch_first=True)),
]
PARTS = [NEURONS, NEURONS, ALONE, OF_A_STEP, KEEPING, KEEPING, DRAWING, DRAWING]


def drawn(choose: random.Random, depth: int = 2) -> nn.Module:
    """Draw a part that maps ``[B, 4]`` to ``[B, 4]``."""
    structure = choose.choice(["part"] * 5 + ["behind", "past", "beside", "twice"]) if depth else "part"
    if structure == "part":
        return choose.choice(choose.choice(PARTS))()
    first = drawn(choose, depth - 1)
    if structure == "behind":
        return nn.Sequential(first, drawn(choose, depth - 1))
    if structure == "past":
        return Of(lambda m, h: h + m.part(h.clone()), part=first)
    if structure == "beside":
        both = {"a": first, "b": drawn(choose, depth - 1), "joined": nn.Linear(2 * WIDTH, WIDTH)}
        return Of(lambda m, h: m.joined(torch.cat([m.a(h.clone()), m.b(h.clone())], 1)), **both)
    if any(isinstance(module, snn.SpikingNeuron) for module in first.modules()):
        return first  # which may be called once in a step
    return Of(lambda m, h: m.part(h.clone()) - 0.5 * m.part(m.fc(h)), part=first, fc=nn.Linear(WIDTH, WIDTH))


def _input_overwritten(net: Net, x: Tensor) -> Tensor:
    return x.mul_(0.9).clone()


# beside those of ``impure``: what is done to the input, or to what is between two parts
ON_THE_INPUT = {"the input in place": _input_overwritten}
MORE: dict[str, Callable[[Net, Tensor], Tensor]] = {
    "numbers that depend on spikes": lambda net, h: h + torch.bernoulli(0.2 + 0.6 * net.extra(h)),
    "as many numbers as spikes": lambda net, h: h + 0.1 * torch.rand(int(net.extra(h).sum())).sum(),
    "a sum that is read": lambda net, h: h if net.extra(h).sum() > 5 else 0.5 * h,
}
IMPURITIES = [*KINDS, *MORE, *ON_THE_INPUT]


class Mixture(Net):
    """A net with drawn parts, and an impurity between two of them."""

    def __init__(self, choose: random.Random, impurity: str) -> None:
        super().__init__((), impurity, torch.float64)
        self.blocks = nn.ModuleList(drawn(choose) for _ in range(choose.randint(1, 5)))
        if impurity in MORE:
            self.extra = snn.Leaky(beta=0.6, **NEURON)
        self.place = choose.randint(0, len(self.blocks) - 1)
        self.impurity = MORE.get(impurity, self.impurity)
        self.begin = ON_THE_INPUT.get(impurity, lambda net, x: x)
        self.double()

    def forward(self, x: Tensor) -> Any:
        h = self.first(self.begin(self, x))
        for number, block in enumerate(self.blocks):
            h = block(self.impurity(self, h.clone()) if number == self.place else h)
        spk, syn, mem = self.b(self.second(self.a(h)))
        return spk, mem
