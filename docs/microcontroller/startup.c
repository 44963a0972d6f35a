/* Startup of a Cortex-M: the vectors, and the code that runs from reset to main. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern uint32_t stack_top[], data_in_flash[], data_begin[], data_end[], bss_begin[], bss_end[];
int main(void);
void initialise_monitor_handles(void); /* in librdimon: opens printf's connection to the debugger or emulator */

static void reset(void)
{
    volatile uint32_t *const access_to_coprocessors = (uint32_t *)0xE000ED88;
    *access_to_coprocessors |= 0xFu << 20; /* the floating-point unit, if there is one */
    __asm volatile("dsb\n isb");
    memcpy(data_begin, data_in_flash, (size_t)((char *)data_end - (char *)data_begin));
    memset(bss_begin, 0, (size_t)((char *)bss_end - (char *)bss_begin));
    initialise_monitor_handles();
    exit(main());
}

static void fault(void)
{
    _Exit(2);
}

__attribute__((weak)) void on_tick(void)
{
}

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    handler reset, exceptions[13], tick;
} vectors = {
    stack_top,
    reset,
    {fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault},
    on_tick,
};
