"""``snn rename``: programs that import snnTorch import ``snn`` in its place."""
