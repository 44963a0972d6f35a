"""The tasks of ``snn demo`` over several seeds: how well they are learned, and how long that takes."""
