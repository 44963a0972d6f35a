"""Keep modules that need another library each away from the collection of tests."""

collect_ignore_glob = ["peers/*.py", "programs/kits/*.py"]
