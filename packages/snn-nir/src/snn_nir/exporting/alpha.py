"""``Alpha`` to NIR."""

from __future__ import annotations

from snn_nir.exporting.drawing import Signal
from snn_nir.exporting.neurons import Neuron, Ports


def draw_alpha(neuron: Neuron, signal: Signal) -> Ports:
    r"""Draw two currents as ``LI`` nodes whose sum is the membrane: :math:`U = \tau E + \tau I`.

    A reset by subtraction lowers the excitatory current, by the scale :math:`-\vartheta/\tau` from the spikes to its
    input, or :math:`-\alpha\vartheta/\tau` where it resets at once. The reset to zero clears both currents, which
    leaves NIR's nodes nothing to say it with.

    Args:
        neuron: The neuron.
        signal: Its input.

    Returns:
        Spikes and membrane, and why there are no currents.

    Raises:
        NIRError: ``NIR402`` for the reset to zero.
    """
    module = neuron.module
    reset = module.reset_name
    if reset == "zero":
        why = "reset_mechanism='zero' clears both currents, which no NIR node does"
        remedy = "use reset_mechanism='subtract' or 'none', or pass on_unsupported='metadata' or 'drop'"
        lost = neuron.drawing.leave_out("NIR402", neuron.where, why, remedy)
        neuron.lost += [lost] if lost else []
    neuron.single = False
    neuron.check_rests_silent()
    tau = neuron.constant(module.tau)
    exc = neuron.add("exc", neuron.leak(module.alpha.clamp(0, 1), tau).integrator, signal, main=True)
    inh = neuron.add("inh", neuron.leak(module.membrane_decay, -tau).integrator, signal)
    mem = exc._replace(sources=exc.sources + inh.sources)
    fired = neuron.fire(mem)
    if reset == "subtract":
        alpha = 1.0 if module.reset_delay else neuron.constant(module.alpha.clamp(0, 1))
        amount = alpha * neuron.threshold / tau
        neuron.drawing.connect(neuron.scale("reset", -amount, fired), exc.sources[0])
        if not module.reset_delay and "mem" in neuron.wanted:
            mem = mem._replace(sources=mem.sources + neuron.scale("lowered", -neuron.threshold, fired).sources)
    inside = {name: neuron.inside(name) for name in ("syn_exc", "syn_inh")}
    return {"spk": neuron.graded_spikes(fired), "mem": mem, **inside}
