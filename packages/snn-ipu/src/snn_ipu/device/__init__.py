"""Where programs run: on this CPU, or on an IPU through PopTorch."""
