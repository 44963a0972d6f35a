"""Reading and writing of files of graphs."""
