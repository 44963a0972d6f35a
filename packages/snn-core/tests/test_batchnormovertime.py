"""Batch normalization over time beside the formulas of its papers, written out over all steps and samples."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .zoo import close

DIMENSIONS = pytest.mark.parametrize("images", [False, True], ids=["1d", "2d"])


def built(images: bool = False, **options: Any) -> Any:
    """The layer for five features in float64, with scale, shift and statistics that are not those of a new one."""
    torch.manual_seed(1)
    norm = (snn.BatchNormOverTime2d if images else snn.BatchNormOverTime1d)(5, **options).double()
    with torch.no_grad():
        for tensor in [*norm.parameters(), *norm.buffers()]:
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor))
    return norm


def sequence(images: bool = False, steps: int = 7) -> Tensor:
    torch.manual_seed(2)
    return 3 * torch.randn(steps, 4, 5, *([3, 2] if images else []), dtype=torch.float64) + 1


def normalized(xs: Tensor, norm: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The formula of both papers, with the mean and the variance of each feature."""
    features = xs.movedim(2, 0).flatten(1)
    mean, var = features.mean(1), features.var(1, unbiased=False)
    shape = [5] + [1] * (xs.dim() - 3)
    centered = (xs - mean.view(shape)) / (var.view(shape) + norm.eps).sqrt()
    if norm.affine:
        centered = centered * norm.weight.view(shape) + norm.bias.view(shape)
    if norm.step_weight is not None:
        centered = centered * norm.step_weight[: len(xs)].view(-1, *[1] * (xs.dim() - 1))
    return centered, mean, features.var(1)


