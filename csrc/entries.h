/* The entries of one row of a sparse matrix: an id (later: a column) and a count each. */
#ifndef FE_ENTRIES_H
#define FE_ENTRIES_H

#include "fe.h"

/* Entries (n,) under their columns: ids become table[ids], those below 0 are left out; returns how many stay. */
int64_t fe_entries_map(int32_t *ids, uint32_t *counts, int64_t n, const int32_t *table);

/* Sort entries (n,) by id, which is below `columns`; room (2 n,). */
void fe_entries_sort(int32_t *ids, uint32_t *counts, int64_t n, int64_t columns, uint64_t *room);

#endif
