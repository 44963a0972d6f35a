"""Graphs as data: fields, shapes, metadata, and operations on them."""
