"""The page of the documentation: ``python -m bench.accuracy.page dist/bench-accuracy.json docs/accuracy.md``."""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from bench.accuracy import tables

__all__ = ["main", "page"]

_HEAD = """# How well the demonstration learns

`nox -s bench -- --accuracy --page docs/accuracy.md` wrote this page from its runs: every task of `snn demo` with every
seed, each in its own process, as `snn demo --task TASK --seed SEED` runs it. The data is real and comes with packages;
nothing is downloaded.

- **digits**: 1,797 digits of 8 by 8 pixels, the stratified split of `snn.data.digits()`; pixels become spikes in
  integrating neurons, then two fully connected layers.
- **mnist**: 5,000 images of MNIST's training set, the stratified split of `snn.data.mnist5k()`, so figures do not
  compare with those on MNIST's own test set; two convolutions, each pooled before its neurons.
- **vowels**: 640 utterances of 7 to 29 frames by nine speakers, the authors' own division into training and test; a
  recurrent layer over ragged time (`unroll(lengths=)`), told by the output neuron that fires most.

The settings were chosen on validation parts cut from the training part alone (of vowels, thirds of each speaker's
utterances in the order of the file); the test part was used once in each run, after training. A sample without any
output spike counts as wrong. Seeds differ in weights, order and augmentation, never in the split. *Seconds* are those
of the whole command after its imports, from loading the data to the report. Synaptic operations are counted by the
rules of `snn_functional.statistics.synops`, on the test part.

`snn demo` also writes `run.json`, and `snn demo --verify run.json` repeats it and compares every number bit for bit.
"""


def page(found: dict[str, Any]) -> str:
    """The page.

    Args:
        found: What ``dist/bench-accuracy.json`` holds.

    Returns:
        Markdown.
    """
    return "\n".join([_HEAD, *(f"## {one.title}\n\n{one.markdown()}\n" for one in tables.every(found))])


def main() -> None:
    """Write the page from the command line's JSON file to its other file."""
    source, target = map(pathlib.Path, sys.argv[1:])
    target.write_text(page(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
