/* Counts the instructions and the stack of every step of a net, without a change to the program that calls it.
 *
 * Link with -Wl,--wrap=net_step. In QEMU with -icount, the system timer runs at a fixed number of instructions per
 * tick, which a loop of known length gives; on a board it counts cycles instead.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CONTROL (*(volatile uint32_t *)0xE000E010)
#define RELOAD (*(volatile uint32_t *)0xE000E014)
#define CURRENT (*(volatile uint32_t *)0xE000E018)
#define PERIOD (1u << 24)
#define PAINT 0xA5A5A5A5u

extern uint32_t stack_limit[];
void __real_net_step(const void *in, void *out, void *state);
void __wrap_net_step(const void *in, void *out, void *state);
void on_tick(void);

static volatile uint32_t periods;
static uint64_t steps, total, longest;
static uint32_t stack, thousand_ticks;

void on_tick(void)
{
    periods++;
}

static uint64_t ticks(void)
{
    uint32_t before, now;
    do {
        before = periods;
        now = CURRENT;
    } while (before != periods);
    return (uint64_t)before * PERIOD + (PERIOD - 1 - now);
}

static void report(void)
{
    printf("instructions %lu longest %lu stack %lu\n", (unsigned long)(total / steps * thousand_ticks / 1000),
           (unsigned long)(longest * thousand_ticks / 1000), (unsigned long)stack);
}

static void begin(void)
{
    uint32_t loops = 500000;
    RELOAD = PERIOD - 1;
    CURRENT = 0;
    CONTROL = 7; /* on, with its interrupt, at the processor's clock */
    const uint64_t start = ticks();
    __asm volatile("1: subs %0, %0, #1\n bne 1b" : "+r"(loops) : : "cc");
    thousand_ticks = (uint32_t)(1000u * 1000000ull / (ticks() - start)); /* a loop has two instructions */
    atexit(report);
}

void __wrap_net_step(const void *in, void *out, void *state)
{
    if (steps == 0) {
        begin();
    }
    uint32_t *const top = (uint32_t *)__builtin_frame_address(0) - 16; /* below are the frames of the step */
    for (uint32_t *word = stack_limit; word < top; word++) {
        *(volatile uint32_t *)word = PAINT;
    }
    const uint64_t start = ticks();
    __real_net_step(in, out, state);
    const uint64_t taken = ticks() - start;
    const uint32_t *lowest = stack_limit;
    while (lowest < top && *(volatile const uint32_t *)lowest == PAINT) {
        lowest++;
    }
    const uint32_t used = (uint32_t)((const char *)__builtin_frame_address(0) - (const char *)lowest);
    stack = used > stack ? used : stack;
    longest = taken > longest ? taken : longest;
    total += taken;
    steps++;
}
