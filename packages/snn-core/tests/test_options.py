"""Tests of the neurons' options: each is declared once, and every constructor documents all that it takes."""

from __future__ import annotations

import inspect
import pydoc
import re
import typing
from inspect import Parameter
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .signatures_of_0_5 import RECORD

# what must be given, and a value of every other argument that is not its default
REQUIRED: dict[str, dict[str, Any]] = {
    "SpikingNeuron": {},
    "LIF": {"beta": 0.75},
    "Leaky": {"beta": 0.75},
    "RLeaky": {"beta": 0.75},
    "Lapicque": {},
    "Alpha": {"alpha": 0.75, "beta": 0.5},
    "Synaptic": {"alpha": 0.75, "beta": 0.5},
    "RSynaptic": {"alpha": 0.75, "beta": 0.5},
    "SLSTM": {"input_size": 3, "hidden_size": 5},
    "SConv2dLSTM": {"in_channels": 2, "out_channels": 3, "kernel_size": 5},
    "StateLeaky": {"beta": 0.75, "channels": 3},
    "LinearLeaky": {"beta": 0.75, "in_features": 3, "out_features": 5},
    "LeakyParallel": {"input_size": 3, "hidden_size": 5},
    "ALIF": {"beta": 0.75, "rho": 0.5},
    "AdLIF": {"beta": 0.75, "rho": 0.5},
    "SEAdLIF": {"beta": 0.75, "rho": 0.5},
    "SiLIF": {},
    "CSiLIF": {},
    "RF": {"omega": 10.0, "b": 1.0},
    "BRF": {"omega": 10.0, "b": 1.0},
    "TCLIF": {},
    "Izhikevich": {},
    "AdEx": {},
    "SlidingPSN": {},
}
OTHERS: dict[str, Any] = {
    "threshold": 1.25,
    "spike_grad": snn.surrogate.fast_sigmoid(slope=7),
    "surrogate_disable": True,
    "init_hidden": True,
    "inhibition": True,
    "learn_alpha": True,
    "learn_beta": True,
    "learn_threshold": True,
    "learn_recurrent": False,
    "reset_mechanism": "subtract",
    "state_quant": torch.round,
    "output": True,
    "graded_spikes_factor": 0.25,
    "learn_graded_spikes_factor": True,
    "reset_delay": False,
    "V": 0.5,
    "delay": 1.5,
    "learn_delay": False,
    "delay_sigma": 0.5,
    "all_to_all": False,
    "linear_features": None,
    "conv2d_channels": None,
    "kernel_size": None,
    "beta": 0.625,
    "R": 2.0,
    "C": False,
    "time_step": 0.5,
    "bias": False,
    "max_pool": 2,
    "avg_pool": 0,
    "device": "cpu",
    "dtype": torch.float64,
    "kernel_truncation_steps": 3,
    "dropout": 0.0,
    "weight_hh_enable": True,
    "rho": 0.25,
    "kappa": 0.5,
    "q": 30.0,
    "a": 0.125,
    "b": 0.75,
    "c": -60.0,
    "d": 6.0,
    "dt": 0.05,
    "gamma": 0.625,
    "omega": 7.0,
    "log_rate": 1.5,
    "log_rate_w": 0.5,
    "log_dt": -3.5,
    "c1": 0.25,
    "c2": -0.25,
    "tau": 10.0,
    "tau_w": 50.0,
    "rest": -75.0,
    "rheobase": -45.0,
    "reset": -60.0,
    "sharpness": 1.5,
    "order": 3,
    "detach_reset": False,
    **{f"learn_{name}": True for name in "rho kappa a b d omega log_rate log_rate_w log_dt c1 c2".split()},
    "learn_weight": False,
}
# the names of what each takes by position, in order
ORDERS = {
    name: [p.name for p in inspect.signature(getattr(snn, name)).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    for name in REQUIRED
}
# how types were written in version 0.5
FORMER = {
    "float | Tensor": "Constant",
    "float | Tensor | None": "Constant | None",
    "Callable[[Tensor], Tensor] | None": "SpikeGrad | None",
    "Literal['subtract', 'zero', 'none']": "str",
    "bool | Literal['bounded']": "bool",
}


class Membrane(NamedTuple):
    """The state of a user's neuron."""

    mem: Tensor


def built(name: str) -> type:
    """The class, or where that is only the root of others a neuron of it."""
    kind = getattr(snn, name)
    return type(name, (kind,), {"State": Membrane}) if name in ("SpikingNeuron", "LIF") else kind


def settings(neuron: nn.Module) -> dict[str, Any]:
    """All that a neuron was made with: constants, weights, learned or not, and plain attributes."""
    tensors = {**dict(neuron.named_parameters()), **dict(neuron.named_buffers())}
    plain = {n: v for n, v in vars(neuron).items() if isinstance(v, bool | int | float | str | tuple)}
    functions = {n: repr(getattr(neuron, n, None)) for n in ("spike_grad", "state_quant")}
    return {n: (t.tolist(), t.requires_grad, t.dtype) for n, t in tensors.items()} | plain | functions


def parameters(kind: Any) -> dict[str, Parameter]:
    return dict(inspect.signature(kind).parameters)


@pytest.mark.parametrize("name", RECORD)
def test_a_neuron_is_called_as_in_version_0_5(name: str) -> None:
    signature = inspect.signature(getattr(snn, name))
    former = {*re.findall(r"\b(\w+): ", RECORD[name])}
    later = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY and p.name not in former]
    assert all(p.default is not p.empty for p in later)
    as_then = [
        p.replace(annotation=FORMER.get(p.annotation, p.annotation))
        for p in signature.parameters.values()
        if p not in later
    ]
    assert str(signature.replace(parameters=as_then)) == RECORD[name]


