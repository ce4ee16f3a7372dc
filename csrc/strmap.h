/* A map from words (byte strings) to ids 0, 1, 2, ... in order of first occurrence, with counts.
 *
 * Two arrays, so that frequent words stay in the first cache levels: `slots` (8 bytes a slot, half full at most) says
 * where, `words` (32 bytes a word) says what. Ids follow first occurrence, so the records of frequent words are
 * neighbours. A word of up to 16 bytes lies inside its record; longer ones lie in `text`.
 */
#ifndef FE_STRMAP_H
#define FE_STRMAP_H

#include "hash.h"

#define FE_WORD_INLINE 16

typedef struct fe_word {
    uint64_t head, tail; /* bytes <= 16: the word itself, zero padded; else its place in `text`, and its hash */
    int64_t count;
    int64_t bytes;
} fe_word;

/* A word on its way into the map. */
typedef struct fe_token {
    uint64_t head, tail; /* as in fe_word, but for long words head is unused */
    uint64_t hash;
    const uint8_t *at; /* the bytes; read only if bytes > 16 */
    int64_t bytes;
} fe_token;

typedef struct fe_slot {
    uint32_t tag; /* low half of the hash */
    uint32_t id1; /* id + 1; 0: empty */
} fe_slot;

typedef struct fe_strmap {
    fe_slot *slots;
    fe_word *words;
    uint8_t *text;
    int64_t size, capacity;
    int64_t text_size, text_capacity;
    uint64_t seed;
    int shift; /* there are 2^(64 - shift) slots */
} fe_strmap;

fe_status fe_strmap_init(fe_strmap *map, uint64_t seed);
void fe_strmap_free(fe_strmap *map);

/* Which bits of head and tail belong to a word of 0..16 bytes. */
static const struct {
    uint64_t head, tail;
} FE_WORD_MASKS[FE_WORD_INLINE + 1] = {
    {0, 0},
    {0xFF, 0},
    {0xFFFF, 0},
    {0xFFFFFF, 0},
    {0xFFFFFFFF, 0},
    {0xFFFFFFFFFF, 0},
    {0xFFFFFFFFFFFF, 0},
    {0xFFFFFFFFFFFFFF, 0},
    {UINT64_MAX, 0},
    {UINT64_MAX, 0xFF},
    {UINT64_MAX, 0xFFFF},
    {UINT64_MAX, 0xFFFFFF},
    {UINT64_MAX, 0xFFFFFFFF},
    {UINT64_MAX, 0xFFFFFFFFFF},
    {UINT64_MAX, 0xFFFFFFFFFFFF},
    {UINT64_MAX, 0xFFFFFFFFFFFFFF},
    {UINT64_MAX, UINT64_MAX},
};

/* The token of a word whose 16 bytes from `at` on can be read, whatever its length. */
FE_INLINE fe_token fe_token_padded(const fe_strmap *map, const uint8_t *at, int64_t bytes)
{
    fe_token token = {.at = at, .bytes = bytes};
    if (FE_LIKELY(bytes <= FE_WORD_INLINE)) {
        token.head = fe_load64(at) & FE_WORD_MASKS[bytes].head;
        token.tail = fe_load64(at + 8) & FE_WORD_MASKS[bytes].tail;
        token.hash = fe_hash16(token.head, token.tail, (uint64_t)bytes, map->seed);
    } else {
        token.tail = token.hash = fe_hash_long(at, (uint64_t)bytes, map->seed);
    }
    return token;
}

/* The token of a word at its exact length. */
fe_token fe_strmap_token(const fe_strmap *map, const uint8_t *at, int64_t bytes);
/* The token of word `id` of a map with the same seed. */
fe_token fe_strmap_token_of(const fe_strmap *map, int64_t id);

/* Add `count` to the word, which is new or known; its id into *id. */
fe_status fe_strmap_add(fe_strmap *map, const fe_token *token, int64_t count, int32_t *id);

/* Look up `tokens` (n,) and count each once: ids (n,). Table reads of neighbours overlap. */
fe_status fe_strmap_count(fe_strmap *map, const fe_token *tokens, int n, int32_t *ids);

/* Look up `tokens` (n,) without a change to the map, so that threads can share it: ids (n,), -1 for unknown words. */
void fe_strmap_find(const fe_strmap *map, const fe_token *tokens, int n, int32_t *ids);

/* The bytes of a word: in the map's text, or in `inside` if it is short. */
const uint8_t *fe_strmap_bytes(const fe_strmap *map, int64_t id, uint8_t inside[FE_WORD_INLINE]);

/* Add the words of `from` with their counts: table (from->size,) gets their ids. On the way, what is not UTF-8 and NUL
 * becomes U+FFFD (*replaced counts these, times the word's count), and `lowercase` lowers ASCII words; the table says
 * -1 for the others, which are left to the caller. */
fe_status fe_strmap_merge(fe_strmap *into, const fe_strmap *from, int lowercase, int32_t *table, int64_t *replaced);

/* Add the words of `from`, a map with the same seed, with their counts and as they are: table (from->size,) gets their
 * ids. */
fe_status fe_strmap_join(fe_strmap *into, const fe_strmap *from, int32_t *table);

/* Whether every word is UTF-8 without NUL, so that merging the map would change nothing. */
int fe_strmap_clean(const fe_strmap *map);

/* Ids by count, highest first, ties by bytes, or by bytes alone: order (size,). */
fe_status fe_strmap_rank(const fe_strmap *map, int by_count, int32_t *order);

#endif
