#include "bag.h"

#include <stdlib.h>
#include <string.h>

void fe_bag_free(fe_bag *bag)
{
    free(bag->marks);
    free(bag->ids);
    free(bag->counts);
    memset(bag, 0, sizeof *bag);
}

static fe_status more_marks(fe_bag *bag, int64_t ids)
{
    int64_t marked = ids > 2 * bag->marked ? ids : 2 * bag->marked;
    fe_mark *marks = calloc((size_t)marked, sizeof *marks); /* not realloc: pages that nobody touches cost nothing */
    if (!marks)
        return FE_NO_MEMORY;
    if (bag->marked)
        memcpy(marks, bag->marks, (size_t)bag->marked * sizeof *marks);
    free(bag->marks);
    bag->marks = marks;
    bag->marked = marked;
    return FE_OK;
}

static fe_status more_entries(fe_bag *bag, int64_t need)
{
    int64_t capacity = need > 2 * bag->capacity ? need : 2 * bag->capacity;
    int32_t *ids = realloc(bag->ids, (size_t)capacity * sizeof *ids);
    if (!ids)
        return FE_NO_MEMORY;
    bag->ids = ids;
    uint32_t *counts = realloc(bag->counts, (size_t)capacity * sizeof *counts);
    if (!counts)
        return FE_NO_MEMORY;
    bag->counts = counts;
    bag->capacity = capacity;
    return FE_OK;
}

fe_status fe_bag_reserve(fe_bag *bag, int64_t ids, int64_t more)
{
    fe_status status = ids > bag->marked ? more_marks(bag, ids) : FE_OK;
    if (status == FE_OK && bag->size + more > bag->capacity)
        status = more_entries(bag, bag->size + more);
    return status;
}

fe_status fe_bag_next(fe_bag *bag)
{
    if (bag->row == UINT32_MAX)
        return FE_TOO_LARGE;
    bag->row++;
    bag->start = bag->size;
    return FE_OK;
}

void fe_bag_add(fe_bag *bag, const int32_t *ids, int n)
{
    for (int k = 0; k < n; k++) {
        if (FE_UNLIKELY(ids[k] < 0))
            continue;
        fe_mark *mark = &bag->marks[ids[k]];
        if (mark->row == bag->row) {
            bag->counts[bag->start + mark->place]++;
        } else {
            mark->row = bag->row;
            mark->place = (uint32_t)(bag->size - bag->start);
            mark->documents++;
            bag->ids[bag->size] = ids[k];
            bag->counts[bag->size++] = 1;
        }
    }
}
