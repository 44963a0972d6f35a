"""Whatever a user's ``forward`` does with the batch axis, ``unroll`` gives what the loop gives."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import snn_core as snn

from .zoo import call_loop, close

BIAS = torch.linspace(-1, 1, 12, dtype=torch.float64).view(3, 4)

# on x of [batch 3, features 4]: what each sample does alone, and may run layer by layer
ALONE: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "sigmoid": torch.sigmoid,
    "arithmetic": lambda x: 2 * x - x / 3 + 1,
    "cat features": lambda x: torch.cat([x, -x], dim=1),
    "cat last": lambda x: torch.cat([x, -x], dim=-1),
    "flatten": lambda x: x.flatten(1),
    "torch.flatten": lambda x: torch.flatten(x, 1),
    "view": lambda x: x.view(x.size(0), -1),
    "view of shape": lambda x: x.view(x.shape[0], -1),
    "reshape": lambda x: x.reshape(x.size(0), 2, 2).reshape(x.size(0), -1),
    "linear, by name": lambda x: functional.linear(weight=BIAS, input=x),
    "matmul, by name": lambda x: torch.matmul(other=BIAS.t(), input=x),
    "mm, by name": lambda x: x.mm(mat2=BIAS.t()),
    "elu in place, by position": lambda x: functional.elu(2 * x, 1.0, True),
    "hardtanh in place, by position": lambda x: functional.hardtanh(2 * x, -1.0, 0.5, True),
    "relu in place, by name": lambda x: torch.relu_(input=x),
    "clamp, by name": lambda x: torch.clamp(max=0.5, input=x),
    "where, by name": lambda x: torch.where(other=-x, input=x, condition=x > 0.5),
    "where of a method, by name": lambda x: x.where(other=-x, condition=x > 0.5),
    "cat, by name": lambda x: torch.cat(dim=1, tensors=[x, -x]),
    "sum, by name": lambda x: torch.sum(dim=1, keepdim=True, input=x),
    "reshape, by name": lambda x: torch.reshape(shape=(x.shape[0], 2, 2), input=x),
    "batched product": lambda x: x.reshape(x.size(0), 2, 2) @ x.reshape(x.size(0), 2, 2).transpose(-2, -1),
    "bmm": lambda x: torch.bmm(x.unsqueeze(2), x.unsqueeze(1)),
    "einsum of samples": lambda x: torch.einsum("bi,bj->bij", x, x),
    "attention": lambda x: functional.scaled_dot_product_attention(*3 * [x.reshape(x.size(0), 2, 2)]),
    "permuted behind the batch": lambda x: x.reshape(x.size(0), 2, 2).permute(0, 2, 1),
    "transposed behind the batch": lambda x: x.reshape(x.size(0), 2, 2).transpose(1, 2),
    "moved behind the batch": lambda x: x.reshape(x.size(0), 2, 2).movedim(1, -1),
    "embedding": lambda x: functional.embedding((x > 0.5).long(), BIAS),
    "stacked features": lambda x: torch.stack([x, -x], dim=1),
    "cumulative features": lambda x: x.cumsum(1),
    "sorted features": lambda x: x.sort().values,
    "order of features": lambda x: x.argsort(dim=1).double(),
    "largest two": lambda x: x.topk(2).values,
    "largest feature with its index": lambda x: torch.stack(tuple(x.max(1)), dim=1),
    "flipped": lambda x: x.flip(1),
    "rolled features": lambda x: x.roll(1, 1),
    "spread": lambda x: x / x.std(1, keepdim=True),
    "norm of samples": lambda x: x / x.norm(dim=1, keepdim=True),
    "normalized": lambda x: functional.normalize(x),
    "gated": lambda x: functional.glu(x),
    "unfolded": lambda x: functional.unfold(x.reshape(x.shape[0], 1, 2, 2), 2),
    "remainder": lambda x: x.remainder(0.3).atan(),
    "max_pool2d, by name": lambda x: functional.max_pool2d(input=x.reshape(x.shape[0], 1, 2, 2), kernel_size=2),
}
# what mixes samples, depends on their number, or may do so; which of them run in layers is not promised
OTHERS: dict[str, Callable[[Tensor], Tensor]] = {
    "batch size as a number": lambda x: x * x.size(0) / 3,
    "batch size in a division": lambda x: x / x.shape[0],
    "length": lambda x: x / len(x),
    "a comparison of the batch size": lambda x: x if x.shape[0] == 3 else 0 * x,
    "element count": lambda x: x / x.numel(),
    "shape passed on": lambda x: x + torch.ones(x.shape, dtype=x.dtype),
    "new zeros": lambda x: x + x.new_zeros(x.shape[0], 4),
    "a constant of the size of the batch": lambda x: x + BIAS,
    "a constant row": lambda x: x + BIAS[0],
    "mean of all": lambda x: x - x.mean(),
    "mean of the batch": lambda x: x - x.mean(0),
    "mean of the batch, from the end": lambda x: x - x.mean(-2),
    "mean of features": lambda x: x - x.mean(1, keepdim=True),
    "mean of the last axis": lambda x: x - x.mean(dim=-1, keepdim=True),
    "sum without its axis": lambda x: x.sum(-1),
    "largest of all": lambda x: x / x.max(),
    "largest feature": lambda x: x - x.max(1, keepdim=True).values,
    "clamped by the batch": lambda x: x.clamp(max=x.mean()),
    "norm": lambda x: x / x.norm(),
    "normalize": lambda x: functional.normalize(x),
    "normalize the batch": lambda x: functional.normalize(x, dim=0),
    "softmax": lambda x: functional.softmax(x, dim=1),
    "softmax of the batch": lambda x: functional.softmax(x, dim=0),
    "softmax of the batch, from the end": lambda x: x.softmax(-2),
    "layer norm": lambda x: functional.layer_norm(x, (4,)),
    "layer norm of the batch": lambda x: functional.layer_norm(x, x.shape),
    "batch norm": lambda x: functional.batch_norm(x, None, None, training=True),
    "cat of the batch": lambda x: torch.cat([x, -x], dim=0),
    "cat of the batch, from the end": lambda x: torch.cat([x, -x], dim=-2),
    "stack": lambda x: torch.stack([x, -x]),
    "stack features": lambda x: torch.stack([x, -x], dim=1),
    "cat with a constant": lambda x: torch.cat([x, BIAS], dim=1),
    "transposed": lambda x: x.t(),
    "transposed twice": lambda x: (x.t() + 1).t(),
    "permuted": lambda x: x.permute(1, 0),
    "unsqueezed in front": lambda x: x.unsqueeze(0),
    "unsqueezed behind": lambda x: x.unsqueeze(-1),
    "viewed with a free first axis": lambda x: x.view(-1, 4),
    "viewed across samples": lambda x: x.view(-1, 2),
    "viewed in a fixed batch": lambda x: x.view(3, 2, 2),
    "viewed as half the batch": lambda x: x.view(x.size(0) // 3, -1),
    "flattened altogether": lambda x: x.flatten().view(3, 4),
    "flattened from the end": lambda x: x.flatten(-2).view(3, 4),
    "first sample": lambda x: x[:1],
    "first feature": lambda x: x[:, :1],
    "all but the last": lambda x: x[:-1],
    "flipped batch": lambda x: x.flip(0),
    "flipped features": lambda x: x.flip(1),
    "rolled": lambda x: x.roll(1),
    "rolled batch": lambda x: x.roll(1, 0),
    "sorted batch": lambda x: x.sort(0).values,
    "cumulative": lambda x: x.cumsum(0),
    "gram matrix": lambda x: x @ x.t(),
    "matrix product": lambda x: x @ BIAS.t(),
    "repeated": lambda x: x.repeat(2, 1),
    "expanded": lambda x: x.unsqueeze(1).expand(3, 2, 4),
    "split": lambda x: x.split(2, dim=1)[0],
    "split batch": lambda x: x.split(2)[0],
    "chunked": lambda x: torch.cat(x.chunk(2, dim=1), dim=1),
    "where": lambda x: torch.where(x > x.mean(), x, 0 * x),
    "einsum": lambda x: torch.einsum("bi,ci->bc", x, x),
    "in place": lambda x: x.add_(1),
    "relu in place": lambda x: functional.relu(x, inplace=True),
    "glu": lambda x: functional.glu(x, dim=-1),
    "glu of the batch": lambda x: functional.glu(x.repeat(2, 1), dim=0),
    "pooled": lambda x: functional.max_pool1d(x.unsqueeze(1), 2).squeeze(1),
    "pooled over the batch": lambda x: functional.max_pool1d(x, 2),
    "padded": lambda x: functional.pad(x, (1, 1)),
    "padded batch": lambda x: functional.pad(x, (0, 0, 1, 1)),
    "cast": lambda x: x.float().double(),
    "detached": lambda x: x.detach() + x,
}


class Net(nn.Module):
    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)
        self.between = between
        self.spike = snn.Leaky(beta=0.7, threshold=0.3, init_hidden=True, output=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.spike(self.between(self.linear(x)))


def net_and_input(between: Callable[[Tensor], Tensor]) -> tuple[Net, Tensor]:
    torch.manual_seed(0)
    return Net(between).double(), 2 * torch.randn(7, 3, 5, dtype=torch.float64)


@pytest.mark.parametrize("between", ALONE.values(), ids=ALONE)
def test_functions_of_each_sample_alone_run_layer_by_layer(between: Callable[[Tensor], Tensor]) -> None:
    net, xs = net_and_input(between)
    outputs, schedule = snn.unroll(net, xs, explain=True)
    assert schedule.kind == "layers", schedule.reason
    close(outputs, call_loop(net, xs))


@pytest.mark.exhaustive
@pytest.mark.parametrize("between", OTHERS.values(), ids=OTHERS)
def test_any_other_function_gives_the_numbers_of_the_loop(between: Callable[[Tensor], Tensor]) -> None:
    net, xs = net_and_input(between)
    expected = call_loop(net, xs)
    outputs, schedule = snn.unroll(net, xs, explain=True)
    close(outputs, expected)
    if schedule.kind == "steps":
        assert schedule.reason
    # and where the number of steps is that of the samples, so that a mix-up of the axes could hide
    square = xs[:3]
    close(snn.unroll(net, square), call_loop(net, square))
    alone = xs[:1]
    close(snn.unroll(net, alone), call_loop(net, alone))


class Reshaped(nn.Module):
    """A net that makes rows of so many numbers, and samples of them again."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.conv = nn.Conv1d(1, 2, 2)
        self.pool = nn.AvgPool1d(2)
        self.spike = snn.Leaky(beta=0.7, threshold=0.1, init_hidden=True, output=True)
        self.linear = nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.spike(self.pool(self.conv(x.view(-1, 1, 5))))
        return self.linear(hidden[1].reshape(-1, self.features)).reshape(-1, 4)


