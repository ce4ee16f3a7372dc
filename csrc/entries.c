#include "entries.h"

#define DIGIT 9 /* bits of a column sorted at a time: two passes for 262,144 columns */
#define FEW 40  /* so many entries are sorted by insertion */

int64_t fe_entries_map(int32_t *ids, uint32_t *counts, int64_t n, const int32_t *table)
{
    int64_t kept = 0;
    for (int64_t k = 0; k < n; k++) {
        int32_t column = table[ids[k]];
        ids[kept] = column;
        counts[kept] = counts[k];
        kept += column >= 0;
    }
    return kept;
}

static void insert(int32_t *ids, uint32_t *counts, int64_t n)
{
    for (int64_t k = 1; k < n; k++) {
        int32_t id = ids[k];
        uint32_t count = counts[k];
        int64_t to = k;
        for (; to && ids[to - 1] > id; to--) {
            ids[to] = ids[to - 1];
            counts[to] = counts[to - 1];
        }
        ids[to] = id;
        counts[to] = count;
    }
}

/* Radix sort, lowest digit first, of id and count packed into one number. */
void fe_entries_sort(int32_t *ids, uint32_t *counts, int64_t n, int64_t columns, uint64_t *room)
{
    if (n <= FEW) {
        insert(ids, counts, n);
        return;
    }
    uint64_t *from = room, *to = room + n;
    for (int64_t k = 0; k < n; k++)
        from[k] = (uint64_t)(uint32_t)ids[k] << 32 | counts[k];
    for (int shift = 32; columns; shift += DIGIT, columns >>= DIGIT) {
        int64_t starts[1 << DIGIT] = {0}, sum = 0;
        for (int64_t k = 0; k < n; k++)
            starts[from[k] >> shift & ((1 << DIGIT) - 1)]++;
        for (int digit = 0; digit < 1 << DIGIT; digit++) {
            int64_t count = starts[digit];
            starts[digit] = sum;
            sum += count;
        }
        for (int64_t k = 0; k < n; k++)
            to[starts[from[k] >> shift & ((1 << DIGIT) - 1)]++] = from[k];
        uint64_t *swapped = from;
        from = to;
        to = swapped;
    }
    for (int64_t k = 0; k < n; k++) {
        ids[k] = (int32_t)(from[k] >> 32);
        counts[k] = (uint32_t)from[k];
    }
}
