#include <stdlib.h>

#include "strmap.h"
#include "utf8.h"

#define EACH(byte) (0x0101010101010101ull * (byte))

/* Whether the word is short and ASCII without NUL: most words are. */
static int plain(const fe_word *word)
{
    if (word->bytes > FE_WORD_INLINE || ((word->head | word->tail) & EACH(0x80)))
        return 0;
    uint64_t head = word->head | ~FE_WORD_MASKS[word->bytes].head, tail = word->tail | ~FE_WORD_MASKS[word->bytes].tail;
    return (((head - EACH(1)) & ~head) | ((tail - EACH(1)) & ~tail)) & EACH(0x80) ? 0 : 1;
}

/* Lower-case copy of an ASCII word; 0 if it is not ASCII. */
static int lower(const uint8_t *word, int64_t bytes, uint8_t *out)
{
    for (int64_t k = 0; k < bytes; k++) {
        if (word[k] >= 0x80)
            return 0;
        out[k] = (uint8_t)(word[k] + (word[k] >= 'A' && word[k] <= 'Z' ? 32 : 0));
    }
    return 1;
}

/* Word k of `from`, which is not plain or is to be lowered; scratch holds 4 times its bytes. */
static fe_status merge_one(fe_strmap *into, const fe_strmap *from, int64_t k, int lowercase, uint8_t *scratch,
                           int32_t *id, int64_t *replaced)
{
    uint8_t inside[FE_WORD_INLINE];
    int64_t bytes = from->words[k].bytes, count = from->words[k].count, repairs = 0;
    const uint8_t *word = fe_strmap_bytes(from, k, inside);
    uint8_t *lowered = scratch + 3 * bytes;
    if (fe_utf8_bad(word, bytes) >= 0) {
        bytes = fe_utf8_repair(word, bytes, scratch, &repairs);
        *replaced += repairs * count;
        word = scratch;
    }
    if (lowercase) {
        *id = -1;
        if (repairs || !lower(word, bytes, lowered))
            return FE_OK;
        word = lowered;
    }
    fe_token token = fe_strmap_token(into, word, bytes);
    return fe_strmap_add(into, &token, count, id);
}

int fe_strmap_clean(const fe_strmap *map)
{
    uint8_t inside[FE_WORD_INLINE];
    for (int64_t k = 0; k < map->size; k++)
        if (!plain(&map->words[k]) && fe_utf8_bad(fe_strmap_bytes(map, k, inside), map->words[k].bytes) >= 0)
            return 0;
    return 1;
}

fe_status fe_strmap_merge(fe_strmap *into, const fe_strmap *from, int lowercase, int32_t *table, int64_t *replaced)
{
    int64_t longest = FE_WORD_INLINE;
    for (int64_t k = 0; k < from->size; k++)
        longest = from->words[k].bytes > longest ? from->words[k].bytes : longest;
    uint8_t *scratch = malloc(4 * (size_t)longest);
    if (!scratch)
        return FE_NO_MEMORY;
    fe_status status = FE_OK;
    for (int64_t k = 0; k < from->size && status == FE_OK; k++) {
        if (!lowercase && plain(&from->words[k])) {
            fe_token token = fe_strmap_token_of(from, k);
            status = fe_strmap_add(into, &token, from->words[k].count, &table[k]);
        } else {
            status = merge_one(into, from, k, lowercase, scratch, &table[k], replaced);
        }
    }
    free(scratch);
    return status;
}

fe_status fe_strmap_join(fe_strmap *into, const fe_strmap *from, int32_t *table)
{
    fe_status status = FE_OK;
    for (int64_t k = 0; k < from->size && status == FE_OK; k++) {
        fe_token token = fe_strmap_token_of(from, k);
        status = fe_strmap_add(into, &token, from->words[k].count, &table[k]);
    }
    return status;
}
