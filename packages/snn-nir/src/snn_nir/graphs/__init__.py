"""Graphs as data: fields, shapes, metadata, and what is done with them."""
