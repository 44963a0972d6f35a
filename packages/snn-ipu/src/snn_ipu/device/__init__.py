"""Devices that run programs: this CPU, or an IPU through PopTorch."""
