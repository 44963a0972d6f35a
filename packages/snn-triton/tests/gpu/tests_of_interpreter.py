"""Parts of the tests in Triton's interpreter that tests on a GPU share."""

from __future__ import annotations

from siblings import module_of_tests

comparison, functions, neurons = (
    module_of_tests("snn-triton/tests/interpreted", name) for name in ("comparison", "functions", "test_neurons")
)
