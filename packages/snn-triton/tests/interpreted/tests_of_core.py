"""Parts of snn-core's tests that tests of engines use: the zoo of neurons, and random neurons."""

from __future__ import annotations

from siblings import module_of_tests

zoo = module_of_tests("snn-core/tests", "zoo")
random_neurons = module_of_tests("snn-core/tests", "test_random_neurons")
