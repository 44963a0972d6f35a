"""Files of trained nets, and the manifest in which a file describes its content."""
