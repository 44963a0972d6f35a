"""The comparison of ordinary models on the same parts of the data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import torch
from torch import nn

from snn_functional._baselines.contest import Contest
from snn_functional._baselines.models import candidates, size
from snn_functional._baselines.parts import read_parts
from snn_functional._baselines.result import Baselines
from snn_functional._fit.progress import bar
from snn_functional._messages import fault, must
from snn_functional._numbers import finite, whole
from snn_functional.backprop._epoch import check_net


def baselines(
    train: Any,
    valid: Any,
    test: Any,
    *,
    net: nn.Module | None = None,
    parameters: int | None = None,
    num_steps: int | None = None,
    learning_rates: Sequence[float] = (0.001, 0.003, 0.01),
    weight_decays: Sequence[float] = (0.0, 0.1),
    epochs: int = 100,
    patience: int | None = 5,
    batch_size: int = 128,
    seed: int = 0,
    progress: bool = True,
) -> Baselines:
    r"""Return the accuracy of ordinary models on the parts on which a spiking net is trained, validated and tested.

    The models are

    - ``majority``: the most frequent class of the training part;
    - ``linear``: softmax regression on all values of all steps;
    - ``linear on features``: the same on four numbers for each value, over the steps of the sample: mean, standard
      deviation, and the first and the last step in which it is not 0, counted from 1 (if there is none, the number of
      steps + 1, and 0);
    - ``GRU``: one layer, and a linear layer of the mean of its states;
    - ``convolution``: convolutions over time with a ReLU, of five taps, each with four times the dilation of the one
      before and as many as it takes to see the whole sequence; and a linear layer of the mean over time.

    The hidden size of the last two is the largest with which they have no more parameters than ``net``, but at least 1.
    All but the first are trained by ``AdamW`` on the cross entropy, once with each learning rate and each weight decay.
    The epoch is that of the lowest validation loss, as in ``fit``, and the settings are those of the highest validation
    accuracy, then of the lowest loss. Only the net so chosen is run on the test part. If the targets are floats, the
    loss is the squared error, R² is in place of the accuracy, and the ``mean`` of the targets in place of the majority.

    Values, features and targets that are floats have mean 0 and standard deviation 1 in the training part. With
    ``num_steps`` the GRU sees the data in each step, and the others see it once. Each part is read once, into memory:
    random transforms of samples are drawn once. The random generators of the process stay as they are, except for what
    a loader draws.

    Args:
        train: What to learn from, in one of the forms that ``fit`` takes.
        valid: What to choose with, in one of these forms.
        test: What to test with, in one of these forms.
        net: The net to compare with, for the number of its parameters and its device; it is not run.
        parameters: This number itself, in place of ``net``; by default 100,000.
        num_steps: Number of steps for which the net is shown data without time; leave it out if the data has its own.
        learning_rates: The learning rates to try.
        weight_decays: The weight decays to try.
        epochs: The highest number of epochs.
        patience: Number of epochs without a lower validation loss after which to stop; None never stops.
        batch_size: Number of samples in a batch.
        seed: Seed of the weights and of the order of the samples.
        progress: Show a bar with the time left, if tqdm is installed.

    Returns:
        A table when printed; ``to_dict()`` has a record for each model.

    Raises:
        FloatingPointError: If a loss is not finite, as with a high learning rate.
        TypeError: If an argument, or a batch, is of the wrong kind.
        ValueError: If a part has no sample, is of another kind than the training part, or has a class that is not in
            it; or if numbers are out of range.

    Example:
        >>> import torch
        >>> import snn_functional as SF
        >>> draw = torch.Generator().manual_seed(0)
        >>> labels = torch.arange(60) % 3
        >>> spikes = (torch.rand(60, 10, 3, generator=draw) < 0.1 + 0.5 * torch.eye(3)[labels].unsqueeze(1)).float()
        >>> parts = [*zip(spikes.split(20), labels.split(20))]
        >>> table = SF.baselines(*parts, parameters=500, progress=False)
        >>> table.to_dict()["linear on features"]["test"] > table.to_dict()["majority"]["test"]
        True

    Source: Lipton and Steinhardt, Troubling Trends in Machine Learning Scholarship (2018), section 3.2.
    """
    if net is not None:
        check_net(net)
    if net is not None and parameters is not None:
        raise ValueError(
            fault(f"parameters is {parameters}, but net is given, which has its own number", "pass one of them")
        )
    for name, number in {"parameters": parameters, "num_steps": num_steps, "patience": patience}.items():
        if number is not None:
            whole(name, number, "a positive int", least=1)
    for name, number in {"epochs": epochs, "batch_size": batch_size}.items():
        whole(name, number, "a positive int", least=1)
    whole("seed", seed)
    rates, decays = _numbers("learning_rates", learning_rates), _numbers("weight_decays", weight_decays)
    settings = [*product(rates, decays)]
    weights = [] if net is None else [*net.parameters()]
    budget = parameters or (100_000 if net is None else size(net))
    device = weights[0].device if weights else torch.device("cpu")
    data = {"train": train, "valid": valid, "test": test}
    parts = read_parts(data, num_steps, batch_size)
    with torch.random.fork_rng(devices=[]):
        naive, *trained = candidates(parts["train"], num_steps, budget)
        batches = -(-len(parts["train"].xs) // batch_size) * len(trained) * len(settings)
        with bar(batches, 0, epochs, progress) as shown:
            contest = Contest(parts, epochs, patience, batch_size, seed, device, shown)
            records = {naive.name: contest.record(naive, [None])}
            records |= {model.name: contest.record(model, settings) for model in trained}
    measure = "accuracy" if naive.name == "majority" else "R²"
    samples = {name: len(part.xs) for name, part in parts.items()}
    return Baselines(measure, samples, len(settings), epochs, records)


def _numbers(name: str, values: Any) -> list[float]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(must(name, "be a list of numbers", repr(values)))
    numbers = [finite(name, value, "a list of numbers") for value in values]
    if not numbers or min(numbers) < 0:
        raise ValueError(must(name, "have at least one number and none below 0", repr(values)))
    return numbers
