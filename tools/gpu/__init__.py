"""Facts about the kernels of snn-triton where there is no GPU: ``python -m gpu docs/gpu.md`` writes them there.

It needs Triton, which compiles for GPUs that are not there.
"""
