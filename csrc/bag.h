/* Bags of words: which ids a document holds, and how often each.
 *
 * A document is a row. The entries of all rows lie one after another in the order in which ids are first met; a mark
 * for each id says where its entry in the present row is, so nothing has to be cleared between rows.
 */
#ifndef FE_BAG_H
#define FE_BAG_H

#include "fe.h"

typedef struct fe_mark {
    uint32_t row;       /* the last row that has the id, counted from 1 */
    uint32_t place;     /* its entry there, counted from the beginning of the row */
    uint32_t documents; /* how many rows have it */
} fe_mark;

typedef struct fe_bag {
    fe_mark *marks;   /* (marked,) */
    int32_t *ids;     /* (size,) of the entries */
    uint32_t *counts; /* (size,) */
    int64_t marked, size, capacity;
    int64_t start; /* the entry that begins the present row */
    uint32_t row;
} fe_bag;

void fe_bag_free(fe_bag *bag);

/* Room for marks of `ids` ids and for `more` entries. */
fe_status fe_bag_reserve(fe_bag *bag, int64_t ids, int64_t more);

/* Begin a row; FE_TOO_LARGE after 2^32 - 1 of them. */
fe_status fe_bag_next(fe_bag *bag);

/* Count ids (n,) in the present row, for which there is room; negative ones are left out. */
void fe_bag_add(fe_bag *bag, const int32_t *ids, int n);

#endif
