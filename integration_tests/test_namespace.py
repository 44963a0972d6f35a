"""The one namespace with every piece installed."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import snn

HOMES = {
    "snn.backends": "snn_core.backends",
    "snn.backprop": "snn_functional.backprop",
    "snn.data": "snn_data",
    "snn.export_nir": "snn_nir.export_nir",
    "snn.functional": "snn_functional",
    "snn.functional.acc": "snn_functional.acc",
    "snn.functional.backprop": "snn_functional.backprop",
    "snn.functional.diagnosis": "snn_functional.diagnosis",
    "snn.functional.loss": "snn_functional.loss",
    "snn.functional.online": "snn_functional.online",
    "snn.functional.probe": "snn_functional.probe",
    "snn.functional.quant": "snn_functional.quant",
    "snn.functional.reg": "snn_functional.reg",
    "snn.functional.sklearn": "snn_functional.sklearn",
    "snn.functional.statistics": "snn_functional.statistics",
    "snn.functional.stdp_learner": "snn_functional.stdp_learner",
    "snn.import_nir": "snn_nir.import_nir",
    "snn.init": "snn_core.init",
    "snn.kernels": "snn_core.kernels",
    "snn.models": "snn_models",
    "snn.nir": "snn_nir",
    "snn.peer": "snn_core.peer",
    "snn.plot": "snn_plot",
    "snn.sklearn": "snn_functional.sklearn",
    "snn.spikegen": "snn_spikegen",
    "snn.spikeplot": "snn_plot",
    "snn.surrogate": "snn_core.surrogate",
    "snn.utils": "snn_core.utils",
    "snn.zoo": "snn_data.zoo",
}


def fresh(program: str) -> str:
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_a_module_touched_as_an_attribute_is_the_one_that_is_then_imported():
    fresh("import snn\n" + "\n".join(f"one = {m}\nimport {m} as two\nassert one is two, one" for m in HOMES))


def test_a_module_that_is_imported_is_the_one_that_is_then_touched_as_an_attribute():
    fresh("\n".join(f"import {m} as two\nimport snn\nassert {m} is two, two" for m in HOMES))


@pytest.mark.parametrize("module", HOMES)
def test_every_name_of_a_piece_is_reachable_by_both_routes_and_is_the_same_object(module: str):
    ours, home = importlib.import_module(module), importlib.import_module(HOMES[module])
    modules = {inner.rpartition(".")[2] for inner in HOMES if inner.rpartition(".")[0] == module}
    names = [name for name in home.__all__ if name not in modules]
    assert names
    for name in names:
        imported: dict[str, object] = {}
        exec(f"from {module} import {name} as found", imported)
        assert imported["found"] is getattr(ours, name) is getattr(home, name)


@pytest.mark.parametrize("module", HOMES)
def test_the_star_brings_every_name_of_the_piece(module: str):
    brought: dict[str, object] = {}
    exec(f"from {module} import *", brought)
    home = importlib.import_module(HOMES[module])
    assert set(home.__all__) <= brought.keys()


def test_utils_brings_the_two_names_of_snn_data():
    import snn_data

    assert snn.utils.data_subset is snn_data.data_subset
    assert snn.utils.valid_split is snn_data.valid_split
    assert {"data_subset", "detach", "reset", "valid_split"} == set(snn.utils.__all__)


def test_the_stub_lists_exactly_what_the_namespace_has():
    stub = ast.parse(Path(snn.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imported = {alias.asname for node in ast.walk(stub) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(snn.__all__) <= set(dir(snn))
    assert [name for name in snn.__all__ if getattr(snn, name, None) is None] == []


REFUSED = {"huggingface_hub", "lightning", "mlflow", "optuna", "sklearn", "tensorboard", "torchmetrics", "wandb"}
WATCHED = f"""import sys, torch._dynamo  # which looks for some of them
class Watch:
    def find_spec(self, name, *_):
        assert name.split(".")[0] not in {REFUSED}, name
sys.meta_path.insert(0, Watch())
import snn
"""
TRAINED = """net = torch.nn.Sequential(torch.nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
data = torch.rand(4, 3), torch.arange(4) % 2
snn.fit(net, data, data, snn.functional.ce_count_loss(), num_steps=2, epochs=1, progress=False)
"""


def test_neither_the_import_nor_training_asks_for_a_library_that_only_other_tools_need():
    # a finder refuses them, so that it does not matter whether they are installed
    assert fresh(WATCHED + TRAINED + "print('snn_functional' in sys.modules)").strip() == "True"
    with pytest.raises(AssertionError, match="AssertionError: optuna"):
        fresh(WATCHED + "import optuna")


def test_touching_one_piece_loads_no_other():
    loaded = fresh("import snn, sys\nsnn.spikegen.rate, snn.Leaky, snn.utils.reset\nprint(*sys.modules)").split()
    assert {"snn_core", "snn_spikegen"} <= set(loaded)
    assert {"snn_functional", "snn_data", "snn_plot", "matplotlib", "sklearn", "nir"} & set(loaded) == set()


@pytest.mark.parametrize("name", ["DigitsSplit", "VowelsSplit"])
def test_a_former_name_of_the_data_is_reachable_with_a_warning_and_not_listed(name: str):
    with pytest.warns(DeprecationWarning, match=f"snn_data.{name} is now snn_data.Split"):
        assert getattr(snn.data, name) is snn.data.Split
    assert name not in dir(snn.data)


def test_a_name_of_the_data_that_is_gone_says_what_to_write():
    with pytest.raises(AttributeError, match=r"fingerprint, .* is gone: cached\(\.\.\., key=\.\.\.\) takes"):
        _ = snn.data.fingerprint


def test_a_function_of_another_library_is_an_attribute_error_with_the_remedy():
    with pytest.raises(
        AttributeError, match=r"^module 'snn\.functional' has no attribute 'reset_net'; snn\.utils\.reset"
    ):
        _ = snn.functional.reset_net
