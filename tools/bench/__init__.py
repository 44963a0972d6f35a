"""The benchmark: the same workloads through ours, a plain PyTorch loop and other libraries, interleaved."""
