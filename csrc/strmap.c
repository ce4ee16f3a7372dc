#include "strmap.h"

#include <stdlib.h>

#define FIRST_BITS 12
#define AHEAD 16 /* tokens */

FE_INLINE uint64_t place(const fe_strmap *map, uint64_t hash)
{
    return hash * FE_HASH_A >> map->shift;
}

FE_INLINE uint64_t next(const fe_strmap *map, uint64_t at)
{
    return (at + 1) & (UINT64_MAX >> map->shift);
}

fe_status fe_strmap_init(fe_strmap *map, uint64_t seed)
{
    memset(map, 0, sizeof *map);
    map->seed = seed;
    map->shift = 64 - FIRST_BITS;
    map->capacity = (int64_t)1 << (FIRST_BITS - 1);
    map->slots = calloc((size_t)1 << FIRST_BITS, sizeof *map->slots);
    map->words = malloc((size_t)map->capacity * sizeof *map->words);
    if (map->slots && map->words)
        return FE_OK;
    fe_strmap_free(map);
    return FE_NO_MEMORY;
}

void fe_strmap_free(fe_strmap *map)
{
    free(map->slots);
    free(map->words);
    free(map->text);
    memset(map, 0, sizeof *map);
}

static uint64_t hash_of(const fe_strmap *map, const fe_word *word)
{
    if (word->bytes > FE_WORD_INLINE)
        return word->tail;
    return fe_hash16(word->head, word->tail, (uint64_t)word->bytes, map->seed);
}

/* Twice the slots; twice the room for words. */
static fe_status grow(fe_strmap *map)
{
    if (map->capacity > INT32_MAX / 2)
        return FE_TOO_LARGE;
    fe_word *words = realloc(map->words, 2 * (size_t)map->capacity * sizeof *words);
    if (!words)
        return FE_NO_MEMORY;
    map->words = words;
    fe_slot *slots = calloc(4 * (size_t)map->capacity, sizeof *slots);
    if (!slots)
        return FE_NO_MEMORY;
    free(map->slots);
    map->slots = slots;
    map->capacity *= 2;
    map->shift--;
    for (int64_t id = 0; id < map->size; id++) {
        uint64_t hash = hash_of(map, &words[id]), at = place(map, hash);
        while (slots[at].id1)
            at = next(map, at);
        slots[at] = (fe_slot){(uint32_t)hash, (uint32_t)id + 1};
    }
    return FE_OK;
}

fe_token fe_strmap_token(const fe_strmap *map, const uint8_t *at, int64_t bytes)
{
    if (bytes > FE_WORD_INLINE)
        return fe_token_padded(map, at, bytes);
    uint8_t padded[FE_WORD_INLINE] = {0};
    if (bytes)
        memcpy(padded, at, (size_t)bytes);
    fe_token token = fe_token_padded(map, padded, bytes);
    token.at = at;
    return token;
}

fe_token fe_strmap_token_of(const fe_strmap *map, int64_t id)
{
    const fe_word *word = &map->words[id];
    fe_token token = {.head = word->head, .tail = word->tail, .hash = hash_of(map, word), .bytes = word->bytes};
    token.at = word->bytes > FE_WORD_INLINE ? map->text + word->head : NULL;
    return token;
}

FE_INLINE int same(const fe_strmap *map, const fe_word *word, const fe_token *token)
{
    if (word->bytes != token->bytes || word->tail != token->tail)
        return 0;
    if (FE_LIKELY(token->bytes <= FE_WORD_INLINE))
        return word->head == token->head;
    return memcmp(map->text + word->head, token->at, (size_t)token->bytes) == 0;
}

/* Append a long word's bytes to the text. */
static fe_status keep_text(fe_strmap *map, const fe_token *token)
{
    int64_t need = map->text_size + token->bytes;
    if (need > map->text_capacity) {
        int64_t capacity = need + need / 2 + 65536;
        uint8_t *text = realloc(map->text, (size_t)capacity);
        if (!text)
            return FE_NO_MEMORY;
        map->text = text;
        map->text_capacity = capacity;
    }
    memcpy(map->text + map->text_size, token->at, (size_t)token->bytes);
    map->text_size = need;
    return FE_OK;
}

