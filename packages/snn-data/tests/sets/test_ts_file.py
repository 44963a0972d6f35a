"""Files of time series."""

from __future__ import annotations

import pytest
import torch

from snn_data.sets.ts_file import read_ts

HEADER = "# a comment: with, signs\n@problemName three\n@classLabel true walk 7 run\n@data\n"


def test_channels_become_columns_and_names_of_classes_their_numbers(tmp_path):
    path = tmp_path / "a.ts"
    path.write_text(HEADER + "1,2,3,4,5:-1,-2,-3,-4,-5e-1:0,0,0,0,0.25:run\n8:9:10:walk\n1,1:2,2:3,3:7\n")
    sample = read_ts(path)
    assert sample.targets.tolist() == [2, 0, 1]
    assert sample.targets.dtype == torch.int64
    assert sample.lengths.tolist() == [5, 1, 2]
    assert sample.data[0].tolist() == [[1, -1, 0], [2, -2, 0], [3, -3, 0], [4, -4, 0], [5, -0.5, 0.25]]
    assert sample.data[1].tolist() == [[8, 9, 10]]
    assert all(sequence.is_contiguous() and sequence.dtype == torch.float32 for sequence in sample.data)


@pytest.mark.parametrize("content", ["", "@problemName a\n@data\n1,2:a\n", "@classLabel true a\n1,2:a\n"])
def test_a_file_without_data_or_classes_is_refused(tmp_path, content):
    path = tmp_path / "a.ts"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"a\.ts has no @classLabel or no @data"):
        read_ts(path)


@pytest.mark.parametrize("line", ["1,2:jump", "1,?:run", "1,2:1:run", "1,,2:run"])
def test_a_value_that_is_not_a_sample_is_refused(tmp_path, line):
    path = tmp_path / "a.ts"
    path.write_text(f"{HEADER}1,2:walk\n{line}\n")
    with pytest.raises(ValueError, match=r"a\.ts, sample 1 does not consist of channels of one length and a class"):
        read_ts(path)
