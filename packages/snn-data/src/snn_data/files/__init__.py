"""Downloads, archives, and files of samples, read without running anything in them."""
