"""A program of plain operations: its parts, its losses, its weights and its files."""
