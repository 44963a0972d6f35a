"""Not every module of these folders can be imported by a collector of tests: each wants a library of its own."""

collect_ignore_glob = ["peers/*.py", "programs/kits/*.py"]
