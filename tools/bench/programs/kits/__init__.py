"""What each library makes of the programs: one module for each, imported only in an environment that has it."""
