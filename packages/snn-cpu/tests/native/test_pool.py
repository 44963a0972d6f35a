"""Buffers are used again, never by two at once, given back beyond a limit, and outlive neither fork nor exit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

import snn_core as snn

MEGABYTE = 2**20
LIMIT = 512 * MEGABYTE


@pytest.fixture(autouse=True)
def empty_pool() -> Iterator[None]:
    """Nothing in the pool before a test, and the usual limit after it."""
    torch.ops.snn_cpu.limit_pool(0)
    torch.ops.snn_cpu.limit_pool(LIMIT)
    yield
    torch.ops.snn_cpu.limit_pool(LIMIT)


def buffer(megabytes: float) -> Tensor:
    return torch.ops.snn_cpu.pooled_empty([int(megabytes * MEGABYTE / 4)], torch.empty(0))


def test_a_freed_buffer_is_handed_out_again() -> None:
    first = buffer(4)
    place = first.data_ptr()
    del first
    assert buffer(4).data_ptr() == place


def test_a_buffer_serves_a_slightly_smaller_tensor_but_no_larger_one() -> None:
    held = buffer(8)
    place = held.data_ptr()
    del held
    larger = buffer(9)
    assert larger.data_ptr() != place
    assert buffer(7).data_ptr() == place
    small = buffer(1.5)  # would waste most of it
    assert small.data_ptr() != place


def test_a_view_keeps_its_buffer() -> None:
    held = buffer(4)
    place, view = held.data_ptr(), held[-3:]
    view.fill_(7)
    del held
    other = buffer(4)
    assert other.data_ptr() != place
    other.fill_(1)
    assert view.tolist() == [7, 7, 7]


def test_buffers_that_are_alive_do_not_overlap() -> None:
    generator = torch.Generator().manual_seed(0)
    alive: dict[int, Tensor] = {}
    for number in range(300):
        if len(alive) > 12:
            freed = list(alive)[int(torch.randint(len(alive), (), generator=generator))]
            assert bool((alive.pop(freed) == freed).all())
        alive[number] = buffer(1 + 3 * float(torch.rand((), generator=generator))).fill_(number)
        spans = sorted((t.data_ptr(), t.data_ptr() + t.nbytes) for t in alive.values())
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    for number, tensor in alive.items():
        assert bool((tensor == number).all())


@pytest.mark.parametrize(("sizes", "dtype"), [((3, 5), torch.float32), ((0, 7), torch.float64), ((), torch.int64)])
def test_small_and_empty_tensors_are_torchs_own(sizes: tuple[int, ...], dtype: torch.dtype) -> None:
    tensor = torch.ops.snn_cpu.pooled_empty(sizes, torch.empty(0, dtype=dtype))
    assert (tensor.shape, tensor.dtype, tensor.is_contiguous()) == (torch.Size(sizes), dtype, True)


LIMITED = """
import os, torch
from snn_cpu import library

library.load()
def resident():
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

# 64 MB: above any threshold from which the C library maps memory by itself
held = [torch.ops.snn_cpu.pooled_empty([2**24], torch.empty(0)).fill_(1) for _ in range(4)]
full = resident()
torch.ops.snn_cpu.limit_pool(2**26)
print(full - resident())
del held
print(full - resident())
torch.ops.snn_cpu.limit_pool(0)
print(full - resident())
"""


def test_beyond_the_limit_memory_goes_back_to_the_system() -> None:
    """In a process of its own, whose heap has no room of other tests for a buffer."""
    process = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=300, check=True)
    at_once, later, at_last = map(float, process.stdout.split())
    assert at_once < 8  # what tensors hold does not count
    assert 184 < later < 200  # one of four stays
    assert at_last > 248


FILLED = """
import os, torch
from snn_cpu import library

library.load()
def resident():
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

