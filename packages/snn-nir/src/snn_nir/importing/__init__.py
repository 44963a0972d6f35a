"""The import of NIR graphs as networks."""
