"""Every argument of every public function and class refuses what it cannot mean: by name, value and remedy."""

import re

import pytest

import snn_functional

from . import (
    bad_account,
    bad_baselines,
    bad_conversion,
    bad_diagnosis,
    bad_early_exit,
    bad_fit,
    bad_online,
    bad_plasticity,
    bad_probes,
    bad_quantization,
    bad_recordings,
    bad_training,
)
from .refusal import texts

MODULES = (
    bad_recordings,
    bad_training,
    bad_online,
    bad_quantization,
    bad_probes,
    bad_plasticity,
    bad_diagnosis,
    bad_fit,
    bad_account,
    bad_baselines,
    bad_conversion,
    bad_early_exit,
)
CASES = {name: case for module in MODULES for name, case in module.CASES.items()}
# What is read as Python reads a condition.
FLAGS = {
    "population_code",
    "time_var_targets",
    "target_is_time",
    "multi_spike",
    "return_silent",
    "time_var",
    "time_first",
    "progress",
    "uniform",
    "thr_centered",
    "power_of_two",
    "bias",
    "on_grad",
    "per_neuron",
}
ROWS = [
    pytest.param(case, row, id=f"{name}: {row.argument} {number}")
    for name, case in CASES.items()
    for number, row in enumerate(case.rows)
]


def public():
    """Names of all public functions and classes, those of the submodules included."""
    for module in (snn_functional, *(item for item in vars(snn_functional).values() if hasattr(item, "__all__"))):
        yield from (name for name in module.__all__ if callable(getattr(module, name)))


def test_every_public_function_and_class_is_in_the_table():
    # those of other packages: test_neurobench has a like of it, and test_sklearn asks scikit-learn's own checks
    others = {"neurobench", "SpikingClassifier", "SpikingRegressor"}
    assert set(CASES) | others == set(public())
    assert sum(len(module.CASES) for module in MODULES) == len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_every_argument_has_a_bad_value(name):
    assert CASES[name].arguments() - {row.argument for row in CASES[name].rows} <= FLAGS


@pytest.mark.parametrize("name", CASES)
def test_the_call_succeeds_without_the_bad_value(name):
    CASES[name].call(**CASES[name].right())


@pytest.mark.parametrize(("case", "row"), ROWS)
def test_a_bad_value_is_refused_with_name_value_and_remedy(case, row):
    with pytest.raises(row.error, match=row.message) as error:
        case.call(**{**case.right(), row.argument: row.value, **row.others})
    message = str(error.value)
    assert re.search(rf"(?<!\w){re.escape(row.named or row.argument)}(?!\w)", message)
    paths = texts(row.value) if row.named in ("", row.argument) else set()
    assert not paths or "given" in message or any(text in message for text in paths)
    # those of snn-core and of the energies have forms of their own
    raised = error.traceback[-1].frame.f_globals["__name__"]
    if raised.startswith("snn_functional.") and not raised.startswith("snn_functional._account"):
        caller = message.strip("'\"").partition(": ")[0]
        assert caller.partition(".")[0] in {
            part for of in case.of for part in (of.__name__, *of.__qualname__.split("."))
        }


@pytest.mark.parametrize("name", [name for name in bad_recordings.CASES if name.endswith(("_loss", "_sparsity"))])
def test_a_loss_of_nan_is_nan(name):
    case = CASES[name]
    assert case.call(**{**case.right(), "spk_out": bad_recordings.NAN}).isnan()
