// pool.h: aligned memory for the pool's scratch.
#pragma once
#include <stddef.h>
void *sn_aligned(size_t bytes);   // 64-byte aligned, freed by free() (not on Windows: _aligned_free)
