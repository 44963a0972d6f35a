"""The programs that ``snn demo --code`` writes; the tasks use their networks and their augmentation."""
