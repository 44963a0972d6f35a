"""The search for nodes of a graph that are neurons of snn-core."""

from __future__ import annotations

import nir

from snn_nir.graphs.flattening import Flat
from snn_nir.importing.building import Scheme
from snn_nir.importing.simplification.alpha import alpha_unit
from snn_nir.importing.simplification.around import add_current, add_graded, add_recurrence
from snn_nir.importing.simplification.draft import Draft
from snn_nir.importing.simplification.membrane import firing_unit, membrane_unit
from snn_nir.importing.simplification.unit import Unit
from snn_nir.primitives import Scale


def simplified(flat: Flat, scheme: Scheme) -> Draft:
    """Replace nodes by equivalent neurons of snn-core.

    ==============================================  =====================================================
    nodes                                           neuron
    ==============================================  =====================================================
    LIF, IF; CubaLIF                                ``Leaky``; ``Synaptic``, reset to zero
    LI, I; CubaLI                                   ``Readout``; ``Synaptic`` without reset, read by its membrane
    LI -> Threshold                                 ``Leaky`` without reset
    LI -> Threshold -> Scale(-threshold) -> LI      ``Leaky``, reset by subtraction; with -decay * threshold
                                                    as the scale, reset in the same step
    any of them <-> Linear, Affine, Conv2d, Scale   ``RLeaky``, ``RSynaptic``
    ==============================================  =====================================================

    This is done if rest and reset potential are 0 and decays are in [0, 1], so that the neuron does the same
    operations. An input that the node multiplies goes through a ``Scale`` first. Constants recorded in the metadata are
    used if the node's fields agree with them to 1e-5; LI -> LI becomes one ``Synaptic``, and a graded spike part of its
    neuron, only if the metadata says so. Nothing is replaced if the names of the neurons would close a cycle elsewhere.
    """
    draft = Draft(flat)
    for name in draft.of_type(draft.nodes, nir.LI):
        if name in draft.nodes:
            _put(draft, alpha_unit(draft, name, scheme), scheme)
    for name in draft.of_type(draft.nodes, nir.LIF, nir.IF, nir.CubaLIF):
        _put(draft, firing_unit(draft, name, scheme), scheme)
    for fires in (True, False):  # a current that belongs to a later neuron must not become a separate neuron
        for name in draft.of_type(draft.nodes, nir.LI, nir.I, nir.CubaLI):
            if name in draft.nodes:
                _put(draft, membrane_unit(draft, name, scheme, fires), scheme)
    return draft if draft.keeps_cycles() else Draft(flat)


def _put(draft: Draft, unit: Unit | None, scheme: Scheme) -> None:
    if unit is None:
        return
    add_current(draft, unit, scheme)
    add_graded(draft, unit)
    w_rec = add_recurrence(draft, unit, scheme)
    for target in {unit.entry, unit.mem}:
        if any(s in unit.members and s not in unit.feeds for s in draft.sources(target)):
            return  # it feeds itself without a weight, which no neuron of snn-core does
    if not set(draft.sources(unit.entry)) - unit.members:
        return  # it reads nothing but its own reset
    outlets = draft.outlets(unit)
    neuron = unit.neuron(scheme.dtype, output=any(outlets.values()))
    before = None if unit.gain is None else Scale(scheme.tensor(unit.gain))
    draft.replace(unit, outlets, neuron, before)
    if w_rec:
        draft.absorbed[w_rec] = neuron.get_submodule("recurrent")
