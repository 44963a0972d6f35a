"""Collect facts about the kernels of snn-triton without a GPU: ``python -m gpu docs/gpu.md`` writes them into the page.

It needs Triton, which can compile for GPUs that the machine does not have.
"""
