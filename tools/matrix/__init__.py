"""The version matrix: which packages, in which versions, beside which others; ``nox -s matrix`` runs it."""
