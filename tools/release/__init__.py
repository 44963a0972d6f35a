"""The release of a package: its version, its list of changes, the ranges of the others, and the files to publish."""
