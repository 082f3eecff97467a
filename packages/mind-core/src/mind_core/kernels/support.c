/* Linked into every library of loops: what it is, whether it fits, and numba's run time. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#if defined(_WIN32)
#define API __declspec(dllexport)
#define HIDDEN
#else
#define API __attribute__((visibility("default")))
#define HIDDEN __attribute__((visibility("hidden")))
#endif
API const char *mind_about(void) { return ABOUT; }
API int mind_fits(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")
        && __builtin_cpu_supports("ssse3") NEEDS;
#else
    return 1;
#endif
}
/* What numba's code asks of its run time where a loop makes an array: a block with its count. */
typedef struct { size_t refct; void *dtor, *dtor_info, *data; size_t size; void *alloc; } Block;
HIDDEN void *NRT_MemInfo_alloc_aligned(size_t size, unsigned align) {
    char *base = malloc(sizeof(Block) + size + 2 * align);
    if (!base) return NULL;
    Block *block = (Block *)base;
    uintptr_t at = (uintptr_t)(base + sizeof(Block));
    at += (align - at % align) % align;
    block->refct = 1; block->dtor = block->dtor_info = block->alloc = NULL;
    block->data = (void *)at; block->size = size;
    return block;
}
HIDDEN void NRT_MemInfo_call_dtor(void *block) { free(block); }