@pytest.mark.exhaustive
@pytest.mark.parametrize("batch", [1, 2, 3, 4])
@pytest.mark.parametrize("steps", [2, 4, 5])
@pytest.mark.parametrize("features", [2, 4, 8, 16])
def test_rows_that_are_counted_by_torch_are_samples_or_made_in_each_step(features: int, steps: int, batch: int) -> None:
    torch.manual_seed(0)
    net, xs = Reshaped(features).double(), torch.randn(steps, batch, 5, dtype=torch.float64)
    # of four numbers a sample
    if batch * 4 % features:
        for run in (snn.backends.explain, snn.unroll):
            with pytest.raises(RuntimeError, match="invalid for input of size"):
                run(net, xs)
        return
    plan = snn.backends.explain(net, xs)
    assert plan.kind == "layers"
    reason = f"'reshape' makes rows of {features} numbers from samples of 4; use x.flatten(1)"
    assert (reason in str(plan)) == (features != 4)
    assert net.spike.mem.shape == (0,)
    close(snn.unroll(net, xs), call_loop(net, xs))


class Broadcasts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 3)
        self.spike = snn.Leaky(beta=0.7, threshold=0.1, init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.spike(x.reshape(-1, 3) + self.linear(x))


def test_one_sample_that_is_added_to_several_rows_runs_as_in_the_loop() -> None:
    net, xs = Broadcasts(), torch.randn(5, 1, 6)
    close(snn.unroll(net, xs), call_loop(net, xs))


def test_a_net_is_usable_after_a_forward_that_failed() -> None:
    net, xs = net_and_input(functional.relu)
    expected = call_loop(net, xs)
    with pytest.raises((ValueError, RuntimeError)):
        snn.unroll(net, xs[..., :4])
    close(snn.unroll(net, xs), expected)
    close(call_loop(net, xs), expected)


class Called(nn.Module):
    """A net of one layer, which a ``forward`` of its own calls."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


FLAT, LINES, IMAGES, VOLUMES = (3, 4), (3, 4, 6), (3, 4, 6, 6), (3, 4, 6, 6, 6)
# a layer, and one step's input
LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "Linear": (lambda: nn.Linear(4, 5), FLAT),
    "PReLU": (lambda: nn.PReLU(4), LINES),
    "Threshold": (lambda: nn.Threshold(0.1, -1.0), FLAT),
    "Identity": (nn.Identity, FLAT),
    "Softplus": (nn.Softplus, (3,)),
    "Softmax": (lambda: nn.Softmax(dim=-1), LINES),
    "Softmax of the batch": (lambda: nn.Softmax(dim=-2), FLAT),
    "LogSoftmax": (lambda: nn.LogSoftmax(dim=1), LINES),
    "Flatten": (nn.Flatten, IMAGES),
    "Flatten in the middle": (lambda: nn.Flatten(-3, 2), IMAGES),
    "Flatten of the batch": (lambda: nn.Flatten(-2, -1), FLAT),
    "Unflatten": (lambda: nn.Unflatten(-1, (2, 1, 3)), LINES),
    "Unflatten of the batch": (lambda: nn.Unflatten(-2, (1, 3)), FLAT),
    "LayerNorm": (lambda: nn.LayerNorm((4, 6)), LINES),
    "LayerNorm of the batch": (lambda: nn.LayerNorm((3, 4)), FLAT),
    "RMSNorm": (lambda: nn.RMSNorm(6), LINES),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), FLAT),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3), LINES),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), FLAT),
    "BatchNorm1d of lines": (lambda: nn.BatchNorm1d(4), LINES),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), IMAGES),
    "BatchNorm3d without statistics": (lambda: nn.BatchNorm3d(4, track_running_stats=False), VOLUMES),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, affine=True), IMAGES),
    "InstanceNorm1d with statistics": (lambda: nn.InstanceNorm1d(4, track_running_stats=True), LINES),
    "Dropout": (nn.Dropout, FLAT),
    "Dropout of nothing": (lambda: nn.Dropout(0.0), FLAT),
    "Dropout2d": (nn.Dropout2d, IMAGES),
    "AlphaDropout": (nn.AlphaDropout, FLAT),
    "FeatureAlphaDropout": (nn.FeatureAlphaDropout, IMAGES),
    "Conv1d": (lambda: nn.Conv1d(4, 5, 3), LINES),
    "Conv1d of one sample": (lambda: nn.Conv1d(3, 5, 3), FLAT),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, 3), IMAGES),
    "Conv3d": (lambda: nn.Conv3d(4, 5, 3), VOLUMES),
    "MaxPool1d": (lambda: nn.MaxPool1d(2), LINES),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2), IMAGES),
    "MaxPool2d of one sample": (lambda: nn.MaxPool2d(3, 2), LINES),
    "MaxPool3d": (lambda: nn.MaxPool3d(2), VOLUMES),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), IMAGES),
    "AdaptiveAvgPool3d": (lambda: nn.AdaptiveAvgPool3d(2), VOLUMES),
    "AdaptiveMaxPool1d": (lambda: nn.AdaptiveMaxPool1d(5), LINES),
    "ConstantPad1d": (lambda: nn.ConstantPad1d(2, 1.0), FLAT),
    "ReflectionPad2d": (lambda: nn.ReflectionPad2d(1), IMAGES),
    "ReplicationPad3d": (lambda: nn.ReplicationPad3d(1), VOLUMES),
    "CircularPad1d": (lambda: nn.CircularPad1d(1), LINES),
    "ZeroPad2d of the batch": (lambda: nn.ZeroPad2d(1), FLAT),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), IMAGES),
    "Upsample": (lambda: nn.Upsample(scale_factor=2), LINES),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("training", [False, True], ids=["evaluated", "trained"])
@pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)
def test_a_layer_is_judged_by_the_function_that_it_calls(make, shape: tuple[int, ...], training: bool) -> None:
    torch.manual_seed(0)
    layer, xs = make().double().train(training), torch.randn(5, *shape, dtype=torch.float64)
    chain, called = nn.Sequential(layer), Called(layer).train(training)
    kinds = [snn.backends.explain(net, xs).kind for net in (chain, called)]
    assert kinds[0] == kinds[1]
    outputs, expected = [], []
    for net in (chain, called):
        torch.manual_seed(1)
        outputs.append(snn.unroll(copy.deepcopy(net), xs))
        torch.manual_seed(1)
        expected.append(call_loop(copy.deepcopy(net), xs))
    close(outputs, expected)
