#include "room.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define SHELVES 64

static _Atomic(void *) shelves[SHELVES];

void *fe_room_take(void)
{
    for (int k = 0; k < SHELVES; k++)
        if (atomic_load_explicit(&shelves[k], memory_order_relaxed)) {
            void *room = atomic_exchange(&shelves[k], NULL);
            if (room)
                return room;
        }
    char *memory = malloc(FE_ROOM + 64); /* the byte before a room tells how far behind its memory it begins */
    if (!memory)
        return NULL;
    char *room = memory + 64 - (uintptr_t)memory % 64;
    room[-1] = (char)(room - memory);
    return room;
}

void fe_room_give(void *room)
{
    for (int k = 0; k < SHELVES; k++) {
        void *none = NULL;
        if (atomic_compare_exchange_strong(&shelves[k], &none, room))
            return;
    }
    free((char *)room - ((char *)room)[-1]);
}
