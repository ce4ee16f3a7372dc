/* Probabilities of a back-off model: for each word the longest n-gram that ends with it.
 *
 * An n-gram is found by its context, which the word before has found, and its last word: both together are 64 bits, and
 * a slot that holds them is certain. The slots of a line of the cache make a bucket, so that one line is fetched for
 * most n-grams, whether they exist or not. Only those are fetched whose context and, in a closed model, whose suffix
 * exist. Two halves of a block of words go through the orders by turns: with every n-gram of one half that is looked
 * at, the line of one of the other half's is asked for, so that the memory and the processor work at the same time.
 */
#include "hash.h"
#include "ngrams.h"

#define HALF 64 /* words */
#define BLOCK (2 * HALF)
#define AHEAD 16 /* slots that are filled later, a power of two */
#define UNSURE UINT64_MAX
#define LN10 2.302585092994045684

FE_INLINE uint64_t key_of(uint32_t context, uint32_t word)
{
    return (uint64_t)context << 32 | word;
}

FE_INLINE uint64_t key_at(const fe_lm_slot *slot)
{
    return key_of(slot->context, slot->word);
}

/* The first slot of the bucket of an n-gram. */
FE_INLINE uint64_t bucket(const fe_lm *lm, int order, uint64_t key)
{
    const uint64_t hash = fe_fold(key ^ FE_HASH_A, FE_HASH_B);
    return FE_LM_BUCKET * ((hash >> 32) * (lm->size[order] / FE_LM_BUCKET) >> 32);
}

/* Buckets are filled from their first slot on, so that one with room ends in an empty one. */
static uint64_t put(const fe_lm *lm, int order, fe_lm_slot *slots, const fe_lm_slot *slot)
{
    uint64_t at = bucket(lm, order, key_at(slot));
    while (slots[at].context != FE_NONE)
        at = at + 1 < lm->size[order] ? at + 1 : 0;
    slots[at] = *slot;
    return at;
}

/* The slot of a node of order k, but for its context. */
FE_INLINE fe_lm_slot slot_of(const fe_lm *lm, int order, uint64_t node)
{
    if (order == lm->order)
        return (fe_lm_slot){lm->longest[node].word, 0, lm->longest[node].prob, 0};
    const fe_ngram *from = &lm->nodes[order][node];
    const float backoff = lm->additive && from->child >= from[1].child ? (float)lm->nothing : from->backoff;
    return (fe_lm_slot){from->word, 0, from->prob, backoff};
}

void fe_lm_index(const fe_lm *lm, int order, const uint32_t *contexts, fe_lm_slot *slots, uint32_t *places)
{
    const fe_ngram *parents = lm->nodes[order - 1];
    fe_lm_slot queue[AHEAD];
    uint64_t parent = 0;
    for (uint64_t node = 0; node < lm->count[order] + AHEAD; node++) {
        if (node >= AHEAD)
            places[node - AHEAD] = (uint32_t)put(lm, order, slots, &queue[node % AHEAD]);
        if (node >= lm->count[order])
            continue;
        while (parent + 1 < lm->count[order - 1] && parents[parent + 1].child <= node)
            parent++;
        fe_lm_slot *slot = &queue[node % AHEAD];
        *slot = slot_of(lm, order, node);
        slot->context = contexts ? contexts[parent] : (uint32_t)parent;
        FE_PREFETCH_WRITE(&slots[bucket(lm, order, key_at(slot))]);
    }
}

/* One bit for each slot of a bucket that holds the n-gram. */
FE_INLINE unsigned hits(const fe_lm_slot *home, uint64_t key)
{
    unsigned found = 0;
    for (unsigned k = 0; k < FE_LM_BUCKET; k++)
        found |= (unsigned)(key_at(&home[k]) == key) << k;
    return found;
}

FE_INLINE int is_full(const fe_lm_slot *home)
{
    return home[FE_LM_BUCKET - 1].context != FE_NONE;
}

/* The slot of an n-gram in a bucket; FE_NONE if it is nowhere; UNSURE if the bucket is full of others. */
FE_INLINE uint64_t look(const fe_lm *lm, int order, uint64_t key, uint64_t first)
{
    const fe_lm_slot *home = &lm->slots[order][first];
    const unsigned found = hits(home, key);
    const uint64_t missing = is_full(home) ? UNSURE : FE_NONE;
    return found ? first + (unsigned)fe_lowest(found | 1u << FE_LM_BUCKET) : missing;
}

FE_INLINE uint64_t next_bucket(const fe_lm *lm, int order, uint64_t first)
{
    return first + FE_LM_BUCKET < lm->size[order] ? first + FE_LM_BUCKET : 0;
}

