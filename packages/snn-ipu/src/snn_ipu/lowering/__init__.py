"""The lowering of a net to a program: its step is recorded twice, checked, and described."""
