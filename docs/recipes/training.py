"""Train nets over several seeds, choose the epoch on a validation part, and count spikes and parameters."""

from __future__ import annotations

import argparse
import functools
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset

import snn

Sequences = snn.data.LabelledSequences


class Parts(NamedTuple):
    """The parts of a data set, which share no sample; each has pairs of a sequence ``[T_i, features]`` and a class."""

    train: Dataset[Any]
    valid: Dataset[Any]
    test: Dataset[Any]


class Network(NamedTuple):
    """A net to compare: a function that builds it, and the learning rate that did best on the validation part."""

    build: Callable[[], nn.Module]
    learning_rate: float


class Recipe(NamedTuple):
    """A task: its name, a function that loads the parts, the nets by name, the number of epochs and the batch size."""

    task: str
    load: Callable[[argparse.Namespace], Parts]
    networks: Mapping[str, Network]
    epochs: int
    batch: int = 32


class Trained(NamedTuple):
    """Result of a training run: the epoch that was chosen, its accuracies, spikes and parameters.

    The operations are those of one test sample: multiplications with addition, and additions of spikes alone. They are
    None for a net with layers whose operations ``snn.energy`` does not count.
    """

    seed: int
    epoch: int
    valid: float
    test: float | None
    spikes: float
    seconds: float
    parameters: int
    multiplications: float | None
    additions: float | None


def read_out(beta: float = 0.9) -> snn.Leaky:
    """Return leaky neurons that never fire; the mean of their membranes over time is the net's answer."""
    return snn.Leaky(beta=beta, threshold=float("inf"), reset_mechanism="none", init_hidden=True, output=True)


def standardized(train: Sequences, *others: Sequences) -> list[Sequences]:
    """Return parts whose features have mean 0 and standard deviation 1 in the training part."""
    std, mean = torch.std_mean(torch.cat(train.data), dim=0)
    return [snn.data.LabelledSequences([(xs - mean) / std for xs in p.data], p.targets) for p in (train, *others)]


def divided(train: Sequences, test: Sequences, share: float, features: Callable[[Tensor], Tensor]) -> Parts:
    """Return standardized features of each sequence; a share of the training part is for validation."""
    chosen = snn.data.stratified_split(train.targets, share=share)
    parts = [(train, indices.tolist()) for indices in chosen] + [(test, range(len(test)))]
    return Parts(
        *standardized(
            *(
                Sequences([features(part.data[i]) for i in indices], part.targets[list(indices)])
                for part, indices in parts
            )
        )
    )


