"""The version matrix: which versions of the packages are tested together; ``nox -s matrix`` runs it."""