/* The slot of an n-gram that is not in its own bucket, which is full; FE_NONE if it is nowhere. */
static uint64_t look_on(const fe_lm *lm, int order, uint64_t key)
{
    uint64_t at = UNSURE, home = bucket(lm, order, key);
    for (uint64_t seen = 0; seen < lm->size[order] && at == UNSURE; seen += FE_LM_BUCKET) {
        home = next_bucket(lm, order, home);
        at = look(lm, order, key, home);
    }
    return at == UNSURE ? FE_NONE : at;
}

void fe_lm_find(const fe_lm *lm, const int32_t *rows, int64_t n, const int shape[2], uint32_t *places)
{
    uint64_t keys[HALF];
    for (int64_t first = 0; first < n; first += HALF) {
        const int count = n - first < HALF ? (int)(n - first) : HALF;
        const int32_t *words = rows + first * shape[0];
        uint32_t *found = places + first;
        for (int i = 0; i < count; i++)
            found[i] = (uint32_t)words[i * shape[0]];
        for (int order = 2; order <= shape[1]; order++) {
            for (int i = 0; i < count; i++) {
                keys[i] = key_of(found[i], (uint32_t)words[i * shape[0] + order - 1]);
                FE_PREFETCH(&lm->slots[order][bucket(lm, order, keys[i])]);
            }
            for (int i = 0; i < count; i++) {
                const uint64_t at = look(lm, order, keys[i], bucket(lm, order, keys[i]));
                found[i] = (uint32_t)(FE_LIKELY(at != UNSURE) ? at : look_on(lm, order, keys[i]));
            }
        }
    }
}

/* Words in a row. Column i + 1 has the n-grams that end with word i, column 0 those of the word before. */
typedef struct scan {
    const fe_lm *lm;
    int far;                                     /* whether what is asked for is looked at a while later only */
    int n;                                       /* words, in two halves, so that one is looked at while the lines of */
    int32_t words[BLOCK];                        /* the other are fetched */
    int length;                                  /* words before the one at hand, from <s> or the beginning */
    uint32_t slot[FE_MOST_ORDER + 1][BLOCK + 1]; /* FE_NONE: it is none */
    float backoff[FE_MOST_ORDER + 1][BLOCK + 1]; /* 0 then */
    double sum[BLOCK];                           /* log10 of the probabilities, as far as the orders have been seen */
} scan;

/* The n-grams of one order that may exist, of one half: which words they end with, and what finds them. */
typedef struct wanted {
    int n;
    uint8_t words[HALF];
    uint64_t keys[HALF];
    const fe_lm_slot *homes[HALF]; /* buckets; behind the first n others, for as many as there are words */
} wanted;

/* Ask for a line. In a full block many are on the way, and the second cache takes more of them at a time than the first. */
FE_INLINE void fetch(const scan *s, const void *address)
{
    if (s->far)
        FE_PREFETCH_FAR(address);
    else
        FE_PREFETCH(address);
}

FE_INLINE void unigrams(scan *s, int first, int last, const wanted *next)
{
    const fe_lm *lm = s->lm;
    for (int i = first; i < last; i++) {
        const fe_ngram *node = &lm->nodes[1][s->words[i]];
        const int leaf = lm->additive && node->child >= node[1].child;
        s->slot[1][i + 1] = (uint32_t)s->words[i];
        s->backoff[1][i + 1] = leaf ? (float)lm->nothing : node->backoff;
        s->sum[i] = node->prob;
        fetch(s, next->homes[i - first]);
    }
}

/* Want the n-grams of one order whose context and, in a closed model, whose suffix exist. */
FE_INLINE void want(const scan *s, int order, int first, int last, wanted *to)
{
    const fe_lm *lm = s->lm;
    const uint32_t *contexts = s->slot[order - 1], *suffixes = contexts + 1;
    to->n = 0;
    for (int i = first; i < last; i++) {
        to->words[to->n] = (uint8_t)i;
        to->keys[to->n] = key_of(contexts[i], (uint32_t)s->words[i]);
        to->n += (contexts[i] != FE_NONE) & ((suffixes[i] != FE_NONE) | !lm->closed) & (s->words[i] != FE_BOS);
    }
    for (int k = 0; k < to->n; k++)
        to->homes[k] = &lm->slots[order][bucket(lm, order, to->keys[k])];
}

FE_INLINE void take(scan *s, int order, int i, const fe_lm_slot *slot)
{
    s->slot[order][i + 1] = (uint32_t)(slot - s->lm->slots[order]);
    s->backoff[order][i + 1] = slot->backoff;
    s->sum[i] = slot->prob;
}

