"""How the weights before spiking neurons are scaled."""
