"""The benchmark of single functions: each beside the one that it takes the place of, on the same arrays, in turns."""
