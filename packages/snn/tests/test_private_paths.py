"""The private paths that programs written for snnTorch import from."""

from __future__ import annotations

import importlib

import pytest

import snn
import snn._layers
import snn._neurons
import snn_core

from .fresh import python

# the modules of snnTorch 1.0.0 that its __init__ imports
NEURONS = (
    "alpha associative deltaleaky lapicque leaky leakyparallel linearleaky neurons rleaky rsynaptic sconv2dlstm slstm"
)
LAYERS = "bntt graded_spikes"


PATHS = [
    *(f"snn._neurons{name}" for name in ["", *(f".{name}" for name in f"{NEURONS} stateleaky synaptic".split())]),
    *(f"snn._layers{name}" for name in ["", *(f".{name}" for name in LAYERS.split())]),
]


@pytest.mark.parametrize("path", PATHS)
def test_each_name_of_a_private_path_is_the_public_object(path: str) -> None:
    module = importlib.import_module(path)
    assert module.__all__
    assert [name for name in module.__all__ if getattr(module, name) is not getattr(snn, name)] == []


def test_the_package_of_neurons_has_every_neuron_of_the_peers_and_that_of_layers_every_layer() -> None:
    assert (
        sorted(snn._neurons.__all__, key=str.lower)
        == (
            "Alpha AssociativeLeaky DeltaLeaky Lapicque Leaky LeakyParallel LIF LinearLeaky RLeaky RSynaptic "
            "SConv2dLSTM SLSTM SpikingNeuron StateLeaky Synaptic"
        ).split()
    )
    assert set(snn._layers.__all__) == {"BatchNormTT1d", "BatchNormTT2d", "GradedSpikes"} <= set(snn_core.__all__)


@pytest.mark.parametrize(
    "program",
    [
        "import snn; assert snn._neurons.leaky.Leaky is snn.Leaky; assert snn._layers.bntt",
        "from snn._neurons.neurons import LIF, SpikingNeuron; import snn; assert LIF is snn.LIF",
        "import snn._neurons; from snn._neurons import Leaky; import snn; assert Leaky is snn.Leaky",
    ],
)
def test_a_private_path_is_an_attribute_and_can_be_imported(program: str) -> None:
    process = python(program)
    assert process.returncode == 0, process.stderr


def test_private_paths_are_listed_nowhere() -> None:
    assert [name for name in snn.__all__ if name.startswith("_") and name != "__version__"] == []
    process = python("from snn import *; print(*sorted(name for name in dir() if name.startswith('_')))")
    assert "_neurons" not in process.stdout.split(), process.stderr


def test_the_root_of_leaky_neurons_is_reached_as_in_snntorch_and_listed_nowhere() -> None:
    assert snn.LIF is snn_core.LIF is snn._neurons.LIF
    assert isinstance(snn.Leaky(0.9), snn.LIF)
    assert "LIF" not in {*snn.__all__, *dir(snn), *snn_core.__all__}
    process = python(
        "from snn import LIF, Leaky; assert issubclass(Leaky, LIF)\ndel LIF\nfrom snn import *\nprint(*dir())"
    )
    assert "Leaky" in process.stdout.split(), process.stderr
    assert "LIF" not in process.stdout.split()


def test_all_neurons_are_instances_of_the_peers_base_classes() -> None:
    process = python(
        "import snn, snn_core, inspect\n"
        "sys.modules['snntorch'] = snn\n"
        "import snntorch\n"
        "from snntorch._neurons.neurons import LIF, SpikingNeuron\n"
        "from snntorch._neurons.leaky import Leaky\n"
        "import snntorch.surrogate, snntorch.utils\n"
        "net = [Leaky(0.9), snn.Synaptic(0.9, 0.8), snntorch.SLSTM(3, 2), snn.StateLeaky(0.9, 2)]\n"
        "assert all(isinstance(one, SpikingNeuron) and isinstance(one, snntorch.SpikingNeuron) for one in net)\n"
        "assert [isinstance(one, LIF) for one in net] == [True, True, False, True]\n"
        "assert SpikingNeuron is snn.SpikingNeuron is snntorch.SpikingNeuron and LIF is snn.LIF\n"
        "assert snntorch.surrogate.atan is snn_core.surrogate.atan\n"
    )
    assert process.returncode == 0, process.stderr


def test_modules_are_the_same_under_the_peers_name_and_need_only_their_own_pieces() -> None:
    process = python(
        "import snn\n"
        "sys.modules['snntorch'] = snn\n"
        "import snntorch.functional.loss as loss\n"
        "from snntorch import utils\n"
        "import snntorch.plot\n"
        "assert loss is snn.functional.loss and utils is snn.utils and utils.reset\n"
        "snntorch.plot.raster",
        hidden=("snn_data", "snn_plot"),
    )
    assert process.stderr.splitlines()[-1].startswith("ImportError: snn.plot is in snn-plot: ")
