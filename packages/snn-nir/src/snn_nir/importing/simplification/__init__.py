"""Neurons of snn-core in place of the NIR nodes that are one."""
