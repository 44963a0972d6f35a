"""Classify clothing (Fashion-MNIST) with a spiking residual net in four steps, and with its twin of ReLUs in one step.

``python docs/recipes/fashion_mnist.py --folder FOLDER`` with the four files of the data set in the folder. The nets
have the same layers: a convolution, two blocks whose shortcuts carry membranes, and a linear layer. An image is the
same in every step, so ``snn.unroll`` runs the first convolution once, and its energy is counted once.

Source: Hu et al., Advancing Spiking Neural Networks toward Deep Residual Learning (2024), for the blocks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import snn

STEPS = {"spiking": 4, "relu": 1}
WIDTHS = (16, 32, 64)
RATES = (0.01, 0.02, 0.04)
EPOCHS, TRIAL = 10, 2  # of a training run, and of a run to try a learning rate
BATCH = 128
FILES = """--folder must name a folder with the four files of Fashion-MNIST. Fix: on Debian, install the package
dataset-fashion-mnist and pass --folder /usr/share/datasets/fashion-mnist; anywhere else, get the files from
https://github.com/zalandoresearch/fashion-mnist"""
ROWS = (
    ("test accuracy in percent", "test", ".2f"),
    ("validation accuracy in percent", "valid", ".2f"),
    ("parameters", "parameters", ",.0f"),
    ("multiplications with addition, per image", "Effective_MACs", ",.0f"),
    ("additions alone, per image", "Effective_ACs", ",.0f"),
    ("energy of arithmetic, µJ per image", "45nm", ".2f"),
    ("energy with memory, µJ per image", "45nm+memory", ".2f"),
    ("processor seconds to train", "seconds", ".0f"),
    ("processor milliseconds to test an image", "milliseconds", ".2f"),
)
Parts = list[tuple[Tensor, Tensor]]


def build(kind: str) -> nn.Sequential:
    """Return a new net of spiking neurons, or its twin of ReLUs; the first two layers run before any neuron."""
    stem = nn.Conv2d(1, WIDTHS[0], 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(WIDTHS[0])
    blocks = [snn.models.MSBlock(a, b, stride=2) for a, b in itertools.pairwise(WIDTHS)]
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], 10)
    net = nn.Sequential(*stem, *blocks, snn.models.leaky(), *head)
    if kind == "relu":
        for path, layer in list(net.named_modules()):
            if isinstance(layer, snn.SpikingNeuron):
                net.set_submodule(path, nn.ReLU())
    return net


def loss(out: Tensor, targets: Tensor) -> Tensor:
    """Return the cross entropy of the mean over the steps."""
    return nn.functional.cross_entropy(out.mean(0), targets)


def accuracy(out: Tensor, targets: Tensor) -> Tensor:
    """Return the share of samples whose class has the highest mean over the steps."""
    return (out.mean(0).argmax(1) == targets).double().mean()


def trained(kind: str, parts: Parts, seed: int, rate: float, epochs: int) -> tuple[nn.Sequential, dict[str, Any]]:
    """Train a net; the learning rate rises to ``rate`` and falls, and the epoch that validates best is kept."""
    torch.manual_seed(seed)
    net = build(kind)
    updates = epochs * -(-len(parts[0][1]) // BATCH)

    def optimizer(params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        adam = torch.optim.AdamW(params, lr=rate)
        cycle = torch.optim.lr_scheduler.OneCycleLR(adam, rate, total_steps=updates + 1)
        adam.register_step_post_hook(lambda *_: cycle.step())  # in every update; fit's scheduler waits for an epoch
        return adam

    how = {"num_steps": STEPS[kind], "epochs": epochs, "batch_size": BATCH, "seed": seed, "monitor": "metric"}
    began = time.process_time()
    history = snn.fit(net, *parts[:2], loss, optimizer=optimizer, metric=accuracy, progress=False, **how)
    run = {"seed": seed, "learning_rate": rate, "epoch": history.best_epoch, "valid": 100 * history.best["metric"]}
    print(f"{kind}: {run}", flush=True)
    return net, run | {"seconds": time.process_time() - began}


@torch.no_grad()
def tested(kind: str, net: nn.Sequential, test: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Return the accuracy on the test part; and parameters, time, operations and energy, the last two of 500 images."""
    steps = STEPS[kind]
    began = time.process_time()
    outs = [snn.unroll(net, xs.expand(steps, *xs.shape)) for xs in test[0].split(BATCH)]
    facts = {"milliseconds": 1e3 * (time.process_time() - began) / len(test[0])}
    facts["test"] = 100 * float(accuracy(torch.cat(outs, 1), test[1]))
    facts["parameters"] = sum(p.numel() for p in net.parameters())
    xs = net[:2](test[0][:500])
    for model in ("45nm", "45nm+memory"):
        once = snn.energy(net[:2], test[0][None, :500], model=model)
        each = snn.energy(net[2:], xs.expand(steps, *xs.shape), model=model)
        facts[model] = 1e6 * (once.total + each.total)
        for name, number in each.metrics["SynapticOperations"].items():
            facts[name] = number + once.metrics["SynapticOperations"][name]
    return facts


def compared(kind: str, parts: Parts, seeds: int, epochs: int) -> dict[str, Any]:
    """Choose the learning rate by short runs and the validation part, then train and test a net from each seed."""
    tried = [trained(kind, parts, 0, rate, min(epochs, TRIAL))[1] for rate in RATES]
    rate = max(tried, key=lambda run: run["valid"])["learning_rate"]
    runs = []
    for seed in range(seeds):
        net, run = trained(kind, parts, seed, rate, epochs)
        runs.append(run | tested(kind, net, parts[2]))
    return {"net": kind, "tried": tried, "runs": runs}


def cell(values: Sequence[float], form: str) -> str:
    """Return the mean and, where seeds differ, the standard deviation."""
    spread = f" ± {statistics.stdev(values):{form}}" if len(set(values)) > 1 else ""
    return f"{statistics.fmean(values):{form}}{spread}"


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Train both nets; print progress, the table, and a line of JSON at the end."""
    parser = argparse.ArgumentParser(prog="fashion_mnist.py", allow_abbrev=False)
    parser.add_argument("--folder", help="folder with the four files of Fashion-MNIST")
    parser.add_argument("--seeds", type=int, default=2, help="number of seeds, counted from 0; default: 2")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"number of epochs; default: {EPOCHS}")
    parser.add_argument("--samples", type=int, help="take only so many samples of each part, to try the program")
    options = parser.parse_args(arguments)
    if options.folder is None:
        parser.error(FILES)
    whole = snn.data.fashion_mnist(options.folder)
    std, mean = torch.std_mean(whole.train.data)
    parts = [((part.data[: options.samples] - mean) / std, part.targets[: options.samples]) for part in whole]
    nets = [compared(kind, parts, options.seeds, options.epochs) for kind in STEPS]
    rows = [[name, *(cell([run[key] for run in net["runs"]], form) for net in nets)] for name, key, form in ROWS]
    head = ["mean ± standard deviation of the seeds", *(f"{kind}, T={steps}" for kind, steps in STEPS.items())]
    print(*(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)), sep="\n")
    result = {"table": [head, *rows], "nets": nets, "processor_minutes": time.process_time() / 60}
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    main()
