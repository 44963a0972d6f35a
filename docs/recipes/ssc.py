"""Classify thirty-five spoken words by spikes of a model of the inner ear (SSC), with the nets of ``shd.py``, wider.

``python docs/recipes/ssc.py --folder FOLDER`` with ``SSC/ssc_train.h5``, ``ssc_valid.h5`` and ``ssc_test.h5`` in the
folder. The widths are those of the papers; the paper with delays has three layers with them. The accuracy that they
reach here has not been measured. The program needs snn-data[tonic].

Source: the papers that ``shd.py`` names.
"""

from __future__ import annotations

import functools
from typing import Any

import snn
from shd import delays, lif, seadlif
from training import Network, Parts, Recipe, main


def load(options: Any) -> Parts:
    """Load frames of 10 ms, in the three parts that the authors made."""
    return Parts(*snn.data.ssc(options.folder, dt=0.01, download=False))


NETWORKS = {
    "lif": Network(functools.partial(lif, 35, 720), 0.01),
    "seadlif": Network(functools.partial(seadlif, 35, 720), 0.006),
    "delays": Network(functools.partial(delays, 35, 512), 0.001),
}
RECIPE = Recipe("ssc", load, NETWORKS, epochs=40, batch=256)

if __name__ == "__main__":
    main(RECIPE)
