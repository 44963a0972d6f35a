"""The replacement of NIR nodes by equivalent neurons of snn-core."""
