/* Counting n-grams: every place of a text becomes a record of packed words; sorted records are the trie. */
#include "ngrams.h"

#include <string.h>

#define DIGIT 8 /* bits that one pass of the sort looks at */
#define FEW 40  /* so few records are sorted by insertion */
#define AHEAD 16 /* rows that are fetched meanwhile */

FE_INLINE int leading_zeros(uint64_t x)
{
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_clzll(x);
#else
    int n = 0;
    for (; !(x >> 63); x <<= 1)
        n++;
    return n;
#endif
}

/* The field that each bit of a record belongs to, from the highest bit. */
static void fields(const fe_packing *p, uint8_t *field)
{
    for (int bit = 0; bit < 64 * p->words; bit++)
        field[bit] = (uint8_t)(bit / p->bits);
}

#define WORDS 1
#include "records.inc"
#undef WORDS
#define WORDS 2
#include "records.inc"
#undef WORDS
#define WORDS 3
#include "records.inc"
#undef WORDS
#define WORDS 4
#include "records.inc"
#undef WORDS

void fe_ngrams_tally(const fe_packing *p, int64_t first, int64_t last, int64_t *counts)
{
    for (int64_t s = first; s < last; s++) {
        if (p->part[FE_BOS] >= 0)
            counts[p->part[FE_BOS]]++;
        for (int64_t t = p->offsets[s]; t < p->offsets[s + 1]; t++) {
            int32_t part = p->part[p->table[p->ids[t]]];
            if (part >= 0)
                counts[part]++;
        }
    }
}

void fe_ngrams_pack(const fe_packing *p, int64_t first, int64_t last, int64_t *places, uint64_t *records)
{
    switch (p->words) {
    case 1: pack1(p, first, last, places, records); return;
    case 2: pack2(p, first, last, places, records); return;
    case 3: pack3(p, first, last, places, records); return;
    default: pack4(p, first, last, places, records);
    }
}

void fe_ngrams_sort(const fe_packing *p, uint64_t *records, uint64_t *scratch, int64_t n)
{
    const int bits = p->order * p->bits;
    switch (p->words) {
    case 1: sort1((record1 *)records, (record1 *)scratch, n, 0, bits); return;
    case 2: sort2((record2 *)records, (record2 *)scratch, n, 0, bits); return;
    case 3: sort3((record3 *)records, (record3 *)scratch, n, 0, bits); return;
    default: sort4((record4 *)records, (record4 *)scratch, n, 0, bits);
    }
}

void fe_ngrams_distinct(const fe_packing *p, const uint64_t *records, int64_t n, int64_t *nodes)
{
    switch (p->words) {
    case 1: distinct1(p, records, n, nodes); return;
    case 2: distinct2(p, records, n, nodes); return;
    case 3: distinct3(p, records, n, nodes); return;
    default: distinct4(p, records, n, nodes);
    }
}

void fe_ngrams_grow(const fe_packing *p, const uint64_t *records, int64_t n, fe_growth *growth)
{
    switch (p->words) {
    case 1: grow1(p, records, n, growth); return;
    case 2: grow2(p, records, n, growth); return;
    case 3: grow3(p, records, n, growth); return;
    default: grow4(p, records, n, growth);
    }
}

void fe_ngrams_order(const uint32_t *digits, const uint32_t *rows, int64_t n, int64_t *starts, uint32_t *sorted)
{
    for (int64_t i = 0; i < n; i++) {
        const uint32_t row = rows ? rows[i] : (uint32_t)i;
        sorted[starts[digits[row]]++] = row;
    }
}

void fe_ngrams_fill(const uint32_t *rows, int64_t n, const uint32_t *words, const float (*logs)[2], fe_ngram *nodes)
{
    for (int64_t i = 0; i < n; i++) {
        if (i + AHEAD < n) {
            FE_PREFETCH(&words[rows[i + AHEAD]]);
            FE_PREFETCH(&logs[rows[i + AHEAD]]);
        }
        nodes[i].word = words[rows[i]];
        nodes[i].prob = logs[rows[i]][0];
        nodes[i].backoff = logs[rows[i]][1];
    }
}
