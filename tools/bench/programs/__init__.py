"""The benchmark of whole programs: training steps with loss and optimizer, in every library that can express them."""
