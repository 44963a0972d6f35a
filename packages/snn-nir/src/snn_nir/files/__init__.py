"""Files of graphs, read and written."""
