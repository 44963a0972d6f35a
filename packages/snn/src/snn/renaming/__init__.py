"""The command ``snn rename``, which makes programs that import snnTorch import ``snn`` instead."""