fe_status fe_strmap_add(fe_strmap *map, const fe_token *token, int64_t count, int32_t *id)
{
    if (map->size == map->capacity) {
        fe_status status = grow(map);
        if (status != FE_OK)
            return status;
    }
    uint64_t at = place(map, token->hash);
    for (; map->slots[at].id1; at = next(map, at)) {
        fe_word *word = &map->words[map->slots[at].id1 - 1];
        if (map->slots[at].tag == (uint32_t)token->hash && same(map, word, token)) {
            word->count += count;
            *id = (int32_t)(map->slots[at].id1 - 1);
            return FE_OK;
        }
    }
    fe_word *word = &map->words[map->size];
    *word = (fe_word){token->head, token->tail, count, token->bytes};
    if (token->bytes > FE_WORD_INLINE) {
        word->head = (uint64_t)map->text_size;
        fe_status status = keep_text(map, token);
        if (status != FE_OK)
            return status;
    }
    *id = (int32_t)map->size++;
    map->slots[at] = (fe_slot){(uint32_t)token->hash, (uint32_t)map->size};
    return FE_OK;
}

/* The id of the first word with this half of the hash, -1 if there is none: likely the token's. */
FE_INLINE int32_t likely(const fe_strmap *map, const fe_token *token)
{
    uint64_t at = place(map, token->hash);
    while (map->slots[at].id1 && map->slots[at].tag != (uint32_t)token->hash)
        at = next(map, at);
    return (int32_t)map->slots[at].id1 - 1;
}

/* The record that decides whether it is. */
FE_INLINE const fe_word *record(const fe_strmap *map, int32_t id)
{
    return &map->words[id < 0 ? 0 : id];
}

fe_status fe_strmap_count(fe_strmap *map, const fe_token *tokens, int n, int32_t *ids)
{
    for (int k = 0; k < n; k++)
        FE_PREFETCH(&map->slots[place(map, tokens[k].hash)]);
    for (int k = 0; k < n; k++) {
        ids[k] = likely(map, &tokens[k]);
        FE_PREFETCH_WRITE(record(map, ids[k]));
    }
    for (int k = 0; k < n; k++) {
        if (FE_LIKELY(ids[k] >= 0 && same(map, &map->words[ids[k]], &tokens[k]))) {
            map->words[ids[k]].count++;
        } else {
            fe_status status = fe_strmap_add(map, &tokens[k], 1, &ids[k]);
            if (status != FE_OK)
                return status;
        }
    }
    return FE_OK;
}

/* The id of a token whose half of the hash another word has as well, which came first; -1 if there is none. */
static int32_t search(const fe_strmap *map, const fe_token *token)
{
    uint64_t at = place(map, token->hash);
    while (map->slots[at].id1 && !same(map, &map->words[map->slots[at].id1 - 1], token))
        at = next(map, at);
    return (int32_t)map->slots[at].id1 - 1;
}

/* While a slot is asked for, that of AHEAD tokens before is there to be looked at, and the record of the one AHEAD
 * before that. */
void fe_strmap_find(const fe_strmap *map, const fe_token *tokens, int n, int32_t *ids)
{
    for (int k = 0; k < n + 2 * AHEAD; k++) {
        const int second = k - AHEAD, third = second - AHEAD;
        if (k < n)
            FE_PREFETCH(&map->slots[place(map, tokens[k].hash)]);
        if (second >= 0 && second < n) {
            ids[second] = likely(map, &tokens[second]);
            FE_PREFETCH(record(map, ids[second]));
        }
        if (third >= 0 && FE_UNLIKELY(ids[third] >= 0 && !same(map, &map->words[ids[third]], &tokens[third])))
            ids[third] = search(map, &tokens[third]);
    }
}

const uint8_t *fe_strmap_bytes(const fe_strmap *map, int64_t id, uint8_t inside[FE_WORD_INLINE])
{
    const fe_word *word = &map->words[id];
    if (word->bytes > FE_WORD_INLINE)
        return map->text + word->head;
    fe_store64(inside, word->head);
    fe_store64(inside + 8, word->tail);
    return inside;
}

/* What most comparisons need, side by side. */
typedef struct entry {
    int64_t count;
    uint64_t first; /* the first eight bytes, the first one highest: compares as the string does */
    int32_t id;
} entry;

