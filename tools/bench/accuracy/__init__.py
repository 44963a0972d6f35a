"""How well the tasks of ``snn demo`` are learned, over several seeds, and how long that takes."""
