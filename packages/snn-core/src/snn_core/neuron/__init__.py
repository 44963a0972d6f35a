"""The base classes of neurons: steps and states, firing and reset, constants, recurrence."""