@pytest.mark.parametrize("name", ORDERS)
def test_help_shows_every_argument(name: str) -> None:
    heading = pydoc.plain(pydoc.render_doc(getattr(snn, name)))
    assert [argument for argument in parameters(getattr(snn, name)) if f"{argument}: " not in heading] == []


@pytest.mark.parametrize("name", ORDERS)
def test_the_types_of_all_arguments_can_be_looked_up(name: str) -> None:
    kind = getattr(snn, name)
    hints = typing.get_type_hints(kind.__init__)
    assert hints.keys() == parameters(kind).keys() | {"return"}
    assert hints["threshold"] == float | Tensor
    assert hints["surrogate_disable"] is bool


def as_written(name: str) -> tuple[dict[str, Parameter], dict[str, Any], bool]:
    """Return what a checker reads: the arguments of a constructor, the types of its options, if it takes ``*args``."""
    written: Any = inspect.unwrap(getattr(snn, name).__init__)  # the decorator says that it keeps the type
    types = typing.get_type_hints(written)
    options = typing.get_type_hints(*typing.get_args(types.pop("options")))
    more = Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD
    arguments = {n: p.replace(annotation=types.get(n)) for n, p in parameters(written).items() if p.kind not in more}
    del arguments["self"]
    return arguments, options, "args" in types


@pytest.mark.parametrize("name", ORDERS)
def test_type_checkers_know_the_names_and_types_of_all_arguments(name: str) -> None:
    arguments, options, _ = as_written(name)
    assert arguments.keys().isdisjoint(options)
    types = {n: p.annotation for n, p in arguments.items()} | options
    constructors = [vars(base)["__init__"] for base in getattr(snn, name).__mro__[:-1] if "__init__" in vars(base)]
    declared: dict[str, Any] = {}
    for constructor in reversed(constructors):
        declared |= typing.get_type_hints(inspect.unwrap(constructor))
    assert types == {n: declared[n] for n in types}
    assert types | {"return": type(None)} == typing.get_type_hints(constructors[0])
    assert types.keys() == parameters(getattr(snn, name)).keys()


