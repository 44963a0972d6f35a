"""The benchmark of single functions: each takes turns with the function that it replaces, on the same arrays."""
