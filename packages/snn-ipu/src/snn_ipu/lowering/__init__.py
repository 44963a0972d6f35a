"""A net as a program: its step recorded twice, checked, and described."""
