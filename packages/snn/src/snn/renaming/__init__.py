"""The command ``snn rename``, by which programs that import snnTorch import ``snn`` instead."""
