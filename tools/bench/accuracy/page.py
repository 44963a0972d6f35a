"""The page of the documentation."""

from __future__ import annotations

from typing import Any

from bench.accuracy import tables
from bench.tables import sections

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
    """
    return f"{_HEAD}\n{sections(tables.every(found))}\n"
