"""Blocks, layers and functions of one time step that people put between the neurons of a net."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import prune

import snn_core as snn


class Of(nn.Module):
    """A module of named parts, whose forward is a function."""

    def __init__(self, function: Callable[[Any, Tensor], Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, nn.Module | nn.Parameter):
                setattr(self, name, part)
            else:
                self.register_buffer(name, part)

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def lif(**options: Any) -> snn.Leaky:
    return snn.Leaky(**{"beta": 0.7, "threshold": 0.23, "init_hidden": True} | options)


def synaptic(**options: Any) -> snn.Synaptic:
    return snn.Synaptic(**{"alpha": 0.6, "beta": 0.7, "threshold": 0.31, "init_hidden": True} | options)


def learned(*sizes: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(sizes) / 2)


def head(width: int) -> list[nn.Module]:
    """The last layer, which gives spikes and membrane."""
    return [nn.Linear(width, 3), lif(beta=0.9, learn_beta=True, output=True)]


def between(function: Callable[[Any, Tensor], Tensor], width: int = 6, **parts: Any) -> list[nn.Module]:
    """Layers that map spikes [B, 6] to [B, width], between a first and a last layer."""
    return [nn.Linear(5, 6), lif(), Of(function, **parts), *head(width)]


def before(function: Callable[[Any, Tensor], Tensor], width: int = 5, **parts: Any) -> list[nn.Module]:
    """Layers that map the input [B, 5] to [B, width], in front of two layers."""
    return [Of(function, **parts), nn.Linear(width, 6), synaptic(), *head(6)]


def tokens(*blocks: nn.Module, width: int = 4) -> list[nn.Module]:
    """Blocks that map tokens [B, N, width] to the like, between an embedding and a mean over the tokens."""
    return [nn.Linear(5, width), lif(), *blocks, Of(lambda m, x: x.mean(1)), *head(width)]


def images(*blocks: nn.Module, width: int) -> list[nn.Module]:
    """Blocks that map images [B, 2, 6, 5] to ``width`` numbers, and a last layer."""
    return [*blocks, nn.Flatten(), *head(width)]


class Residual(nn.Module):
    """A block of a residual net of vectors, with batch norm and dropout.

    Its ``eps`` keeps a neuron that is silent in all samples from amplifying rounding errors of gradients.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.bn1, self.lif1 = nn.Linear(width, width), nn.BatchNorm1d(width, eps=0.1), lif()
        self.fc2, self.bn2, self.lif2 = nn.Linear(width, width), nn.BatchNorm1d(width, eps=0.1), synaptic()
        self.drop = nn.Dropout(0.2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.drop(self.lif1(self.bn1(self.fc1(x))))
        return self.lif2(self.bn2(self.fc2(h)) + x)


class Sew(nn.Module):
    """A block of a spike-element-wise residual net."""

    def __init__(self, connect: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.bn1, self.bn2, self.lif1, self.lif2 = nn.BatchNorm2d(3), nn.BatchNorm2d(3), lif(), lif()
        self.connect = connect

    def forward(self, x: Tensor) -> Tensor:
        return self.connect(self.lif2(self.bn2(self.conv2(self.lif1(self.bn1(self.conv1(x)))))), x)


class Membrane(nn.Module):
    """A block whose shortcut goes from membrane to membrane, added in place."""

    def __init__(self) -> None:
        super().__init__()
        self.lif1, self.conv1, self.bn1 = lif(), nn.Conv2d(2, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4)
        self.lif2, self.conv2, self.bn2 = lif(), nn.Conv2d(4, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4)
        self.short = nn.Sequential(nn.Conv2d(2, 4, 1, 2, bias=False), nn.BatchNorm2d(4))

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.lif2(self.bn1(self.conv1(self.lif1(x))))))
        out += self.short(x)
        return out


