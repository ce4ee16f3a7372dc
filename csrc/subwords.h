/* Character n-grams of a word and the rows they are hashed to, exactly as fastText, or floret, does it, so that files
 * agree.
 *
 * The word w stands between '<' and '>'. Its n-grams are the runs of minn..maxn UTF-8 characters of <w>, without the
 * single characters '<' and '>' themselves. A character begins at any byte that is no continuation byte (10xxxxxx);
 * bytes that are not UTF-8 so belong somewhere too.
 *
 * floret (a compact table) gives each n-gram, and <w> itself before them, several rows by the 32-bit parts of one hash.
 */
#ifndef FE_SUBWORDS_H
#define FE_SUBWORDS_H

#include <string.h>

#include "murmur.h"

typedef struct fe_ngrams {
    int64_t minn, maxn;
    uint32_t bucket; /* rows that n-grams share */
    int32_t base;    /* the first of them */
    int hashes;      /* 0: one row by fastText's hash; 1..4: so many by floret's */
} fe_ngrams;

#define FE_FNV_OFFSET 2166136261u
#define FE_FNV_PRIME 16777619u

/* One byte more in a 32-bit FNV-1a hash; fastText extends the byte's sign, which the original does not. */
static inline uint32_t fe_fnv_byte(uint32_t hash, uint8_t byte)
{
    return (hash ^ (uint32_t)(int32_t)(int8_t)byte) * FE_FNV_PRIME;
}

#define FE_FLORET_SEED 2166136261u

/* The rows (spec->hashes,) of one string in floret's way; returns how many. */
static inline int64_t fe_floret_rows(const fe_ngrams *spec, const uint8_t *text, int64_t bytes, int32_t *rows)
{
    if (rows != NULL) {
        uint64_t hash[2];
        fe_murmur128(text, bytes, FE_FLORET_SEED, hash);
        for (int h = 0; h < spec->hashes; h++)
            rows[h] = spec->base + (int32_t)((uint32_t)(hash[h / 2] >> (h % 2 * 32)) % spec->bucket);
    }
    return spec->hashes;
}

/* The rows of the n-grams of bounded (bytes,), which is <word>, in fastText's order; returns how many. `rows` may be
 * NULL, to count. */
static inline int64_t fe_ngram_rows(const fe_ngrams *spec, const uint8_t *bounded, int64_t bytes, int32_t *rows)
{
    int64_t count = spec->hashes ? fe_floret_rows(spec, bounded, bytes, rows) : 0;
    for (int64_t i = 0; i < bytes; i++) {
        if ((bounded[i] & 0xC0) == 0x80)
            continue;
        uint32_t hash = FE_FNV_OFFSET;
        for (int64_t j = i, n = 1; j < bytes && n <= spec->maxn; n++) {
            do
                hash = fe_fnv_byte(hash, bounded[j++]);
            while (j < bytes && (bounded[j] & 0xC0) == 0x80);
            if (n < spec->minn || (n == 1 && (i == 0 || j == bytes)))
                continue;
            if (spec->hashes) {
                count += fe_floret_rows(spec, bounded + i, j - i, rows == NULL ? NULL : rows + count);
            } else {
                if (rows != NULL)
                    rows[count] = spec->base + (int32_t)(hash % spec->bucket);
                count++;
            }
        }
    }
    return count;
}

/* mean (dim,) = mean of the rows (n,) of a matrix of little-endian floats, whose rows begin at any byte, `stride` bytes
 * apart; 0 if there are none */
static inline void fe_mean_of_rows(const uint8_t *matrix, int64_t stride, const int32_t *rows, int64_t n, int64_t dim,
                                   float *FE_RESTRICT mean)
{
    memset(mean, 0, sizeof(float) * (size_t)dim);
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *row = matrix + stride * rows[i];
        for (int64_t k = 0; k < dim; k++) {
            float x;
            memcpy(&x, row + 4 * k, 4);
            mean[k] += x;
        }
    }
    for (int64_t k = 0; k < dim && n > 0; k++)
        mean[k] *= (float)(1.0 / (double)n);
}

#endif
