/* Memory for what a product packs: taken for its length and given back, not returned to the system, as clearing new pages
 * would cost more than packing. There are as many as products have run at once, SHELVES at most when none runs. */
#ifndef FE_ROOM_H
#define FE_ROOM_H

#include <stddef.h>

#define FE_ROOM ((size_t)5 << 19) /* bytes of a room, which begins at a cache line */

/* NULL if there is no memory */
void *fe_room_take(void);
void fe_room_give(void *room);

#endif