sizes = [int(size * 2**20) for size in (1.1, 2.6, 3.1)] * 20
before = resident()
held = [torch.ops.snn_cpu.pooled_empty([size], torch.empty(0, dtype=torch.uint8)).fill_(1) for size in sizes]
print((resident() - before) / sum(sizes))
"""


def test_a_buffer_takes_no_more_memory_than_its_tensor() -> None:
    """In a process of its own, whose heap has no room of other tests for a buffer."""
    process = subprocess.run([sys.executable, "-c", FILLED], capture_output=True, text=True, timeout=300, check=True)
    assert float(process.stdout) < 1.1  # whole huge pages would be 1.5 times as much


def test_the_oldest_buffer_goes_first() -> None:
    held = [buffer(size) for size in (4, 8, 16)]
    places = [h.data_ptr() for h in held]
    while held:
        held.pop(0)
    torch.ops.snn_cpu.limit_pool(24 * MEGABYTE)
    assert buffer(16).data_ptr() == places[2]
    assert buffer(8).data_ptr() == places[1]


def test_a_limit_below_zero_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="limit must be a number of bytes >= 0, got -1"):
        torch.ops.snn_cpu.limit_pool(-1)


def test_training_takes_no_fresh_memory_once_it_runs() -> None:
    neuron, xs = snn.Leaky(beta=0.9, learn_beta=True), torch.rand(64, 64, 256, requires_grad=True)

    def step() -> set[int]:
        spk, _ = neuron.unroll(xs)
        (grad,) = torch.autograd.grad(spk.sum(), xs)
        return {spk.data_ptr(), grad.data_ptr()}

    first = step()
    assert all(step() == first for _ in range(3))


# steps whose tensors are together more than twice the largest, which glibc would give back
FREEING = """
import resource, torch
import snn_core as snn
torch.set_num_threads(1)
snn.Leaky(beta=0.9).unroll(torch.rand(16, 16, 256))
def steps(number):
    for _ in range(number):
        several = [torch.ones(2**20) for _ in range(3)]
        del several
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = steps(5)
print((steps(20) - before) // 20)
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_memory_freed_by_a_step_serves_the_next_without_fresh_pages(tmp_path) -> None:
    file = tmp_path / "program.py"
    file.write_text(FREEING, encoding="utf-8")
    process = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=300, check=True)
    assert int(process.stdout) < 8  # without teach_malloc there are about 2,000


# the parent holds buffers and has threads that take and free some while it forks
FORKING = """
import os, sys, threading, torch
import snn_core as snn
torch.set_num_threads(1)
neuron, xs = snn.Leaky(beta=0.9), torch.rand(64, 64, 256)
expected = neuron.unroll(xs)[0].sum()
assert snn.kernels.choose(neuron, xs).name == "snn-cpu"
done = threading.Event()
def churn():
    while not done.is_set():
        torch.ops.snn_cpu.pooled_empty([2**20], xs)
threads = [threading.Thread(target=churn) for _ in range(3)]
for thread in threads: thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0 if neuron.unroll(xs)[0].sum() == expected else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
done.set()
for thread in threads: thread.join()
print("ok")
"""

# tensors, some in a cycle, and an autograd graph are left to the interpreter's end
EXITING = """
import threading, torch
import snn_core as snn
neuron, xs = snn.Leaky(beta=0.9, learn_beta=True), torch.rand(64, 64, 256)
spk, last = neuron.unroll(xs)
kept = [torch.ops.snn_cpu.pooled_empty([2**20], xs) for _ in range(4)]
class Cycle: pass
cycle = Cycle()
cycle.itself, cycle.spk = cycle, spk
def work():
    local.spk = neuron.unroll(xs)[0]
local = threading.local()
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
print("ok")
"""

LOADING = """
import torch
import snn_core as snn
from torch.utils.data import DataLoader, Dataset
neuron = snn.Leaky(beta=0.9)
class Rates(Dataset):
    def __len__(self):
        return 12
    def __getitem__(self, index):
        return neuron.unroll(torch.full((64, 64, 256), 0.1 + index / 20))[0].mean((0, 1, 2))
if __name__ == "__main__":
    neuron.unroll(torch.rand(64, 64, 256))
    expected = [Rates()[i] for i in range(12)]
    for method in ("fork", "spawn"):
        loader = DataLoader(Rates(), batch_size=3, num_workers=2, multiprocessing_context=method)
        for _ in range(2):
            assert torch.cat(list(loader)).equal(torch.stack(expected))
    print("ok")
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("program", [FORKING, EXITING, LOADING], ids=["fork", "exit", "data loader"])
def test_a_process_that_uses_the_pool_ends_well(program: str, tmp_path) -> None:
    file = tmp_path / "program.py"
    file.write_text(program, encoding="utf-8")
    process = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=300, check=False)
    assert (process.returncode, process.stdout) == (0, "ok\n"), process.stderr


def test_torchs_profiler_counts_pooled_memory_while_tensors_hold_it() -> None:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as recorded:
        held = buffer(3)
        del held
        held = buffer(2.5)  # of the memory that is there already
        del held
    assert recorded.profiler is not None
    events = [e for e in recorded.profiler.kineto_results.events() if e.name() == "[memory]" and e.nbytes()]
    changes = [e.nbytes() / MEGABYTE for e in sorted(events, key=lambda e: e.start_ns())]
    assert [change for change in changes if abs(change) >= 1] == [3, -3, 2.5, -2.5]
