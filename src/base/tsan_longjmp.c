/* SPDX-License-Identifier: MIT */
/* In builds with the thread sanitizer only. Lua as Debian builds it unwinds by __longjmp_chk, of
 * which the sanitizer knows nothing: the stack of calls that it keeps would grow with every wait of
 * every coroutine, until it gives up at 65,536. Any thread. */
#include <setjmp.h>

_Noreturn void __longjmp_chk(struct __jmp_buf_tag env[1], int value);

_Noreturn void __longjmp_chk(struct __jmp_buf_tag env[1], int value)
{
    longjmp(env, value);
}
