"""The programs by each library: one module for each, imported only in an environment that has it."""
