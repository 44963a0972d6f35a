"""How well the tasks of ``snn demo`` are learnt, over several seeds, and how long that takes."""