@pytest.mark.parametrize("name", ORDERS)
def test_type_checkers_know_which_arguments_come_first_and_which_are_needed(name: str) -> None:
    arguments, _, takes_more = as_written(name)
    signature = parameters(getattr(snn, name))
    assert {n: p.default for n, p in arguments.items()} == {n: signature[n].default for n in arguments}
    needed = [{n for n, p in known.items() if p.default is p.empty} for known in (arguments, signature)]
    assert needed == [REQUIRED[name].keys()] * 2
    by_position = [n for n, p in arguments.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert by_position == ORDERS[name][: len(by_position)]
    assert takes_more == (by_position != ORDERS[name])


@pytest.mark.parametrize("name", ORDERS)
def test_a_neuron_takes_every_option_of_its_base_classes_that_it_uses(name: str) -> None:
    over_sequences = {"init_hidden", "inhibition", "reset_mechanism", "reset_delay"}
    unused = {"StateLeaky": over_sequences, "LinearLeaky": over_sequences | {"channels"}}
    kind = getattr(snn, name)
    options = {option for base in kind.__mro__[1:] if base.__name__ in ORDERS for option in parameters(base)}
    assert options - parameters(kind).keys() == unused.get(name, set())


@pytest.mark.parametrize("disabled", [True, False])
@pytest.mark.parametrize("name", ORDERS)
def test_positional_arguments_equal_those_by_name(name: str, disabled: bool) -> None:
    values = OTHERS | REQUIRED[name] | {"surrogate_disable": disabled}
    named = {argument: values[argument] for argument in ORDERS[name]}
    twins = []
    for args, options in ((named.values(), {}), ((), named)):
        torch.manual_seed(1)
        twins.append(built(name)(*args, **options))
    assert settings(twins[0]) == settings(twins[1])


@pytest.mark.parametrize("name", ORDERS)
def test_every_option_reaches_the_neuron(name: str) -> None:
    kind, values = built(name), OTHERS | REQUIRED[name]
    plain = {"surrogate_disable": False, "beta": 0.75, "V": 0.5, "all_to_all": False, "max_delay": 2}
    plain = {n: v for n, v in plain.items() if n in parameters(kind)} | REQUIRED[name]
    unread = {"device", "linear_features", "conv2d_channels", "C", "avg_pool", "dropout"}  # as above, or nowhere kept
    unread |= {"R", "time_step"} if name == "Lapicque" else {"V", "all_to_all"}
    for option in parameters(kind).keys() - plain.keys() - unread:
        torch.manual_seed(1)
        without = kind(**plain)
        torch.manual_seed(1)
        neuron = kind(**plain, **{option: values[option]})
        if values[option] != parameters(kind)[option].default:
            assert settings(neuron) != settings(without), option


@pytest.mark.parametrize("name", ORDERS)
def test_an_unknown_argument_is_named_with_the_class(name: str) -> None:
    words = rf"{name}\.__init__\(\) got an unexpected keyword argument 'xyz'$"
    with pytest.raises(TypeError, match=words):
        getattr(snn, name)(**REQUIRED[name], xyz=True)


@pytest.mark.parametrize("name", ORDERS)
def test_a_misspelled_argument_is_refused_with_the_closest_one(name: str) -> None:
    words = rf"{name}\.__init__\(\) got an unexpected keyword argument 'treshold'\. Did you mean 'threshold'\?$"
    with pytest.raises(TypeError, match=words):
        getattr(snn, name)(**REQUIRED[name], treshold=1.0)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    {"init_hiden": "init_hidden", "spike_gradient": "spike_grad", "v_threshold": "threshold", "Beta": "beta"}.items(),
)
def test_a_name_like_an_option_is_refused_with_the_option(wrong: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"'{wrong}'\. Did you mean '{meant}'\?$"):
        snn.Leaky(beta=0.9, **{wrong: True})


@pytest.mark.parametrize("wrong", ["tau", "v_reset", "surrogate_function", "step_mode"])
def test_a_name_like_no_option_is_refused_without_a_guess(wrong: str) -> None:
    with pytest.raises(TypeError, match=rf"unexpected keyword argument '{wrong}'$"):
        snn.Leaky(beta=0.9, **{wrong: 1.0})


@pytest.mark.parametrize("name", ORDERS)
def test_an_argument_passed_twice_is_named_with_the_class(name: str) -> None:
    first = ORDERS[name][0]
    with pytest.raises(TypeError, match=rf"{name}\.__init__\(\) got multiple values for argument '{first}'"):
        getattr(snn, name)(0.5, **{**REQUIRED[name], first: 0.5})