/* The n-grams of one order: what they add, and their slots. The lines of `next` are asked for meanwhile. */
FE_INLINE void ngrams(scan *s, int order, const int bounds[2], const wanted *from, const wanted *next)
{
    const fe_lm_slot *slots = s->lm->slots[order];
    uint8_t late[HALF];
    int k = 0, waiting = 0;
    for (int i = bounds[0]; i < bounds[1]; i++) {
        s->slot[order][i + 1] = FE_NONE;
        s->backoff[order][i + 1] = 0;
        s->sum[i] += s->backoff[order - 1][i];
    }
    for (; k < from->n; k++) {
        const fe_lm_slot *home = from->homes[k];
        const unsigned found = hits(home, from->keys[k]);
        fetch(s, next->homes[k]);
        if (found) {
            take(s, order, from->words[k], home + fe_lowest(found));
        } else if (FE_UNLIKELY(is_full(home))) {
            FE_PREFETCH(&slots[next_bucket(s->lm, order, (uint64_t)(home - slots))]);
            late[waiting++] = (uint8_t)k;
        }
    }
    for (; k < next->n; k++)
        fetch(s, next->homes[k]);
    for (int j = 0; j < waiting; j++) {
        const uint64_t at = look_on(s->lm, order, from->keys[late[j]]);
        if (at != FE_NONE)
            take(s, order, from->words[late[j]], &slots[at]);
    }
}

/* The context alone decides, as long as it may be: its longest n-gram, or its share for all others. */
static void decide(scan *s)
{
    const int order = s->lm->order;
    for (int i = 0; i < s->n; i++) {
        s->length = s->words[i] == FE_BOS ? 0 : s->length + 1;
        const int most = s->length < order ? s->length + 1 : order;
        if (s->slot[most][i + 1] == FE_NONE)
            s->sum[i] = s->slot[most - 1][i] == FE_NONE ? s->lm->nothing : s->backoff[most - 1][i];
    }
}

/* Where words come from: sentences, which get <s> and </s>, or words as they are. */
typedef struct source {
    const int32_t *ids;
    const int64_t *offsets; /* of sentences, NULL: none */
    int64_t at, end;        /* word; sentence or, without any, word before which it ends */
    int64_t sentence;
    int inside;             /* of a sentence, behind its <s> */
} source;

/* The next words; returns how many. */
static int fill(const fe_lm *lm, source *from, int32_t *words)
{
    int n = 0;
    for (; n < BLOCK && (from->offsets ? from->sentence : from->at) < from->end; n++) {
        if (!from->offsets || (from->inside && from->at < from->offsets[from->sentence + 1])) {
            words[n] = from->ids[from->at++];
        } else {
            words[n] = from->inside ? FE_EOS : FE_BOS;
            from->sentence += from->inside;
            from->inside = !from->inside;
        }
        FE_PREFETCH(&lm->nodes[1][words[n]]);
    }
    return n;
}

/* All orders of the words of a block. */
static void block(scan *s, wanted half[2])
{
    const int order = s->lm->order, middle = (s->n + 1) / 2, bounds[3] = {0, middle, s->n};
    for (int k = 0; k < middle; k++)
        half[0].homes[k] = half[1].homes[k] = (const fe_lm_slot *)s->lm->nodes[1]; /* at hand */
    half[0].n = half[1].n = 0;
    for (int k = 1; k <= order; k++)
        for (int h = 0; h < 2; h++) {
            if (k == 1)
                unigrams(s, bounds[h], bounds[h + 1], &half[!h]);
            else
                ngrams(s, k, &bounds[h], &half[h], &half[!h]);
            half[h].n = 0;
            if (k < order)
                want(s, k + 1, bounds[h], bounds[h + 1], &half[h]);
        }
    if (s->lm->additive)
        decide(s);
}

/* Natural logarithms of all words but, of sentences, the <s>. */
static void score(const fe_lm *lm, source *from, double *out)
{
    scan s; /* large: only what is needed is written */
    wanted half[2];
    s.lm = lm;
    s.length = -1;
    for (int k = 1; k <= lm->order; k++) {
        s.slot[k][0] = FE_NONE;
        s.backoff[k][0] = 0;
    }
    while ((s.n = fill(lm, from, s.words))) {
        s.far = s.n == BLOCK;
        block(&s, half);
        for (int i = 0; i < s.n; i++) {
            *out = s.words[i] == FE_BOS ? 0 : s.sum[i] * LN10;
            out += !from->offsets || s.words[i] != FE_BOS;
        }
        for (int k = 1; k <= lm->order; k++) {
            s.slot[k][0] = s.slot[k][s.n];
            s.backoff[k][0] = s.backoff[k][s.n];
        }
    }
}

void fe_lm_score(const fe_lm *lm, const int32_t *words, int64_t n, double *out)
{
    source from = {.ids = words, .end = n};
    score(lm, &from, out);
}

void fe_lm_sentences(const fe_lm *lm, const int32_t *ids, const int64_t *offsets, int64_t first, int64_t last,
                     double *out)
{
    source from = {.ids = ids, .offsets = offsets, .at = offsets[first], .sentence = first, .end = last};
    score(lm, &from, out + offsets[first] + first);
}