class SelfAttention(nn.Module):
    """Spiking self-attention over tokens, without a softmax."""

    def __init__(self, norm: Callable[[int], nn.Module] = nn.Identity, width: int = 4, heads: int = 2) -> None:
        super().__init__()
        self.heads, self.scale = heads, 0.25
        for name in "qkv":
            setattr(self, name, nn.Linear(width, width))
            setattr(self, f"{name}_norm", norm(width))
            setattr(self, f"{name}_lif", lif())
        self.attn_lif, self.proj, self.proj_norm, self.proj_lif = lif(), nn.Linear(width, width), norm(width), lif()

    def part(self, name: str, x: Tensor) -> Tensor:
        B, N, C = x.shape
        h = getattr(self, f"{name}_norm")(getattr(self, name)(x).transpose(-1, -2)).transpose(-1, -2)
        h = getattr(self, f"{name}_lif")(h.contiguous())
        return h.reshape(B, N, self.heads, C // self.heads).permute(0, 2, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        B, N, C = x.shape
        q, k, v = (self.part(name, x) for name in "qkv")
        h = (q @ k.transpose(-2, -1)) * self.scale @ v
        h = self.attn_lif(h.transpose(1, 2).reshape(B, N, C).contiguous())
        return self.proj_lif(self.proj_norm(self.proj(h).transpose(-1, -2)).transpose(-1, -2).contiguous()) + x


class TokenAttention(nn.Module):
    """Attention in which the spikes of a query, summed over each head, let the tokens of the key through."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.q_bn, self.q_lif = nn.Conv1d(4, 4, 1, bias=False), nn.BatchNorm1d(4), lif()
        self.k, self.k_bn, self.k_lif = nn.Conv1d(4, 4, 1, bias=False), nn.BatchNorm1d(4), lif()
        self.attn, self.proj, self.bn, self.lif = lif(threshold=0.9), nn.Conv1d(4, 4, 1), nn.BatchNorm1d(4), lif()

    def forward(self, x: Tensor) -> Tensor:
        B, C, H, W = x.shape
        x = x.flatten(2)
        q = self.q_lif(self.q_bn(self.q(x))).unsqueeze(1).reshape(B, 2, C // 2, H * W)
        k = self.k_lif(self.k_bn(self.k(x))).reshape(B, 2, C // 2, H * W)
        x = torch.mul(self.attn(torch.sum(q, dim=2, keepdim=True)), k).flatten(1, 2)
        return self.lif(self.bn(self.proj(x)).reshape(B, C, H, W))


class Patches(nn.Module):
    """Tokens from an image: convolution, batch norm, neurons, and the maximum over windows."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.lif, self.pool = nn.Conv2d(2, 4, 3, 1, 1), nn.BatchNorm2d(4), lif(), nn.MaxPool2d(2)
        self.pos = nn.Parameter(torch.rand(1, 6, 4) / 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.lif(self.bn(self.conv(x)))).flatten(2).transpose(-1, -2) + self.pos


class Excitation(nn.Module):
    """Attention over channels, by squeeze and excitation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool, self.fc1, self.fc2 = nn.AdaptiveAvgPool2d(1), nn.Linear(width, 2), nn.Linear(2, width)

    def forward(self, x: Tensor) -> Tensor:
        b, c, _, _ = x.size()
        y = torch.sigmoid(self.fc2(F.relu(self.fc1(self.pool(x).view(b, c)), inplace=True))).view(b, c, 1, 1)
        return x * y.expand_as(x)


class DropPath(nn.Module):
    """Stochastic depth: leaves the branch of some samples out."""

    def __init__(self, keep: float) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(self.keep)
        mask.div_(self.keep)
        return x * mask


class KeptDropout(nn.Module):
    """Dropout by the mask of the first call."""

    def __init__(self) -> None:
        super().__init__()
        self.mask: Any = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        if self.mask is None or len(self.mask) < len(x):
            self.mask = F.dropout(torch.ones_like(x), 0.3).detach()
        return x * self.mask[: len(x)]


class Deep(nn.Module):
    """Layers in a list, each with a branch that is left out at random."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm1d(6, eps=0.1) for _ in range(3))  # as in Residual
        self.spikes = nn.ModuleList(lif() for _ in range(3))
        self.path = DropPath(0.7)

    def forward(self, x: Tensor) -> Tensor:
        for layer, norm, spike in zip(self.layers, self.norms, self.spikes, strict=True):
            x = x + self.path(spike(norm(layer(x))))
        return x


class Frozen(nn.BatchNorm1d):
    """Batch norm that never trains."""

    def train(self, mode: bool = True) -> Frozen:
        return super().train(False)


class Average(nn.Module):
    """Subtracts a running mean, which it keeps in a buffer."""

    mean: Tensor

    def __init__(self, width: int, in_place: bool = True) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.in_place = in_place

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                if self.in_place:
                    self.mean.mul_(0.8).add_(x.mean(0), alpha=0.2)
                else:
                    self.mean = torch.lerp(self.mean, x.mean(0), 0.2)
        return x - self.mean


class FastWeights(nn.Module):
    """A layer with a trace of its input's correlations as a part of its weights."""

    trace: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(width, width)
        self.register_buffer("trace", torch.zeros(width, width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(x) + x @ self.trace
        self.trace = 0.8 * self.trace + (0.1 / len(x) * x.t() @ y).detach()
        return y


class DelayKernel(nn.Module):
    """A convolution along an axis by a kernel that is built from learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.position = learned(3, 1), nn.Parameter(torch.tensor([[0.6], [1.7], [3.1]]))

    def forward(self, x: Tensor) -> Tensor:
        place = torch.arange(5, device=x.device, dtype=x.dtype)
        bump = torch.exp(-((place - self.position) ** 2) / 2)
        kernel = self.weight * bump / (bump.sum(-1, keepdim=True) + 1e-7)
        return F.conv1d(F.pad(x, (4, 0)), kernel.unsqueeze(1), groups=3)


class Standardized(nn.Conv2d):
    """A convolution whose weights are standardized in each call."""

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(self.weight, dim=[1, 2, 3], keepdim=True, unbiased=False)
        return self._conv_forward(x, (self.weight - mean) * torch.rsqrt(var + 1e-4), self.bias)


class Rounded(torch.autograd.Function):
    """Rounding to quarters, with the gradient of the identity within a range."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (4 * x).round() / 4

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * (ctx.saved_tensors[0].abs() < 1)


class Windows(nn.Module):
    """Attention within windows: all windows of all images in one axis."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(2, 6)

    def forward(self, x: Tensor) -> Tensor:
        B, C, H, W = x.shape
        h = x.permute(0, 2, 3, 1).view(B, H // 3, 3, W // 5, 5, C).permute(0, 1, 3, 2, 4, 5).contiguous()
        q, k, v = self.qkv(h.view(-1, 15, C)).chunk(3, dim=-1)
        h = (q @ k.transpose(-2, -1)).softmax(-1) @ v
        h = h.view(B, H // 3, W // 5, 3, 5, C).permute(0, 1, 3, 2, 4, 5).reshape(B, H, W, C)
        return h.permute(0, 3, 1, 2).contiguous()


class Losers(nn.Module):
    """Lateral inhibition: keeps the largest inputs of each sample only."""

    def forward(self, x: Tensor) -> Tensor:
        winners = torch.zeros_like(x).scatter_(1, x.topk(2, dim=1).indices, 1.0)
        return x * winners


class Tokens(nn.Module):
    """Puts a learned token in front of the others."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.position = learned(1, 1, 4), learned(1, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.token.expand(x.shape[0], -1, -1), x), dim=1) + self.position


class Bottleneck(nn.Module):
    """A random code around a mean, both of which are learned."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mu, self.logvar = nn.Linear(width, 4), nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        mu, logvar = self.mu(x), self.logvar(x)
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


class Both(nn.Module):
    """Spikes and membranes of two branches, in a dict, one of them with the input of the net behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.bn, self.a, self.b = nn.Linear(5, 4), nn.BatchNorm1d(4), lif(), synaptic(output=True)
        self.out, self.last = nn.Linear(9, 4), snn.RLeaky(beta=0.8, linear_features=4, init_hidden=True, output=True)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = self.bn(self.fc(x))
        spk, syn, mem = self.b(h)
        recurrent, last = self.last(self.out(torch.cat([self.a(h) * spk, x], dim=1)))
        return {"spk": recurrent, "mem": mem, "last": last}


def iand(h: Tensor, x: Tensor) -> Tensor:
    return x * (1.0 - h)


def gumbel(m: Any, x: Tensor) -> Tensor:
    return F.softmax((x - torch.log(-torch.log(torch.rand_like(x) + 1e-9))) / 0.7, dim=-1)


def copied_in(m: Any, x: Tensor) -> Tensor:
    y = x.new_zeros(x.shape[0], 8)
    y[:, 1:7] = x
    return y


def ensemble(m: Any, x: Tensor) -> Tensor:
    return torch.stack([part(x) for part in (m.a, m.b, m.c)]).mean(0)


def rolled(m: Any, x: Tensor) -> Tensor:
    return x.roll(int(torch.randint(6, ())), dims=1)


def pruned(layer: nn.Linear) -> nn.Linear:
    return prune.random_unstructured(layer, "weight", amount=0.3)


def twice(m: Any, x: Tensor) -> Tensor:
    return m.part(m.first(x)) - m.part(m.second(x))


def sampled(m: Any, x: Tensor) -> Tensor:
    grid = F.affine_grid(m.theta.unsqueeze(0).expand(x.shape[0], -1, -1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def attended(m: Any, x: Tensor, p: float = 0.0) -> Tensor:
    q, k, v = m.qkv(x).reshape(x.shape[0], 3, 3, 2, 2).permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v, dropout_p=p).transpose(1, 2).reshape(x.shape)


def norms(**options: Any) -> list[nn.Module]:
    return [nn.Linear(5, 6), nn.BatchNorm1d(6, **options), lif(), nn.Dropout(0.3), nn.Linear(6, 4), *norm_and_out()]


def norm_and_out() -> list[nn.Module]:
    return [nn.BatchNorm1d(4), lif(output=True)]


def convolutional(*blocks: nn.Module) -> list[nn.Module]:
    return images(nn.Conv2d(2, 3, 3), *blocks, lif(), nn.MaxPool2d(2), width=6)


def sew(connect: Callable[[Tensor, Tensor], Tensor]) -> list[nn.Module]:
    return images(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), lif(), Sew(connect), nn.AdaptiveAvgPool2d(1), width=3)


def tdbn(m: Any, x: Tensor) -> Tensor:
    return m.lif(0.7 * m.lif.threshold * m.bn(m.fc(x)))
