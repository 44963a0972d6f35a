"""Release packages: set versions, lists of changes and the ranges of other packages, and collect files to publish."""
