"""A program of plain operations: what it is made of, its losses, its weights and its files."""
