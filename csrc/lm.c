/* Probabilities of a back-off model: for each word the longest n-gram that ends with it.
 *
 * The hash of an n-gram depends on its words alone and grows from its last word to the left, so those of the words to
 * come are known long before they are needed, and their slots and nodes are fetched ahead. Whether a slot's node is
 * really the n-gram is certain, whatever the hash: it is if it is a child of the context's node, which the word before
 * found in the same way, and has the right word.
 */
#include "ngrams.h"

#define AHEAD 16 /* words; a power of two */
#define HALF (AHEAD / 2)
#define LN10 2.302585092994045684

FE_INLINE uint64_t hash_word(uint64_t hash, uint32_t word)
{
    hash = (hash ^ ((uint64_t)word + 1)) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

FE_INLINE uint64_t place(uint64_t hash, uint64_t size)
{
    return (hash >> 32) * size >> 32;
}

FE_INLINE uint32_t word_of(const fe_lm *lm, int order, uint64_t node)
{
    return order == lm->order && order > 1 ? lm->longest[node].word : lm->nodes[order][node].word;
}

void fe_lm_index(const fe_lm *lm, int order, fe_lm_slot *slots)
{
    const uint64_t size = lm->size[order];
    uint64_t path[FE_MOST_ORDER + 1] = {0}; /* the nodes of the orders 1.. to the one at hand */
    struct {
        uint64_t place;
        fe_lm_slot slot;
    } queue[AHEAD];
    for (uint64_t node = 0; node < lm->count[order] + AHEAD; node++) {
        if (node >= AHEAD) {
            uint64_t at = queue[node % AHEAD].place;
            while (slots[at].node != FE_NONE)
                at = at + 1 < size ? at + 1 : 0;
            slots[at] = queue[node % AHEAD].slot;
        }
        if (node >= lm->count[order])
            continue;
        path[order] = node;
        for (int k = order - 1, moved = 1; k > 0 && (moved || !node); k--) /* a parent moves on behind its last child */
            for (moved = 0; path[k] + 1 < lm->count[k] && lm->nodes[k][path[k] + 1].child <= path[k + 1]; moved = 1)
                path[k]++;
        uint64_t hash = 0;
        for (int k = order; k > 0; k--)
            hash = hash_word(hash, k > 1 ? word_of(lm, k, path[k]) : (uint32_t)path[1]);
        queue[node % AHEAD].place = place(hash, size);
        queue[node % AHEAD].slot = (fe_lm_slot){(uint32_t)hash, (uint32_t)node};
        FE_PREFETCH_WRITE(&slots[place(hash, size)]);
    }
}

/* The node of an n-gram: the child of a context, whose children are [begin, end), with this word and hash. */
FE_INLINE uint64_t find(const fe_lm *lm, int order, uint64_t hash, uint32_t word, uint64_t begin, uint64_t end)
{
    const uint64_t size = lm->size[order];
    const fe_lm_slot *slots = lm->slots[order];
    uint64_t at = place(hash, size);
    for (uint64_t turn = 0; turn < size && slots[at].node != FE_NONE; turn++) {
        if (slots[at].check == (uint32_t)hash && slots[at].node >= begin && slots[at].node < end &&
            word_of(lm, order, slots[at].node) == word)
            return slots[at].node;
        at = at + 1 < size ? at + 1 : 0;
    }
    return FE_NONE;
}

typedef struct context { /* the last words, as many as its index says */
    uint64_t begin, end; /* its children, none if it is no n-gram */
    float backoff;
    int seen;
} context;

typedef struct scan {
    const fe_lm *lm;
    const int32_t *words;
    uint64_t hashes[AHEAD][FE_MOST_ORDER + 1]; /* of the n-grams of each order that end at a word, ring */
    int orders[AHEAD];                         /* the longest of them within the sentence */
    context contexts[FE_MOST_ORDER + 1];
} scan;

/* Hash the n-grams that end at word i and fetch their slots. */
FE_INLINE void meet(scan *s, int64_t i)
{
    const fe_lm *lm = s->lm;
    const int before = s->orders[(i - 1) & (AHEAD - 1)];
    const int most = s->words[i] == FE_BOS ? 1 : before < lm->order ? before + 1 : lm->order;
    uint64_t hash = hash_word(0, (uint32_t)s->words[i]), *hashes = s->hashes[i & (AHEAD - 1)];
    s->orders[i & (AHEAD - 1)] = most;
    FE_PREFETCH(&lm->nodes[1][s->words[i]]);
    for (int k = 2; k <= most; k++) {
        hashes[k] = hash = hash_word(hash, (uint32_t)s->words[i - k + 1]);
        FE_PREFETCH(&lm->slots[k][place(hash, lm->size[k])]);
    }
}

/* Fetch the nodes of word i that the first slots name. */
FE_INLINE void approach(scan *s, int64_t i)
{
    const fe_lm *lm = s->lm;
    const uint64_t *hashes = s->hashes[i & (AHEAD - 1)];
    for (int k = 2; k <= s->orders[i & (AHEAD - 1)]; k++) {
        const fe_lm_slot slot = lm->slots[k][place(hashes[k], lm->size[k])];
        if (slot.check == (uint32_t)hashes[k] && slot.node < lm->count[k]) {
            if (k < lm->order)
                FE_PREFETCH(&lm->nodes[k][slot.node]);
            else
                FE_PREFETCH(&lm->longest[slot.node]);
        }
    }
}

/* Whether node `node` of an order exists; then *prob is its, and it is the context of so many words. */
FE_INLINE int reach(scan *s, int order, uint64_t node, context *context, float *prob)
{
    const fe_lm *lm = s->lm;
    if (node >= lm->count[order])
        return 0;
    if (order == lm->order && order > 1) {
        *prob = lm->longest[node].prob;
        return 1;
    }
    const fe_ngram *found = &lm->nodes[order][node];
    *prob = found->prob;
    context->seen = 1;
    context->backoff = found->backoff;
    if (order < lm->order) {
        context->begin = found->child;
        context->end = found[1].child < lm->count[order + 1] ? found[1].child : lm->count[order + 1];
    }
    return 1;
}

/* log10 of the probability of word i, whose contexts become those of the next word. */
static double step(scan *s, int64_t i)
{
    const fe_lm *lm = s->lm;
    const uint64_t *hashes = s->hashes[i & (AHEAD - 1)];
    const int most = s->orders[i & (AHEAD - 1)];
    context next[FE_MOST_ORDER + 1];
    float prob = 0;
    int best = 0;
    for (int k = 1; k <= most; k++) {
        const context *context = &s->contexts[k - 1];
        uint64_t node = FE_NONE;
        next[k].seen = 0;
        if (k == 1)
            node = (uint32_t)s->words[i];
        else if (context->seen && context->begin < context->end && (best == k - 1 || !lm->closed))
            node = find(lm, k, hashes[k], (uint32_t)s->words[i], context->begin, context->end);
        if (node != FE_NONE && reach(s, k, node, &next[k], &prob))
            best = k;
    }
    double sum = prob;
    if (lm->additive && best < most) {
        const context *whole = &s->contexts[most - 1];
        sum = whole->seen && whole->begin < whole->end ? whole->backoff : lm->nothing;
    } else
        for (int k = best; k < most; k++)
            if (k && s->contexts[k].seen)
                sum += s->contexts[k].backoff;
    for (int k = 1; k <= most; k++)
        s->contexts[k] = next[k];
    return sum;
}

void fe_lm_score(const fe_lm *lm, const int32_t *words, int64_t first, int64_t last, int64_t end, double *out)
{
    scan s;
    s.lm = lm;
    s.words = words;
    s.orders[(first - 1) & (AHEAD - 1)] = 0;
    for (int64_t i = first; i < end && i < first + AHEAD - 1; i++)
        meet(&s, i);
    for (int64_t i = first; i < last; i++) {
        if (i + AHEAD - 1 < end)
            meet(&s, i + AHEAD - 1);
        if (i + HALF < end)
            approach(&s, i + HALF);
        double log10 = step(&s, i);
        out[i] = words[i] == FE_BOS ? 0 : log10 * LN10;
    }
}
