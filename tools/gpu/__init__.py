"""What can be known of the kernels of snn-triton where there is no GPU: ``python -m gpu docs/gpu.md`` writes it there.

It needs Triton, which compiles for GPUs that are not there.
"""
