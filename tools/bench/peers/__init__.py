"""Runners of the workloads: one module for each library, imported only in an environment that has it."""