FE_INLINE uint64_t swap64(uint64_t x)
{
    x = (x & 0x00FF00FF00FF00FFull) << 8 | (x >> 8 & 0x00FF00FF00FF00FFull);
    x = (x & 0x0000FFFF0000FFFFull) << 16 | (x >> 16 & 0x0000FFFF0000FFFFull);
    return x << 32 | x >> 32;
}

/* Whether word a comes after word b; their counts are the same. */
static int follows(const fe_strmap *map, const entry *a, const entry *b)
{
    uint8_t inside_a[FE_WORD_INLINE], inside_b[FE_WORD_INLINE];
    const uint8_t *p = fe_strmap_bytes(map, a->id, inside_a), *q = fe_strmap_bytes(map, b->id, inside_b);
    int64_t x = map->words[a->id].bytes, y = map->words[b->id].bytes;
    int order = memcmp(p, q, (size_t)(x < y ? x : y));
    return order ? order > 0 : x > y;
}

/* Bottom-up merge sort of entries (n,) with room (n,); returns the one that holds the result. */
static entry *sort(const fe_strmap *map, entry *entries, entry *room, int64_t n)
{
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t low = 0; low < n; low += 2 * width) {
            int64_t middle = low + width < n ? low + width : n, high = middle + width < n ? middle + width : n;
            int64_t a = low, b = middle, to = low;
            while (a < middle && b < high)
                room[to++] = follows(map, &entries[a], &entries[b]) ? entries[b++] : entries[a++];
            while (a < middle)
                room[to++] = entries[a++];
            while (b < high)
                room[to++] = entries[b++];
        }
        entry *swapped = entries;
        entries = room;
        room = swapped;
    }
    return entries;
}

/* Digit `digit` of the key (first, then count falling), lowest first: 16 digits of 8 bits. */
FE_INLINE unsigned digit_of(const entry *e, int digit)
{
    uint64_t part = digit < 8 ? e->first : ~(uint64_t)e->count;
    return (unsigned)(part >> (8 * (digit & 7)) & 0xFF);
}

/* Radix sort of entries (n,) by count and first eight bytes, with room (n,); returns the one that holds the result. */
static entry *sort_digits(entry *entries, entry *room, int64_t n)
{
    int64_t starts[16][256] = {{0}};
    for (int64_t k = 0; k < n; k++)
        for (int digit = 0; digit < 16; digit++)
            starts[digit][digit_of(&entries[k], digit)]++;
    for (int digit = 0; digit < 16; digit++) {
        int64_t *start = starts[digit], sum = 0;
        if (n == 0 || start[digit_of(&entries[0], digit)] == n)
            continue; /* the same everywhere: most digits of the counts */
        for (int value = 0; value < 256; value++) {
            int64_t count = start[value];
            start[value] = sum;
            sum += count;
        }
        for (int64_t k = 0; k < n; k++)
            room[start[digit_of(&entries[k], digit)]++] = entries[k];
        entry *swapped = entries;
        entries = room;
        room = swapped;
    }
    return entries;
}

fe_status fe_strmap_rank(const fe_strmap *map, int by_count, int32_t *order)
{
    int64_t n = map->size;
    entry *entries = malloc(2 * (size_t)(n ? n : 1) * sizeof *entries);
    if (!entries)
        return FE_NO_MEMORY;
    for (int64_t id = 0; id < n; id++) {
        const fe_word *word = &map->words[id];
        uint64_t head = word->bytes > FE_WORD_INLINE ? fe_load64(map->text + word->head) : word->head;
        entries[id] = (entry){by_count ? word->count : 0, swap64(head), (int32_t)id};
    }
    entry *sorted = sort_digits(entries, entries + n, n), *room = sorted == entries ? entries + n : entries;
    for (int64_t low = 0, high; low < n; low = high) { /* what is equal so far differs in later bytes */
        for (high = low + 1; high < n; high++)
            if (sorted[high].count != sorted[low].count || sorted[high].first != sorted[low].first)
                break;
        const entry *run = high - low > 1 ? sort(map, sorted + low, room, high - low) : sorted + low;
        for (int64_t k = low; k < high; k++)
            order[k] = run[k - low].id;
    }
    free(entries);
    return FE_OK;
}
