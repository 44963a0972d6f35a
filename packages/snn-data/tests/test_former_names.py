"""Names of 0.5 go on for a while."""

from __future__ import annotations

import pickle

import pytest
import torch

import snn_data


@pytest.mark.parametrize("name", ["DigitsSplit", "VowelsSplit"])
def test_a_former_name_gives_the_new_class_with_a_warning(name):
    with pytest.warns(DeprecationWarning, match=f"snn_data.{name} is now snn_data.Split") as error:
        former = getattr(snn_data, name)
    assert former is snn_data.Split
    assert error[0].filename == __file__
    assert name not in snn_data.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'snn_data' has no attribute 'digitz'"):
        _ = snn_data.digitz


def test_the_error_of_a_name_that_is_gone_says_what_to_write():
    with pytest.raises(AttributeError, match=r"fingerprint, .* is gone: cached\(\.\.\., key=\.\.\.\) takes"):
        _ = snn_data.fingerprint


def test_a_data_set_pickled_by_0_5_is_unpickled_as_the_present_class():
    from snn_data.cached import CachedDataset
    from snn_data.labelled_tensors import LabelledTensors

    stored = pickle.dumps(snn_data.LabelledTensors(torch.ones(2, 3), torch.arange(2)), protocol=2)
    former = stored.replace(b"csnn_data.sets.labelled_tensors\n", b"csnn_data.labelled_tensors\n")
    assert former != stored
    restored = pickle.loads(former)
    assert type(restored) is snn_data.LabelledTensors is LabelledTensors
    assert restored.data.equal(torch.ones(2, 3))
    assert CachedDataset is snn_data.CachedDataset
