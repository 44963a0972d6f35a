"""Neurons of one's own that derive from the library's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .both import learn, louder, run, same, snn, some_fire

STEPS, BATCH, SIZE = 10, 3, 5


def inputs() -> Tensor:
    return torch.rand(STEPS, BATCH, SIZE)


def driven(neuron: Any, xs: Tensor) -> dict[str, Any]:
    mem, spikes = neuron.init_leaky(), []
    for x in xs:
        spk, mem = neuron(x, mem)
        spikes.append(spk)
    return {"spk": some_fire(torch.stack(spikes)), "mem": mem}


def test_a_subclass_adapts_its_threshold_in_its_forward() -> None:
    def program(snn: Any) -> dict[str, Any]:
        class Adaptive(snn.Leaky):
            def __init__(self, beta: float, rise: float) -> None:
                super().__init__(beta)
                self.rise = rise
                self.register_buffer("adaptation", torch.zeros(BATCH, SIZE))

            def forward(self, input_: Tensor, mem: Tensor | None = None) -> tuple[Tensor, Tensor]:
                self.threshold = 0.6 + self.rise * self.adaptation
                spk, mem = super().forward(input_, mem)
                self.adaptation = 0.9 * self.adaptation + spk
                return spk, mem

        neuron = Adaptive(0.9, 0.3)
        return driven(neuron, inputs()) | {"adaptation": neuron.adaptation, "leaky": isinstance(neuron, snn.Leaky)}

    same(program)


def test_a_subclass_has_other_defaults_and_a_layer_of_its_own() -> None:
    def program(snn: Any) -> dict[str, Any]:
        class Layer(snn.Leaky):
            def __init__(self, inputs: int, outputs: int, **options: Any) -> None:
                super().__init__(beta=0.8, learn_beta=True, spike_grad=snn.surrogate.atan(), **options)
                self.fc = nn.Linear(inputs, outputs)

            def forward(self, input_: Tensor, mem: Tensor | None = None) -> tuple[Tensor, Tensor]:
                return super().forward(self.fc(input_), mem)

        neuron, xs = louder(Layer(SIZE, 4, threshold=0.5)), inputs()
        return driven(neuron, xs) | learn(neuron, lambda: driven(neuron, xs)["mem"].pow(2).mean())

    same(program)


def test_a_custom_forward_uses_the_methods_of_the_base() -> None:
    """It calls ``mem_reset`` and ``fire`` itself."""

    def program(snn: Any) -> dict[str, Any]:
        class Quadratic(snn.Leaky):
            def forward(self, input_: Tensor, mem: Tensor) -> tuple[Tensor, Tensor]:
                reset = self.mem_reset(mem)
                mem = self.beta.clamp(0, 1) * mem + 0.1 * mem**2 + input_ - reset * self.threshold
                return self.fire(mem), mem

        neuron, mem, spikes = Quadratic(0.7), torch.zeros(BATCH, SIZE), []
        xs = inputs().requires_grad_()
        for x in xs:
            spk, mem = neuron(x, mem)
            spikes.append(spk)
        (grad,) = torch.autograd.grad(torch.stack(spikes).sum(), xs)
        return {"spk": some_fire(torch.stack(spikes)), "mem": mem, "grad": grad}

    same(program)


HOOKS: dict[str, dict[str, Any]] = {
    "a reset": {"_base_sub": lambda self, input_: self._base_state_function(input_) - 0.1 * self.reset},
    "where it resets": {"mem_reset": lambda self, mem: torch.zeros_like(mem)},
    "the winner": {"fire_inhibition": lambda self, batch_size, mem: self.fire(mem)},
}


@pytest.mark.parametrize("hook", HOOKS)
def test_methods_of_the_peers_forward_are_refused_with_their_replacement(hook: str) -> None:
    """Documented: nothing would call it here, so that it says so and names the page."""
    with pytest.raises(TypeError, match="which nothing calls"):
        type("Own", (snn.Leaky,), HOOKS[hook])


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
def test_a_custom_equation_overrides_the_state_function(reset: str, hidden: bool) -> None:
    def program(snn: Any) -> dict[str, Any]:
        class Own(snn.Leaky):
            def _base_state_function(self, input_: Tensor) -> Tensor:
                return self.beta.clamp(0, 1) * self.mem - 0.05 * self.mem**2 + input_

        neuron, xs = Own(0.9, learn_beta=True, reset_mechanism=reset, init_hidden=hidden, output=True), inputs()

        def last() -> dict[str, Any]:
            neuron.reset_mem()
            spikes, mems = zip(*(neuron(x) for x in xs), strict=True)
            return {"spk": some_fire(torch.stack(spikes)), "mem": torch.stack(mems)}

        return last() | learn(neuron, lambda: (last()["spk"] + last()["mem"]).pow(2).mean())

    same(program)


@pytest.mark.parametrize("hidden", [False, True])
def test_the_equations_of_versions_before_1_0_give_what_that_of_1_0_does(hidden: bool) -> None:
    """They are two methods, the first of which takes the states; snnTorch 1.0 calls the one method without them."""

    def program(snn: Any) -> dict[str, Any]:
        class Linear(snn.Leaky):
            def __init__(self, beta: float, **options: Any) -> None:
                super().__init__(beta, 0.8, state_quant=torch.relu, reset_mechanism="zero", **options)

            if hasattr(snn.Leaky, "integrate"):

                def _base_state_function(self, input_: Tensor, mem: Tensor) -> Tensor:
                    return mem - self.beta + input_

                def _base_state_function_hidden(self, input_: Tensor) -> Tensor:
                    return self.mem - self.beta + input_

            else:

                def _base_state_function(self, input_: Tensor) -> Tensor:
                    return self.mem - self.beta + input_

        neuron, fc, xs = Linear(0.2, learn_beta=True, init_hidden=hidden, output=True), nn.Linear(SIZE, SIZE), inputs()

        def last() -> dict[str, Any]:
            neuron.reset_mem()
            spikes, mems = zip(*(neuron(fc(x) + x) for x in xs), strict=True)
            return {"spk": some_fire(torch.stack(spikes)), "mem": torch.stack(mems)}

        return last() | learn(nn.Sequential(fc, neuron), lambda: last()["mem"].pow(2).mean())

    same(program)


def test_a_custom_recurrence_is_a_module() -> None:
    """The peer calls ``_init_recurrent_linear``; here the module is set, which works in both."""

    def program(snn: Any) -> dict[str, Any]:
        neuron = snn.RLeaky(beta=0.8, linear_features=SIZE, reset_mechanism="subtract")
        neuron.recurrent = nn.Sequential(nn.Linear(SIZE, 2, bias=False), nn.Linear(2, SIZE, bias=False))
        spk, mem = neuron.init_rleaky()
        spikes = []
        for x in inputs():
            spk, mem = neuron(x, spk, mem)
            spikes.append(spk)
        return {"spk": some_fire(torch.stack(spikes)), "mem": mem}

    same(program)


def test_a_base_class_of_their_own_shares_options() -> None:
    def program(snn: Any) -> dict[str, Any]:
        class Named:
            label = "named"

            def describe(self) -> str:
                return f"{self.label}: {float(self.beta):.2f}"

        class Own(Named, snn.Leaky):
            pass

        neuron = Own(beta=0.75)
        return driven(neuron, 2 * inputs()) | {"text": neuron.describe()}

    same(program)


def test_a_subclass_without_a_state_is_pointed_to_the_page() -> None:
    """The peer's base class does nothing by itself; here a neuron has a state or a ``forward`` of its own."""
    result, expected = run(lambda snn: {"base": snn.SpikingNeuron})
    assert expected["base"]().threshold == 1
    with pytest.raises(TypeError, match=r"write-your-own-neuron"):
        result["base"]()
