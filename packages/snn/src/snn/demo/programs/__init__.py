"""The programs that ``snn demo --code`` writes, each with a network that the task of its name trains too."""
