"""Not every module of this folder can be imported by a collector of tests: each wants a library of its own."""

collect_ignore_glob = ["*.py"]
