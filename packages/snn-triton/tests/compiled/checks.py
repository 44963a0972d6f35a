"""Checks of every compiled kernel."""

from __future__ import annotations

from gpu.binaries import Binary
from gpu.launches import Launch

from . import listings

__all__ = ["fits", "loads_ahead", "rounds_as_written", "vectorized"]

SHARED = {"cuda": 48 * 1024, "hip": 64 * 1024}  # that every GPU gives a block without being asked


def fits(binary: Binary) -> None:
    """A block of it runs on the GPU, and no value of a thread goes to memory for want of registers."""
    assert binary.registers <= binary.target.most
    assert binary.shared <= SHARED[binary.target.backend]
    assert binary.occupancy > 0
    assert binary.spilled == 0


def rounds_as_written(launch: Launch, binary: Binary) -> None:
    """No product and sum are rounded once, and nothing may be computed in another way."""
    assert not listings.contracting_flags(binary)
    if listings.is_exact(launch, binary.target.backend):
        assert not listings.fused_products(binary)
        assert binary.target.backend == "hip" or not listings.approximations(binary)
    if binary.target.backend == "cuda" and listings.is_exact(launch, "hip"):
        assert not listings.fused_in_code(binary)


def loads_ahead(binary: Binary) -> None:
    """Check that what a step reads is loaded some steps before, and by the thread that needs it."""
    assert not listings.conversions_in_loops(binary)
    assert not listings.unordered(binary)
    assert not listings.waiting_loads(binary)


def vectorized(launch: Launch, binary: Binary) -> None:
    """Each thread reads and writes all its columns at a time, up to 16 bytes."""
    columns = max(1, launch.options["BLOCK"] // binary.threads)
    expected = {min(16, columns * size) for size in (4, 8)}  # the sums over columns are float64
    widths = listings.widths(binary)
    if binary.target.backend == "cuda" and columns > 1:  # AMD reads numbers by instructions of their own
        assert widths.pop(4) == launch.source.text.count("tl.broadcast_to(")
    assert widths
    assert set(widths) <= expected
