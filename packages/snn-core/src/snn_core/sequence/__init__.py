"""A net written for one time step, run over a whole sequence."""
