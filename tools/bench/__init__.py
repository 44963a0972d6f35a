"""The benchmark: the same workloads in our library, a plain PyTorch loop and other libraries, which take turns."""
