/* Turns: chunks of a Job that work on the same part of a matrix follow each other in the order of their numbers.
 *
 * A part's turn is how many chunks are over and done with as far as that part is concerned. Chunks are taken in order
 * and a taken chunk is always finished, so the chunk that one waits for is under way and nobody waits for ever.
 */
#ifndef FE_TURNS_H
#define FE_TURNS_H

#include <stdatomic.h>
#include <stdint.h>

#if defined(_WIN32)
#include <windows.h>
#define FE_YIELD() SwitchToThread()
#else
#include <sched.h>
#define FE_YIELD() sched_yield()
#endif

typedef _Atomic int64_t fe_turn;

/* Whether the turn has come to `number`; what was written before that is then seen. */
static inline int fe_turn_come(fe_turn *turn, int64_t number)
{
    return atomic_load_explicit(turn, memory_order_acquire) >= number;
}

static inline void fe_turn_wait(fe_turn *turn, int64_t number)
{
    while (!fe_turn_come(turn, number))
        FE_YIELD();
}

static inline void fe_turn_set(fe_turn *turn, int64_t number)
{
    atomic_store_explicit(turn, number, memory_order_release);
}

/* What it was before; whoever swaps next sees what was written before this. */
static inline int64_t fe_turn_swap(fe_turn *turn, int64_t number)
{
    return atomic_exchange_explicit(turn, number, memory_order_acq_rel);
}

#endif
