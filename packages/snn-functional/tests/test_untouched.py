"""No function of the package writes into the tensors that it is passed, whatever their numbers of steps and samples."""

import pytest
import torch

import snn_functional as SF

from . import bad_recordings
from .test_bad_input import CASES


def tensors(value):
    """Yield the tensors of arguments, in tuples and lists too; a net is trained in place, so its own do not count."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors(part)


def leaves_as_they_are(call, arguments):
    """Check that a call leaves every tensor of its arguments as it was, bit by bit."""
    arrays = [*tensors([*arguments.values()])]
    before = [tensor.clone() for tensor in arrays]
    call(**arguments)
    return all(map(torch.equal, arrays, before))


with torch.random.fork_rng(devices=[]):  # some arguments are drawn
    TAKES_TENSORS = [name for name, case in CASES.items() if [*tensors([*case.right().values()])]]


@pytest.mark.parametrize("name", TAKES_TENSORS)
def test_a_call_leaves_its_arguments_as_they_are(name):
    assert leaves_as_they_are(CASES[name].call, CASES[name].right())


@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("name", [name for name in bad_recordings.CASES if name != "LossFunctions"])
def test_a_recording_of_any_shape_stays_as_it_is(name, steps, batch, outputs):
    case = bad_recordings.CASES[name]
    spikes, targets = (torch.rand(steps, batch, outputs) < 0.5).float(), torch.arange(batch) % outputs
    arguments = {argument: targets if argument == "targets" else spikes for argument in case.right()}
    assert leaves_as_they_are(case.call, arguments)


def test_an_accuracy_of_the_first_step_leaves_the_rest_to_count():
    # class 1 fires in the first step alone, class 0 in all later ones
    spk = torch.zeros(3, 1, 2)
    spk[0, 0, 1] = spk[1:, 0, 0] = 1
    sofar = [float(SF.accuracy_rate(spk[:steps], torch.tensor([1]))) for steps in (1, 2, 3)]
    assert sofar == [1, 0, 0]  # of equal counts the first class wins
    assert SF.accuracy_rate(spk[:1], torch.tensor([1])) == 1
