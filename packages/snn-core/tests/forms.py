"""Forms of nets that people write for one time step: what stands between their neurons, each in a small net."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from .blocks import (
    Average,
    Both,
    Bottleneck,
    Deep,
    DelayKernel,
    Excitation,
    FastWeights,
    Frozen,
    KeptDropout,
    Losers,
    Membrane,
    Of,
    Patches,
    Residual,
    Rounded,
    SelfAttention,
    Standardized,
    TokenAttention,
    Tokens,
    Windows,
    attended,
    before,
    between,
    convolutional,
    copied_in,
    ensemble,
    gumbel,
    head,
    iand,
    images,
    learned,
    lif,
    norms,
    pruned,
    rolled,
    sampled,
    sew,
    synaptic,
    tdbn,
    tokens,
    twice,
)


@dataclass(frozen=True)
class Form:
    """A net and its input.

    ``how`` is the kind of its schedule in training: "layers"; "steps" where as many random numbers are drawn as values
    of neurons say, a step leaves a tensor for the next, or a gradient is defined by code; or empty where none is
    promised, as Python reads a value or keeps one. ``classes`` is the number of values of an
    input of integers.
    """

    parts: Callable[[], list[nn.Module]]
    shape: tuple[int, ...] = (5,)
    batch: int = 3
    how: str = "layers"
    classes: int = 0

    def net(self) -> nn.Module:
        torch.manual_seed(1)
        net = nn.Sequential(*self.parts()).double()
        return net if len(net) > 1 else net[0]

    def input(self, steps: int, seed: int = 2) -> Tensor:
        shape, generator = (steps, self.batch, *self.shape), torch.Generator().manual_seed(seed)
        if self.classes:
            return torch.randint(self.classes, shape, generator=generator)
        return torch.rand(shape, generator=generator, dtype=torch.float64)


IMAGE, SEQUENCE = (2, 6, 5), (3, 5)
VECTORS = {
    "batch norm": Form(norms),
    "batch norm with a mean of all steps": Form(lambda: norms(momentum=None)),
    "batch norm without running statistics": Form(lambda: norms(track_running_stats=False), batch=4),
    "batch norm without weights": Form(lambda: norms(affine=False), batch=4),
    "batch norm that is frozen": Form(lambda: [nn.Linear(5, 6), lif(), Frozen(6), nn.Dropout(0.2), *head(6)]),
    "batch norm called twice": Form(
        lambda: between(twice, 6, part=nn.BatchNorm1d(6), first=nn.Linear(6, 6), second=nn.Linear(6, 6))
    ),
    "batch norm scaled by the threshold": Form(
        lambda: [Of(tdbn, fc=nn.Linear(5, 6), bn=nn.BatchNorm1d(6), lif=lif()), *head(6)]
    ),
    "batch norm of the input alone": Form(lambda: [nn.BatchNorm1d(5), nn.Linear(5, 4), lif(), *head(4)]),
    "dropout": Form(lambda: [nn.Dropout(0.2), nn.Linear(5, 6), lif(), nn.Dropout(0.4), *head(6)]),
    "dropout in place": Form(lambda: [nn.Linear(5, 6), nn.Dropout(0.4, inplace=True), synaptic(), *head(6)]),
    "dropout of a neuron's output": Form(lambda: between(lambda m, x: F.dropout(x, 0.3, m.training))),
    "dropout called twice": Form(
        lambda: between(twice, part=nn.Dropout(0.3), first=nn.Linear(6, 6), second=nn.Linear(6, 6))
    ),
    "dropout of weights": Form(
        lambda: between(lambda m, x: F.linear(x, F.dropout(m.weight, 0.3, m.training)), 4, weight=learned(4, 6))
    ),
    "alpha dropout": Form(lambda: [nn.Linear(5, 6), nn.SELU(), nn.AlphaDropout(0.3), lif(), *head(6)]),
    "residual": Form(lambda: [nn.Linear(5, 6), lif(), Residual(6), Residual(6), *head(6)], batch=4),
    "drop path": Form(lambda: [nn.Linear(5, 6), synaptic(), Deep(), *head(6)], batch=4),
    "noise": Form(lambda: before(lambda m, x: x + 0.1 * torch.randn_like(x))),
    "noise on a neuron's output": Form(lambda: between(lambda m, x: x + 0.1 * torch.randn_like(x))),
    "noise by a size": Form(lambda: before(lambda m, x: x * torch.rand(x.shape[0], 1, dtype=x.dtype))),
    "noise on weights": Form(
        lambda: between(lambda m, x: F.linear(x, m.weight + 0.1 * torch.randn_like(m.weight)), 4, weight=learned(4, 6))
    ),
    "noise by an empty tensor": Form(lambda: before(lambda m, x: x + 0.3 * torch.empty_like(x).uniform_(-1, 1))),
    "noise of one number": Form(lambda: between(lambda m, x: x + 0.3 * torch.randn((), dtype=x.dtype))),
    "noise around a neuron's output": Form(lambda: between(lambda m, x: torch.normal(x, 0.1)), how=""),
    "one mask for all samples": Form(lambda: between(lambda m, x: x * F.dropout(x.new_ones(1, x.shape[1]), 0.4))),
    "inputs left out": Form(lambda: before(lambda m, x: x.masked_fill(torch.rand_like(x) < 0.2, 0.0))),
    "a mask that is kept": Form(lambda: [nn.Linear(5, 6), lif(), KeptDropout(), *head(6)], how=""),
    "rolled by a random number": Form(lambda: between(rolled), how=""),  # which Python reads
    "a random code": Form(lambda: [nn.Linear(5, 6), lif(), Bottleneck(6), *head(4)]),
    "bernoulli of the input": Form(lambda: before(lambda m, x: torch.bernoulli(x))),
    "rate code of the input": Form(lambda: before(lambda m, x: (torch.rand_like(x) < x).to(x.dtype))),
    "poisson of the input": Form(lambda: before(lambda m, x: torch.poisson(2 * x))),
    "bernoulli of a neuron's output": Form(lambda: between(lambda m, x: torch.bernoulli(0.4 + 0.5 * x))),
    "random leaky relu": Form(lambda: before(lambda m, x: m.relu(x - 0.4), relu=nn.RReLU())),
    "random leaky relu behind a neuron": Form(  # draws for what is not positive only, so as many as there are
        lambda: between(lambda m, x: m.relu(m.fc(x)), relu=nn.RReLU(), fc=nn.Linear(6, 6)), how="steps"
    ),
    "gumbel noise": Form(lambda: between(gumbel)),
    "gumbel softmax": Form(lambda: between(lambda m, x: F.gumbel_softmax(m.fc(x), hard=True), 4, fc=nn.Linear(6, 4))),
    "shuffled samples": Form(lambda: between(lambda m, x: 0.7 * x + 0.3 * x[torch.randperm(x.shape[0])])),
    "less the mean of the batch": Form(lambda: between(lambda m, x: x - x.mean(0))),
    "less the mean of the features": Form(lambda: between(lambda m, x: x - x.mean(dim=-1, keepdim=True))),
    "rolled samples": Form(lambda: between(lambda m, x: x + torch.roll(x, 1, dims=0)), batch=4),
    "over the number of all spikes": Form(lambda: between(lambda m, x: x / (x.sum() + 1))),
    "running mean": Form(lambda: [nn.Linear(5, 6), Average(6), lif(), Average(6), *head(6)]),
    "running mean replaced": Form(
        lambda: [nn.Linear(5, 6), Average(6, False), lif(), Average(6, False), *head(6)], how="steps"
    ),
    "running mean called twice": Form(
        lambda: between(twice, part=Average(6), first=nn.Linear(6, 6), second=nn.Linear(6, 6))
    ),
    "fast weights": Form(lambda: [nn.Linear(5, 6), lif(), FastWeights(6), lif(), *head(6)], how="steps"),
    "spectral norm": Form(
        lambda: [parametrizations.spectral_norm(nn.Linear(5, 6)), lif(), nn.Dropout(0.2), *head(6)], batch=4
    ),
    "weight norm": Form(lambda: [parametrizations.weight_norm(nn.Linear(5, 6)), nn.BatchNorm1d(6), lif(), *head(6)]),
    "pruned weights": Form(lambda: [pruned(nn.Linear(5, 6)), nn.BatchNorm1d(6), lif(), *head(6)], how=""),
    "a low-rank part of weights": Form(
        lambda: between(
            lambda m, x: m.fc(x) + F.linear(x, m.a @ m.b), 4, fc=nn.Linear(6, 4), a=learned(4, 2), b=learned(2, 6)
        )
    ),
    "a branch on the number of samples": Form(
        lambda: between(lambda m, x: x - x.mean(0) if x.shape[0] > 1 else 2 * x), how=""
    ),
    "rounding with its own gradient": Form(
        lambda: between(lambda m, x: Rounded.apply(m.fc(x)), fc=nn.Linear(6, 6)), how="steps"
    ),
    "rounded weights": Form(
        lambda: between(
            lambda m, x: F.linear(x, m.weight + (m.weight.sign() - m.weight).detach()), 4, weight=learned(4, 6)
        )
    ),
    "sorted": Form(lambda: between(lambda m, x: m.fc(x).sort(dim=-1).values, fc=nn.Linear(6, 6))),
    "cumulative sum": Form(lambda: between(lambda m, x: x.cumsum(-1))),
    "lateral inhibition": Form(lambda: [nn.Linear(5, 6), Losers(), lif(), *head(6)]),
    "winner of a layer": Form(
        lambda: between(lambda m, x: F.one_hot(m.fc(x).argmax(1), 6).to(x.dtype) * m.fc(x), fc=nn.Linear(6, 6))
    ),
    "an entry of each sample": Form(
        lambda: between(lambda m, x: x - x[torch.arange(x.shape[0]), x.argmax(1)].unsqueeze(1)), batch=4
    ),
    "distances to centers": Form(lambda: between(lambda m, x: torch.cdist(x, m.centers), 4, centers=learned(4, 6))),
    "unit length": Form(lambda: [nn.Linear(5, 6), Of(lambda m, x: F.normalize(x, dim=-1)), lif(), *head(6)]),
    "spectrum": Form(lambda: before(lambda m, x: torch.fft.rfft(x).abs(), 3)),
    "bilinear": Form(lambda: between(lambda m, x: m.two(x, m.fc(x)), 4, two=nn.Bilinear(6, 2, 4), fc=nn.Linear(6, 2))),
    "ensemble": Form(
        lambda: between(ensemble, 4, a=nn.Linear(6, 4), b=nn.Linear(6, 4), c=nn.Sequential(nn.Linear(6, 4), lif()))
    ),
    "split and joined": Form(
        lambda: between(
            lambda m, x: torch.cat([m.a(x.chunk(2, dim=1)[0]), m.b(x.chunk(2, dim=1)[1])], 1),
            a=nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), lif()),
            b=nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.2), synaptic()),
        )
    ),
    "chosen by a mask": Form(lambda: between(lambda m, x: torch.where(x > 0, m.weight, 0.1 * x), weight=learned(6))),
    "copied in": Form(lambda: between(copied_in, 8)),
    "checkpoint": Form(
        lambda: between(
            lambda m, x: checkpoint(m.block, x, use_reentrant=False),
            block=nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6)),
        )
    ),
    "a dict of branches": Form(lambda: [Both()]),
    "lstm within a step": Form(
        lambda: between(lambda m, x: m.lstm(x.view(-1, 3, 2))[0].flatten(1), lstm=nn.LSTM(2, 2, batch_first=True))
    ),
    "gru within a step": Form(
        lambda: between(
            lambda m, x: m.gru(x.reshape(x.shape[0], 3, 2).transpose(0, 1))[1].squeeze(0), 4, gru=nn.GRU(2, 4)
        )
    ),
    "lstm with dropout within a step": Form(
        lambda: between(
            lambda m, x: m.lstm(x.view(-1, 3, 2))[0][:, -1],
            4,
            lstm=nn.LSTM(2, 4, num_layers=2, dropout=0.3, batch_first=True),
        )
    ),
}
TOKENS = {
    "self-attention": Form(lambda: tokens(SelfAttention()), SEQUENCE),
    "self-attention with batch norm": Form(lambda: tokens(SelfAttention(nn.BatchNorm1d)), SEQUENCE),
    "attention by einsum": Form(
        lambda: tokens(
            Of(lambda m, x: torch.einsum("bnc,bmc,bmd->bnd", m.q(x), m.k(x), x), q=nn.Linear(4, 4), k=lif())
        ),
        SEQUENCE,
    ),
    "attention by bmm": Form(
        lambda: tokens(Of(lambda m, x: torch.bmm(F.softmax(torch.bmm(x, m.k(x).mT), -1), x), k=nn.Linear(4, 4))),
        SEQUENCE,
    ),
    "scaled dot product attention": Form(lambda: tokens(Of(attended, qkv=nn.Linear(4, 12))), SEQUENCE),
    "scaled dot product attention with dropout": Form(
        lambda: tokens(Of(lambda m, x: attended(m, x, 0.3 * m.training), qkv=nn.Linear(4, 12))), SEQUENCE
    ),
    "multihead attention": Form(
        lambda: tokens(
            Of(
                lambda m, x: m.attention(x, x, x, need_weights=False)[0],
                attention=nn.MultiheadAttention(4, 2, batch_first=True),
            )
        ),
        SEQUENCE,
    ),
    "multihead attention with dropout": Form(
        lambda: tokens(
            Of(lambda m, x: m.attention(x, x, x)[0] + x, attention=nn.MultiheadAttention(4, 2, 0.3, batch_first=True)),
            nn.Dropout(0.2),
        ),
        SEQUENCE,
    ),
    "encoder layer": Form(
        lambda: tokens(nn.TransformerEncoderLayer(4, 2, 6, dropout=0.2, batch_first=True, norm_first=True)), SEQUENCE
    ),
    "embedding": Form(
        lambda: [nn.Embedding(11, 4), nn.Flatten(), nn.Linear(12, 6), nn.BatchNorm1d(6), lif(), *head(6)],
        (3,),
        classes=11,
    ),
    "batch norm of all tokens": Form(
        lambda: tokens(Of(lambda m, x: m.bn(x.reshape(-1, 4)).reshape(x.shape), bn=nn.BatchNorm1d(4)), lif()), SEQUENCE
    ),
    "layer norm over tokens": Form(
        lambda: tokens(Of(lambda m, x: m.norm(x.transpose(1, 2)).transpose(1, 2), norm=nn.LayerNorm(3))), SEQUENCE
    ),
    "token mixing": Form(
        lambda: tokens(
            Of(
                lambda m, x: x + m.mix(x.transpose(1, 2)).transpose(1, 2),
                mix=nn.Sequential(nn.Linear(3, 5), nn.GELU(), nn.Dropout(0.2), nn.Linear(5, 3)),
            ),
            lif(),
        ),
        SEQUENCE,
    ),
    "convolution over tokens": Form(
        lambda: tokens(nn.Conv1d(3, 3, 3, padding=1), nn.BatchNorm1d(3), lif(), DelayKernel()), SEQUENCE
    ),
    "a token in front": Form(lambda: tokens(Tokens(), nn.Dropout(0.2), lif(), SelfAttention(nn.BatchNorm1d)), SEQUENCE),
    "group norm of tokens": Form(lambda: tokens(nn.GroupNorm(3, 3), lif(), nn.Dropout1d(0.4)), SEQUENCE, batch=4),
}
IMAGES = {
    "batch norm of images": Form(lambda: convolutional(nn.BatchNorm2d(3)), IMAGE),
    "batch norm of images with a mean of all steps": Form(
        lambda: convolutional(nn.BatchNorm2d(3, momentum=None, track_running_stats=True)), IMAGE, batch=4
    ),
    "dropout of channels": Form(lambda: convolutional(nn.Dropout2d(0.4)), IMAGE),
    "instance norm with statistics": Form(lambda: convolutional(nn.InstanceNorm2d(3, track_running_stats=True)), IMAGE),
    "softmax over channels": Form(lambda: convolutional(nn.Softmax(dim=1), nn.LocalResponseNorm(2)), IMAGE),
    "SEW add": Form(lambda: sew(torch.add), IMAGE),
    "SEW and": Form(lambda: sew(torch.mul), IMAGE),
    "SEW iand": Form(lambda: sew(iand), IMAGE),
    "membrane shortcut": Form(lambda: images(Membrane(), lif(), nn.AdaptiveAvgPool2d((2, 1)), width=8), IMAGE),
    "token attention": Form(
        lambda: images(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), lif(), TokenAttention(), nn.AdaptiveAvgPool2d(1), width=4
        ),
        IMAGE,
    ),
    "patches": Form(lambda: [Patches(), SelfAttention(nn.BatchNorm1d), nn.Flatten(), *head(24)], IMAGE),
    "squeeze and excitation": Form(lambda: convolutional(nn.BatchNorm2d(3), Excitation(3)), IMAGE),
    "standardized weights": Form(lambda: images(Standardized(2, 3, 3), lif(), nn.MaxPool2d(2), width=6), IMAGE),
    "depthwise convolution": Form(
        lambda: convolutional(nn.Conv2d(3, 3, 3, padding=1, groups=3), nn.BatchNorm2d(3), nn.ReLU(inplace=True)), IMAGE
    ),
    "fractional pooling": Form(
        lambda: images(nn.Conv2d(2, 3, 3), lif(), nn.FractionalMaxPool2d(2, output_size=(2, 2)), width=12), IMAGE
    ),
    "unfolded": Form(
        lambda: images(
            lif(threshold=0.8), Of(lambda m, x: F.unfold(x, 3).transpose(1, 2)), nn.Linear(18, 2), lif(), width=24
        ),
        IMAGE,
    ),
    "grid sample": Form(
        lambda: images(Of(sampled, theta=learned(2, 3)), nn.Conv2d(2, 3, 3), lif(), width=36), IMAGE, batch=4
    ),
    "interpolation": Form(
        lambda: convolutional(Of(lambda m, x: F.interpolate(x, size=(5, 3), mode="bilinear"))), IMAGE
    ),
    "attention in windows": Form(lambda: images(lif(threshold=0.8), Windows(), lif(threshold=0.1), width=60), IMAGE),
    "pixels to channels": Form(
        lambda: images(nn.Conv2d(2, 3, 2), nn.ZeroPad2d((0, 0, 0, 1)), nn.PixelUnshuffle(2), lif(), width=72), IMAGE
    ),
}
FORMS: dict[str, Form] = VECTORS | TOKENS | IMAGES
