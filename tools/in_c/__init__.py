"""Nets of every kind that snn-export writes in C, and how its tests compile and run them."""
