// Code that runs on a block of columns.
#pragma once

#include <string.h>

#include "../scratch.h"
#include "machine.h"

namespace snn {
namespace SNN_ARCH {

// Code with the rows that it works on.
//
// The last tile of a row overlaps the one before it: no row is both read and written in the same run, so
// values that are computed twice are the same. A block of less than a tile is computed on copies of its rows.
template <class T>
class Machine {
 public:
  // The width of a row of a block of n columns: at least a tile, and such that rows do not compete for places in the
  // cache.
  static int64_t width(int64_t n) { return (n + 15) / 16 * 16 + kTile<T>; }

  Machine(const Code& code, int64_t slots, int64_t n, Scratch& scratch)
      : code_(code), slots_(slots), n_(n), steps_(scratch.take<Step<T>>(code.count + 1)),
        slot_(scratch.take<T*>(slots)), patches_(scratch.take<Patch>(2 * code.count)),
        copies_(n < kTile<T> ? scratch.take<T>(slots * kTile<T>) : nullptr),
        written_(scratch.take<T*>(slots)), kind_(scratch.take<char>(slots)) {
    memset(kind_, kMoving, slots);
    memset(written_, 0, slots * sizeof(T*));
    if (copies_) memset(copies_, 0, slots * kTile<T> * sizeof(T));
    T* temporary = scratch.take<T>(code.temporaries * width(n));
    for (int64_t i = 0; i < code.temporaries; ++i) {
      slot_[slots - code.temporaries + i] = temporary + i * width(n);
      kind_[slots - code.temporaries + i] = kStill;
    }
  }

  // To be called before the first run, for operands that are the same in all runs.
  void scalar(int64_t slot, const T* value) { slot_[slot] = const_cast<T*>(value), kind_[slot] = kScalar; }
  void still(int64_t slot, const T* row) { reads(slot, row), kind_[slot] = kStill; }
  void streams(int64_t slot) { kind_[slot] = copies_ ? kMoving : kStreamed; }

  void link() {
    int64_t count = 0;
    const auto operand = [&](int64_t o, int64_t slot) {
      T** const at = &steps_[count].operand[o];
      if (kind_[slot] == kScalar || kind_[slot] == kStill) *at = slot_[slot];
      else patches_[count_++] = {at, &slot_[slot]};
    };
    for (int64_t i = 0; i < code_.count; ++i, ++count) {
      const Instruction& from = code_.instructions[i];
      bool scalar[2] = {false, false};
      for (int o = 0; o < operands_of(from.operation); ++o) {
        scalar[o] = kind_[from.operands[o]] == kScalar;
        operand(o, from.operands[o]);
      }
      if (from.operation == kOpStore) {
        steps_[count].run = run_of<T>(kOpStore, scalar, kind_[from.operands[0]] != kStreamed);
        continue;
      }
      const Instruction* next = i + 1 < code_.count ? &code_.instructions[i + 1] : nullptr;
      const bool stores = next && next->operation == kOpStore && kind_[next->operands[0]] != kStreamed;
      if (stores) operand(2, next->operands[0]), ++i;
      steps_[count].run = run_of<T>(from.operation, scalar, stores);
    }
    steps_[count].run = &end_run<T>;
  }

  // To be called before each run: for rows of other owners, to read or to write, and for the block's own rows, which
  // are wide enough for tiles.
  void reads(int64_t slot, const T* row) {
    if (copies_ && row) {
      T* copy = copies_ + slot * kTile<T>;
      memcpy(copy, row, n_ * sizeof(T));
      slot_[slot] = copy;
    } else {
      slot_[slot] = const_cast<T*>(row);
    }
  }
  void writes(int64_t slot, T* row) {
    written_[slot] = row;
    slot_[slot] = copies_ ? copies_ + slot * kTile<T> : row;
  }
  void own(int64_t slot, T* row) { slot_[slot] = row; }

  // Rows of a later run, to be prefetched tile by tile; null for none.
  void ahead(const T* x, const T* upstream, const T* written) {
    ahead_[0] = x, ahead_[1] = upstream, ahead_[2] = written;
  }

  void run() {
    for (int64_t i = 0; i < count_; ++i) *patches_[i].to = *patches_[i].from;
    int64_t at = 0;
    for (; at + kTile<T> <= n_; at += kTile<T>) tile(at);
    if (copies_) {
      tile(0);
      for (int64_t s = 0; s < slots_; ++s) {
        if (written_[s]) memcpy(written_[s], copies_ + s * kTile<T>, n_ * sizeof(T));
      }
    } else if (at < n_) {
      tile(n_ - kTile<T>);
    }
  }

 private:
  enum Kind : char { kMoving, kStreamed, kStill, kScalar };
  struct Patch {
    T** to;
    T* const* from;
  };

  void tile(int64_t at) {
    const Vector<T> zero{};
    constexpr int64_t line = 64 / sizeof(T);
    const int64_t end = at + kTile<T> < n_ ? at + kTile<T> : n_;
    for (int r = 0; r < 2; ++r) {
      if (ahead_[r]) {
        for (int64_t i = at; i < end; i += line) __builtin_prefetch(ahead_[r] + i);
      }
    }
    if (ahead_[2]) {
      for (int64_t i = at; i < end; i += line) __builtin_prefetch(ahead_[2] + i, 1);
    }
    steps_->run(steps_, at, zero, zero, zero, zero, zero, zero, zero, zero);
  }

  const Code code_;
  const int64_t slots_, n_;
  Step<T>* const steps_;
  T** const slot_;
  Patch* const patches_;
  T* const copies_;
  T** const written_;
  char* const kind_;
  int64_t count_ = 0;
  const T* ahead_[3] = {};
};

// Numbers of slots; see program.h.
template <class T>
struct Slots {
  explicit Slots(const Sequence<T>& s)
      : before(1), coefficient(1 + s.states), number(coefficient + s.coefficients), after(number + s.numbers),
        spk(after + s.states), inside(spk + 1), upstream(spk + 1), next(upstream + s.states), sum_before(next + s.states) {}
  int64_t of_step(const Code& code, bool window = false) const { return inside + window + code.temporaries; }
  int64_t grad_x(int64_t sums) const { return sum_before + sums; }

  const int64_t before, coefficient, number, after, spk, inside, upstream, next, sum_before;
};

template <class T>
void set_constants(Machine<T>& machine, const Sequence<T>& sequence, const Slots<T>& slots, int64_t begin) {
  for (int64_t c = 0; c < sequence.coefficients; ++c) {
    const Coefficient<T>& from = sequence.coefficient[c];
    if (from.per_column) machine.still(slots.coefficient + c, from.values + begin);
    else machine.scalar(slots.coefficient + c, from.values);
  }
  for (int64_t i = 0; i < sequence.numbers; ++i) machine.scalar(slots.number + i, sequence.number + i);
}

}  // namespace SNN_ARCH
}  // namespace snn
