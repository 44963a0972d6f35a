"""Splits of data sets into parts that share no sample."""
