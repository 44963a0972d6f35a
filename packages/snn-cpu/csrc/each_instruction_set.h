// Includes SNN_KERNELS, a header of arch, once for each instruction set, with SNN_ARCH naming it.
#if defined(__x86_64__)
#define SNN_ARCH v4
#include SNN_KERNELS
#undef SNN_ARCH
#define SNN_ARCH v3
#include SNN_KERNELS
#undef SNN_ARCH
#endif
#define SNN_ARCH base
#include SNN_KERNELS
#undef SNN_ARCH
