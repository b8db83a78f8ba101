// SPDX-License-Identifier: BSL-1.0
#pragma once

// Counts what `operator new` gives. To be included by one source of a program, which then has this one.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace allocations {

inline std::uint64_t count = 0;
inline std::uint64_t bytes = 0;  // in use, as the allocator rounds them

}  // namespace allocations

// Each block is counted with what the allocator really gives for it, and its header. Not inlined: GCC would see `free`
// where it expects an `operator delete`.
[[gnu::noinline]] void* operator new(std::size_t size)
{
    void* const p = std::malloc(size);
    if (p == nullptr)
        throw std::bad_alloc{};
    ++allocations::count;
    allocations::bytes += malloc_usable_size(p) + sizeof(std::size_t);
    return p;
}

// The library's own would ask its own allocator, and the memory would come back here.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept
{
    try {
        return operator new(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

[[gnu::noinline]] void operator delete(void* p) noexcept
{
    if (p != nullptr)
        allocations::bytes -= malloc_usable_size(p) + sizeof(std::size_t);
    std::free(p);
}

[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept
{
    operator delete(p);
}
