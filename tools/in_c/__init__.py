"""Nets of every kind that snn-export writes in C, and code with which its tests compile and run them."""
