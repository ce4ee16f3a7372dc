/* From counts of n-grams to probabilities: suffixes, continuation counts, discounts, interpolation.
 *
 * Neighbouring nodes have suffixes far apart, so every loop over suffixes fetches those of the nodes to come.
 */
#include "ngrams.h"

#include <math.h>

#define AHEAD 16
#define CLOSE 8 /* so few children are looked through one by one */

/* The node of `word` among nodes[low:high], or the first one behind it; *found says which. */
FE_INLINE uint32_t search(const fe_ngram *nodes, uint32_t low, uint32_t high, uint32_t word, int *found)
{
    const uint32_t end = high;
    while (high - low > CLOSE) {
        uint32_t middle = low + (high - low) / 2;
        if (nodes[middle].word < word)
            low = middle + 1;
        else
            high = middle + 1; /* may be the one */
    }
    while (low < end && nodes[low].word < word)
        low++;
    *found = low < end && nodes[low].word == word;
    return low;
}

/* Of parent p + 2 AHEAD fetch the suffix's node, of p + AHEAD the first of that one's children. */
FE_INLINE void fetch(const fe_ngram *parents, int64_t p, int64_t last, const fe_ngram *grandparents)
{
    if (p + 2 * AHEAD < last && parents[p + 2 * AHEAD].suffix != FE_NONE)
        FE_PREFETCH(&grandparents[parents[p + 2 * AHEAD].suffix]);
    if (p + AHEAD < last && parents[p + AHEAD].suffix != FE_NONE)
        FE_PREFETCH(&parents[grandparents[parents[p + AHEAD].suffix].child]);
}

int64_t fe_ngrams_link(const fe_ngram *parents, int64_t first, int64_t last, fe_ngram *children,
                       const fe_ngram *grandparents)
{
    int64_t lost = 0;
    for (int64_t p = first; p < last; p++) {
        uint32_t low = 0, high = 0;
        if (grandparents) {
            fetch(parents, p, last, grandparents);
            if (parents[p].suffix != FE_NONE) {
                low = grandparents[parents[p].suffix].child;
                high = grandparents[parents[p].suffix + 1].child;
            }
        }
        for (uint32_t c = parents[p].child; c < parents[p + 1].child; c++) {
            int found = 1;
            if (grandparents)
                low = search(parents, low, high, children[c].word, &found);
            else
                low = children[c].word;
            children[c].suffix = found ? low : FE_NONE;
            lost += !found;
        }
    }
    return lost;
}

void fe_ngrams_continue(const fe_ngram *nodes, int64_t n, uint32_t *counts)
{
    for (int64_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            FE_PREFETCH_WRITE(&counts[nodes[i + AHEAD].suffix]);
        counts[nodes[i].suffix]++;
    }
}

FE_INLINE double discounted(uint32_t count, const fe_smoothing *how)
{
    return count - how->discount[count < 3 ? count : 3] + how->add;
}

void fe_ngrams_divide(const fe_ngram *parents, int64_t first, int64_t last, fe_ngram *children,
                      const fe_smoothing *how, float *backoff)
{
    for (int64_t p = first; p < last; p++) {
        const uint32_t begin = parents[p].child, end = parents[p + 1].child;
        double sum = 0, left = how->add + how->types * (end - begin);
        for (uint32_t c = begin; c < end; c++) {
            const uint32_t count = children[c].count & ~FE_DROPPED;
            sum += count;
            left += children[c].count & FE_DROPPED ? count : how->discount[count < 3 ? count : 3];
        }
        const double whole = sum + how->types * (end - begin) + how->add * how->size;
        backoff[p] = begin < end ? (float)(left / whole) : 1;
        for (uint32_t c = begin; c < end; c++)
            if (!(children[c].count & FE_DROPPED))
                children[c].prob = (float)(discounted(children[c].count, how) / whole);
    }
}

void fe_ngrams_interpolate(const fe_ngram *parents, int64_t first, int64_t last, fe_ngram *children,
                           const float *backoff, const fe_ngram *shorter)
{
    const uint32_t end = parents[last].child;
    for (int64_t p = first; p < last; p++)
        for (uint32_t c = parents[p].child; c < parents[p + 1].child; c++) {
            if (c + AHEAD < end)
                FE_PREFETCH(&shorter[children[c + AHEAD].suffix]);
            children[c].prob += backoff[p] * shorter[children[c].suffix].prob;
        }
}

void fe_ngrams_log(fe_ngram *nodes, int64_t first, int64_t last, const float *backoff)
{
    for (int64_t i = first; i < last; i++) {
        nodes[i].prob = fminf(log10f(nodes[i].prob), 0);
        nodes[i].backoff = 0;
        if (backoff && nodes[i].child < nodes[i + 1].child)
            nodes[i].backoff = log10f(backoff[i]);
    }
}
