// The values that the filter of the network side compares with: the kernel's name for this
// processor, and the numbers of the system calls that stay allowed. Meson compiles this file alone
// to find out whether there is a filter for a processor.
#pragma once

#include <cstdint>
#include <linux/audit.h>
#include <sys/syscall.h>

namespace poppass {

#if defined(__x86_64__) // and x32, whose calls have other numbers
inline constexpr std::uint32_t filter_processor = AUDIT_ARCH_X86_64;
#elif defined(__i386__)
inline constexpr std::uint32_t filter_processor = AUDIT_ARCH_I386;
#elif defined(__aarch64__) && defined(__LP64__)
inline constexpr std::uint32_t filter_processor = AUDIT_ARCH_AARCH64;
#elif defined(__ARM_EABI__) && defined(__ARMEL__)
inline constexpr std::uint32_t filter_processor = AUDIT_ARCH_ARM;
#elif defined(__riscv) && __riscv_xlen == 64
inline constexpr std::uint32_t filter_processor = AUDIT_ARCH_RISCV64;
#elif defined(__s390x__)
inline constexpr std::uint32_t filter_processor = AUDIT_ARCH_S390X;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
inline constexpr std::uint32_t filter_processor = AUDIT_ARCH_PPC64LE;
#elif defined(__powerpc64__)
inline constexpr std::uint32_t filter_processor = AUDIT_ARCH_PPC64;
#elif defined(__loongarch64)
inline constexpr std::uint32_t filter_processor = AUDIT_ARCH_LOONGARCH64;
#elif defined(__mips64) && defined(__MIPSEL__) && _MIPS_SIM == _ABI64
inline constexpr std::uint32_t filter_processor = AUDIT_ARCH_MIPSEL64;
#elif defined(__mips__) && defined(__MIPSEL__) && _MIPS_SIM == _ABIO32
inline constexpr std::uint32_t filter_processor = AUDIT_ARCH_MIPSEL;
#else
#error "no filter is known for this processor"
#endif

// The last ones do the same as some of the first ones. A processor has those that its C library or
// its kernel uses instead.
inline constexpr std::uint32_t filter_calls[] = {
    SYS_read,
    SYS_write,
    SYS_ppoll,
    SYS_shutdown,
    SYS_clock_gettime,
    SYS_restart_syscall,
    SYS_rt_sigreturn,
    SYS_exit_group,
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_sigreturn
    SYS_sigreturn,
#endif
#ifdef SYS_ppoll_time64
    SYS_ppoll_time64,
#endif
#ifdef SYS_clock_gettime64
    SYS_clock_gettime64,
#endif
};

} // namespace poppass