def gradients(out: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    torch.manual_seed(5)
    return torch.autograd.grad(out, inputs, torch.randn_like(out))


def leaky() -> snn.Leaky:
    return snn.Leaky(0.8, threshold=0.25, init_hidden=True)


class Own(nn.Module):
    """A net with a forward of its own, which is recorded."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.linear, self.norm, self.spike = nn.Linear(5, 5, dtype=torch.float64), norm, leaky()

    def forward(self, x: Tensor) -> Tensor:
        return self.spike(self.norm(self.linear(x) + x))


def chain(norm: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(5, 5, dtype=torch.float64), norm, leaky())


NETS = pytest.mark.parametrize("make", [chain, Own])


@DIMENSIONS
@pytest.mark.parametrize(
    "options", [{}, {"affine": False}, {"scale": 0.5}, {"time_steps": 7}, {"time_steps": 9}], ids=str
)
def test_values_and_gradients_are_those_of_the_papers(images: bool, options: dict[str, Any]) -> None:
    norm, xs = built(images, **options), sequence(images).requires_grad_()
    expected, *_ = normalized(xs, norm)
    out = norm(xs)
    close(out, expected)
    inputs = [xs, *norm.parameters()]
    close(gradients(out, inputs), gradients(expected, inputs))


@DIMENSIONS
@pytest.mark.parametrize("momentum", [0.1, 0.25, None])
def test_a_sequence_moves_the_running_statistics_once(images: bool, momentum: float | None) -> None:
    norm = built(images, momentum=momentum)
    norm.num_batches_tracked.fill_(3)
    before, xs = copy.deepcopy(norm), sequence(images)
    norm(xs)
    _, mean, var = normalized(xs, norm)
    share = 0.25 if momentum is None else momentum
    close(norm.running_mean, (1 - share) * before.running_mean + share * mean)
    close(norm.running_var, (1 - share) * before.running_var + share * var)
    assert norm.num_batches_tracked == 4


def test_the_scale_is_the_deviation_of_what_a_new_layer_returns() -> None:
    threshold, alpha = 0.6, 0.5
    out = snn.BatchNormOverTime1d(5, scale=alpha * threshold).double()(sequence())
    close(out.mean((0, 1)), torch.zeros(5, dtype=torch.float64))
    torch.testing.assert_close(
        out.std((0, 1), unbiased=False), torch.full((5,), 0.3, dtype=torch.float64), rtol=1e-4, atol=0
    )


def test_it_begins_again_as_it_was_built() -> None:
    norm = built(scale=0.5, time_steps=3)
    norm.reset_parameters()
    close(norm.state_dict(), snn.BatchNormOverTime1d(5, scale=0.5, time_steps=3).double().state_dict())


@NETS
@pytest.mark.parametrize("options", [{}, {"time_steps": 7}], ids=str)
@pytest.mark.parametrize("explain", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_under_unroll_it_gives_what_a_call_gives_and_counts_one_batch(make, options, explain: bool, steps: int) -> None:
    net, xs = make(built(**options)), sequence(steps=steps)
    twin = copy.deepcopy(net)
    spk = snn.unroll(net, xs, explain=explain)
    linear, norm, spike = twin.children()
    drive = linear(xs) if make is chain else linear(xs) + xs
    close(spk[0] if explain else spk, snn.unroll(spike, norm(drive)))
    close(dict(net.named_buffers()), dict(twin.named_buffers()))


@NETS
def test_one_sample_is_enough_if_it_has_several_steps(make) -> None:
    net, xs = make(built()), sequence()[:, :1]
    assert snn.unroll(net, xs).shape == xs.shape
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        built()(xs[:1])


@NETS
@pytest.mark.parametrize("options", [{"lengths": [7, 2]}, {"schedule": "steps", "lengths": [7, 2]}], ids=str)
def test_an_error_of_a_single_sample_in_a_step_names_it(make, options) -> None:
    net, xs = make(nn.BatchNorm1d(5).double()), sequence()[:, :2]
    with pytest.raises(ValueError, match="more than 1 value per channel") as error:
        snn.unroll(net, xs, **options)
    (path,) = [path for path, module in net.named_modules() if isinstance(module, nn.BatchNorm1d)]
    (note,) = error.value.__notes__
    assert note == (
        f"{path!r} (BatchNorm1d) normalizes over the samples of each step, and some step has only one; "
        "snn_core.BatchNormOverTime1d normalizes over all steps of all samples"
    )
    over_time = make(built())
    snn.unroll(over_time, xs, lengths=options["lengths"])


@DIMENSIONS
def test_in_evaluation_it_is_an_affine_function_of_each_step(images: bool) -> None:
    norm, xs = built(images).eval(), sequence(images)
    slope = norm.weight / (norm.running_var + norm.eps).sqrt()
    shape = [5] + [1] * (xs.dim() - 3)
    folded = xs * slope.view(shape) + (norm.bias - slope * norm.running_mean).view(shape)
    close(norm(xs), folded)
    close(torch.stack([norm(x) for x in xs]), folded)


@NETS
def test_in_evaluation_a_sequence_may_be_cut_anywhere(make) -> None:
    net, xs = make(built()).eval(), sequence()
    whole = snn.unroll(net, xs)
    snn.utils.reset(net)
    close(torch.stack([net(x) for x in xs]), whole)
    close(snn.unroll(net, xs, schedule="steps"), whole)
    close(snn.unroll(net, xs, chunk=3), whole)
    close(torch.cat([snn.unroll(net, xs[:3]), snn.unroll(net, xs[3:], resume=True)]), whole)
    close(snn.unroll(net, xs, check=True), whole)
    run = snn.stream(net)
    close(torch.stack([run(x) for x in xs]), whole)


@NETS
@pytest.mark.parametrize("options", [{"schedule": "steps"}, {"chunk": 3}, {"resume": True}, {"memory": 10**6}], ids=str)
def test_in_training_a_sequence_that_is_cut_is_an_error_with_the_remedy(make, options) -> None:
    net = make(built())
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(ValueError, match=r"BatchNormOverTime1d\) takes the whole .*; call net\.eval\(\), or use nn\.B"):
        snn.unroll(net, sequence(), **options)
    close(net.state_dict(), before)


@pytest.mark.parametrize(
    ("norm", "remedy"),
    [
        (built(), r"or call net\.eval\(\), or use nn\.BatchNorm1d, which loads the same state_dict"),
        (built(time_steps=7).eval(), r"or leave time_steps out, or use nn\.BatchNorm1d"),
        (built(track_running_stats=False).eval(), r"or use nn\.BatchNorm1d, which has statistics for each step"),
    ],
)
def test_one_step_where_it_needs_a_sequence_is_an_error_with_the_remedy(norm: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=r"got one step \(4, 5\); pass \[T, batch, features\].*" + remedy):
        norm(sequence()[0])
    with pytest.raises(ValueError, match=remedy[3:]):
        snn.stream(chain(norm))


@NETS
@pytest.mark.parametrize("options", [{}, {"time_steps": 7}], ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_the_statistics_are_those_of_the_steps_that_samples_have_before_they_end(make, options, training: bool) -> None:
    net, xs, lengths = make(built(**options)).train(training), sequence(), [7, 2, 0, 3]
    runs = torch.arange(7).unsqueeze(1) < torch.tensor(lengths)
    twin = copy.deepcopy(net)
    linear, norm, spike = twin.children()
    drive = linear(xs) if make is chain else linear(xs) + xs
    rows = drive[runs]
    mean, var = (rows.mean(0), rows.var(0, unbiased=False)) if training else (norm.running_mean, norm.running_var)
    expected = (drive - mean) / (var + norm.eps).sqrt() * norm.weight + norm.bias
    if norm.step_weight is not None:
        expected = expected * norm.step_weight.view(-1, 1, 1)
    padded = torch.where(runs.unsqueeze(-1), xs, torch.nan)
    close(snn.unroll(net, padded, lengths=lengths), snn.unroll(spike, expected, lengths=lengths))
    if training:
        close(
            net.get_buffer("norm.running_mean" if make is Own else "1.running_mean"),
            0.9 * norm.running_mean + 0.1 * rows.mean(0),
        )


def test_a_factor_of_a_step_learns_from_the_samples_that_run_in_it() -> None:
    norm, xs, lengths = built(time_steps=7), sequence(), [7, 2, 0, 3]
    runs = (torch.arange(7).unsqueeze(1) < torch.tensor(lengths)).double()
    out = snn.unroll(norm, xs, lengths=lengths)
    (out * torch.arange(1.0, 8).view(7, 1, 1)).sum().backward()
    normalized_rows = copy.deepcopy(norm)
    normalized_rows.step_weight.data.fill_(1)
    per_step = (snn.unroll(normalized_rows, xs, lengths=lengths).sum((1, 2)) * torch.arange(1.0, 8)).detach()
    close(norm.step_weight.grad, per_step)
    assert runs.sum() == 12


@DIMENSIONS
def test_a_file_of_it_loads_and_torchs_layer_gives_the_same_in_evaluation(images: bool) -> None:
    norm, xs = built(images, scale=0.5), sequence(images)
    norm(xs)
    file = io.BytesIO()
    torch.save(norm.state_dict(), file)
    file.seek(0)
    again = type(norm)(5).double()
    again.load_state_dict(torch.load(file))
    close(again(xs), norm(xs))
    plain = (nn.BatchNorm2d if images else nn.BatchNorm1d)(5).double()
    plain.load_state_dict(norm.state_dict())
    close(plain.eval()(xs.flatten(0, 1)).unflatten(0, xs.shape[:2]), norm.eval()(xs))


def test_it_is_copied_and_moved_with_its_statistics() -> None:
    norm, xs = built(time_steps=7, scale=0.5), sequence()
    norm(xs)
    twin = copy.deepcopy(norm)
    close(twin.eval()(xs), norm.eval()(xs))
    assert (twin.scale, twin.time_steps) == (0.5, 7)
    assert norm.float().running_mean.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_in_other_dtypes_it_gives_the_same_up_to_rounding(dtype: torch.dtype) -> None:
    norm, xs = built(time_steps=7), sequence()
    expected, out = norm(xs), copy.deepcopy(norm).to(dtype)(xs.to(dtype))
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=16 * torch.finfo(dtype).eps)


def test_integers_are_counts_in_the_default_dtype() -> None:
    xs = torch.arange(24).view(4, 3, 2)
    norm = snn.BatchNormOverTime1d(2)
    torch.testing.assert_close(norm(xs), norm(xs.float()))


def test_a_compiler_takes_the_layer_under_unroll() -> None:
    net, xs = chain(built(time_steps=7)), sequence()
    expected = snn.unroll(copy.deepcopy(net), xs)
    close(torch.compile(lambda xs: snn.unroll(net, xs), backend="eager")(xs), expected)


def test_its_description_names_its_options() -> None:
    torchs = repr(nn.BatchNorm1d(5))
    assert repr(snn.BatchNormOverTime1d(5)) == torchs.replace("BatchNorm1d", "BatchNormOverTime1d")
    expected = torchs.replace("BatchNorm1d", "BatchNormOverTime1d")[:-1] + ", scale=0.5, time_steps=3)"
    assert repr(snn.BatchNormOverTime1d(5, scale=0.5, time_steps=3)) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: snn.BatchNormOverTime1d(0), "BatchNormOverTime1d: num_features must be a whole number, 1 or more"),
        (lambda: snn.BatchNormOverTime2d(3, time_steps=1.5), "BatchNormOverTime2d: time_steps must be a whole number"),
        (lambda: snn.BatchNormOverTime1d(3, scale=-1.0), "BatchNormOverTime1d: scale must be .* got -1.0"),
        (lambda: snn.BatchNormOverTime1d(3, affine=False, scale=2.0), "scale=2.0 is where the weight begins"),
        (lambda: built()(torch.zeros(3, 4, 6)), r"has 5 features in steps \[batch, features\], got \(12, 6\)"),
        (lambda: snn.unroll(built(), torch.zeros(3, 2, 5, 2), lengths=[3, 2]), r"has 5 features .*, got \(5, 5, 2\)"),
        (lambda: built()(torch.zeros(3, 4, 5, 2)), r"takes a whole sequence \[T, batch, features\], T >= 1, got"),
        (lambda: built(True)(torch.zeros(3, 4, 5)), r"takes a whole sequence \[T, batch, channels, height, width\]"),
        (lambda: built()(torch.zeros(0, 4, 5)), r"T >= 1, got \(0, 4, 5\)"),
        (lambda: snn.unroll(built(time_steps=3), sequence()), r"weights for time_steps=3 steps, got 7; build it with"),
        (lambda: snn.unroll(chain(built()), torch.zeros(5, 4, 2, 5).double()), r"takes a whole sequence \[T, batch, f"),
    ],
)  # fmt: skip
def test_a_misfit_is_an_error_that_names_it(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