@pytest.mark.parametrize("name", [name for name in ORDERS if REQUIRED[name]])
def test_arguments_that_are_missing_are_named_with_the_class(name: str) -> None:
    several = "s" if len(REQUIRED[name]) > 1 else ""
    names = " and ".join(repr(argument) for argument in REQUIRED[name])
    words = rf"{name}\.__init__\(\) missing {len(REQUIRED[name])} required argument{several}: {names}"
    with pytest.raises(TypeError, match=words):
        getattr(snn, name)(threshold=1.0)


@pytest.mark.parametrize("name", ORDERS)
def test_too_many_arguments_by_position_are_counted(name: str) -> None:
    most = len(ORDERS[name])
    words = rf"{name}\.__init__\(\) takes at most {most} arguments by position but {most + 1} were given"
    with pytest.raises(TypeError, match=words):
        getattr(snn, name)(*range(most + 1))


@pytest.mark.parametrize("option", ["init_hidden", "inhibition", "reset_mechanism", "reset_delay", "channels"])
def test_a_neuron_over_whole_sequences_takes_no_unused_options(option: str) -> None:
    words = rf"LinearLeaky\.__init__\(\) got an unexpected keyword argument '{option}'"
    with pytest.raises(TypeError, match=words):
        snn.LinearLeaky(0.5, 3, 5, **{option: True})


def test_subclasses_pass_arguments_on_by_position_by_name_or_to_a_base_class_by_name() -> None:
    gradient = snn.surrogate.atan()

    class Positional(snn.Leaky):
        def __init__(self, beta: float) -> None:
            super().__init__(beta, 2.0, gradient, False, True)

    class Named(snn.Leaky):
        def __init__(self, size: int, **options: Any) -> None:
            super().__init__(threshold=torch.full((size,), 2.0), **options)

    class OfTheRoot(snn.LIF):
        State = Membrane

        def __init__(self, beta: float, threshold: float, *args: Any, **options: Any) -> None:
            snn.LIF.__init__(self, beta, threshold, *args, reset_delay=False, **options)

    class OfTheBase(snn.SpikingNeuron):
        State = Membrane

        def __init__(self) -> None:
            snn.SpikingNeuron.__init__(self, 2.0, gradient, False, True)

    neurons = [
        Positional(0.5),
        Named(3, beta=0.5, spike_grad=gradient, init_hidden=True),
        OfTheRoot(0.5, 2.0, gradient, False, True),
        OfTheBase(),
    ]
    for neuron in neurons:
        assert (neuron.threshold == 2).all()
        assert neuron.spike_grad is gradient
        assert neuron.init_hidden
        assert not neuron.output
    assert [neuron.reset_delay for neuron in neurons] == [True, True, False, True]
    assert [neuron.beta.item() for neuron in neurons[:3]] == [0.5] * 3


def test_a_mixin_between_two_neurons_sees_the_options_of_the_call() -> None:
    arguments: dict[str, Any] = {}

    class Watching(snn.SpikingNeuron):
        def __init__(self, **options: Any) -> None:
            arguments.update(options)
            super().__init__(**options)

    class Neuron(snn.Leaky, Watching):
        pass

    neuron = Neuron(0.5, 2.0, init_hidden=True)
    assert arguments == {"threshold": 2.0, "init_hidden": True}
    assert neuron.init_hidden


def test_a_warning_about_a_decay_shows_the_line_of_the_program() -> None:
    class Neuron(snn.RSynaptic):
        pass

    neurons = [
        lambda: snn.Leaky(1.5),
        lambda: snn.Alpha(1.5, 0.5),
        lambda: snn.LinearLeaky(1.5, 2, 3),
        lambda: Neuron(0.5, 1.5, linear_features=3),
        lambda: snn.StateLeaky(0.5, 1, 2.0, output=False, surrogate_disable=True),
        lambda: snn.LinearLeaky(0.5, 2, 3, output=False, learn_threshold=True),
    ]
    for make in neurons:
        with pytest.warns(UserWarning, match="is a decay per step|have no effect") as error:
            make()
        assert [warning.filename for warning in error] == [__file__]
