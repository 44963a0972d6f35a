"""What every neuron inherits: steps and states, firing and reset, constants, recurrence."""