def main(recipe: Recipe, arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Train the nets of a recipe with several seeds; print progress, and a line of JSON for each net."""
    parser = argparse.ArgumentParser(prog=f"{recipe.task}.py", allow_abbrev=False)
    parser.add_argument("--neuron", choices=[*recipe.networks], help="one of the nets; default: all of them")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, counted from 0; default: 5")
    parser.add_argument("--epochs", type=int, default=recipe.epochs, help=f"number of epochs; default: {recipe.epochs}")
    parser.add_argument("--learning-rate", type=float, help="default: the recipe's own")
    parser.add_argument("--window", type=float, help="give the neurons the surrogate triangular(WINDOW)")
    parser.add_argument("--samples", type=int, help="take only so many samples of each part, to try the program")
    parser.add_argument("--validate", action="store_true", help="do not use the test part: for choosing settings")
    parser.add_argument("--baselines", action="store_true", help="train ordinary models of the size of the (first) net")
    parser.add_argument("--folder", help="folder with the data, for recipes that read files")
    options = parser.parse_args(arguments)
    parts = recipe.load(options)
    if options.samples:
        parts = Parts(*(Subset(part, range(min(options.samples, len(part)))) for part in parts))
    if options.baselines:
        net = recipe.networks[options.neuron or next(iter(recipe.networks))].build()
        batches = [[tuple(b[:3]) for b in DataLoader(p, recipe.batch, collate_fn=snn.data.collate)] for p in parts]
        table = snn.baselines(*batches, net=net, epochs=options.epochs, batch_size=recipe.batch)
        results = [{"task": recipe.task, "models": table.to_dict()}]
        print(table, json.dumps(results[0]), sep="\n")
        return results
    results = []
    for name in [options.neuron] if options.neuron else recipe.networks:
        network = recipe.networks[name]
        if options.learning_rate:
            network = network._replace(learning_rate=options.learning_rate)
        runs = [trained(recipe, name, network, parts, seed, options) for seed in range(options.seeds)]
        results.append(
            {
                "task": recipe.task,
                "neuron": name,
                "epochs": options.epochs,
                "learning_rate": network.learning_rate,
                "samples": [len(part) for part in parts],
                "runs": [run._asdict() for run in runs],
            }
        )
        print(json.dumps(results[-1]), flush=True)
    return results


def trained(
    recipe: Recipe, name: str, network: Network, parts: Parts, seed: int, options: argparse.Namespace
) -> Trained:
    """Train a net from one seed, and test it once, with its weights after the best epoch on the validation part."""
    torch.manual_seed(seed)
    net = network.build()
    if options.window is not None:
        for layer in net.modules():
            if isinstance(layer, snn.SpikingNeuron):
                layer.spike_grad = snn.surrogate.triangular(options.window)
    order = snn.data.LengthBatches(_lengths(parts.train), recipe.batch, seed=seed)
    loader = DataLoader(parts.train, batch_sampler=order, collate_fn=snn.data.collate)
    xs, *_ = next(iter(loader))
    snn.init.fluctuation_(net, xs[:100])
    delays = [p for key, p in net.named_parameters() if key.endswith("delay")]
    others = [p for key, p in net.named_parameters() if not key.endswith("delay")]
    rates = [network.learning_rate, 100 * network.learning_rate][: 2 if delays else 1]  # delays are in steps
    optimizer = torch.optim.Adam([{"params": params} for params in (others, delays) if params])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=options.epochs * len(order))
    best: tuple[float, float] = (-1.0, 0.0)
    chosen, state = 0, net.state_dict()
    began = time.perf_counter()
    for epoch in range(options.epochs):
        order.set_epoch(epoch)
        for layer in net.modules():
            if isinstance(layer, snn.DelayedLinear):
                layer.narrow_(epoch / options.epochs)
        net.train()
        for xs, targets, lengths, _ in loader:
            optimizer.zero_grad()
            F.cross_entropy(answer(net, xs, lengths), targets).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0, error_if_nonfinite=True)
            optimizer.step()
            schedule.step()
        accuracy, loss, *_ = measured(net, parts.valid)
        if (accuracy, -loss) >= best:
            best, chosen = (accuracy, -loss), epoch
            state = {key: value.clone() for key, value in net.state_dict().items()}
        where = f"{recipe.task}, {name}, seed {seed}, epoch {epoch + 1}"
        print(f"{where}: {accuracy:.2%} of the validation part", flush=True)
    seconds = time.perf_counter() - began
    net.load_state_dict(state)
    test, _, *counted = measured(net, parts.valid if options.validate else parts.test, count=True)
    parameters = sum(p.numel() for p in net.parameters() if p.requires_grad)
    spikes, *operations = counted
    multiplications, additions = operations if all(map(math.isfinite, operations)) else (None, None)
    accuracies = best[0], None if options.validate else test
    return Trained(seed, chosen + 1, *accuracies, spikes, seconds, parameters, multiplications, additions)


def answer(net: nn.Module, xs: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean membrane of the read-out over the steps of each sample, ``[batch, classes]``."""
    _, mem = snn.unroll(net, xs, lengths=lengths)
    return mem.sum(0) / lengths.unsqueeze(1)


@torch.no_grad()
def measured(net: nn.Module, part: Dataset[Any], count: bool = False) -> tuple[float, ...]:
    """Return the accuracy and loss on a part; with ``count`` also what :func:`_counted` returns, the mean over it."""
    net.eval()
    order = snn.data.LengthBatches(_lengths(part), 128, shuffle=False)
    right = loss = 0.0
    counts = torch.zeros(3 * count, dtype=torch.float64)
    for xs, targets, lengths, _ in DataLoader(part, batch_sampler=order, collate_fn=snn.data.collate):
        if count:
            counts += torch.tensor(_counted(net, xs, lengths), dtype=torch.float64) * len(targets)
        answers = answer(net, xs, lengths)
        right += float((answers.argmax(1) == targets).sum())
        loss += float(F.cross_entropy(answers, targets, reduction="sum"))
    return right / len(part), loss / len(part), *(counts / len(part)).tolist()


def _counted(net: nn.Module, xs: Tensor, lengths: Tensor) -> tuple[float, float, float]:
    """Return means over samples: the spikes of a hidden neuron, multiplications with addition, and additions alone.

    The last two are NaN for a net with layers whose operations are not counted.
    """
    monitor = snn.functional.OutputMonitor(net, snn.SpikingNeuron)
    snn.unroll(net, xs, lengths=lengths)
    monitor.remove_hooks()
    layers = [monitor[name] for name in monitor.monitored_layers]
    hidden = [steps for steps in layers if isinstance(steps[0], Tensor)]  # the read-out returns a pair
    spikes = sum(float(step.sum()) for steps in hidden for step in steps)
    rate = spikes / len(lengths) / sum(steps[0].shape[-1] for steps in hidden)
    account = snn.energy(net, xs, lengths=lengths)
    if account.uncounted:
        return rate, math.nan, math.nan
    operations = account.metrics["SynapticOperations"]
    return rate, operations["Effective_MACs"], operations["Effective_ACs"]


@functools.cache
def _lengths(part: Dataset[Any]) -> list[int]:
    return [len(xs) for xs, _ in part]
