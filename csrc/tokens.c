#include "tokens.h"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define FE_SSE2 1
#endif

#define WINDOW 4096 /* bytes of text whose word boundaries are found at a time */
#define BATCH 32    /* words that are looked up at a time, and counted */
#define TEXTS 4     /* texts that are asked for before they are cut */
#define SEARCH 256  /* words that are looked up at a time in a map that stays as it is */

FE_INLINE int separates(uint8_t byte, fe_separators separators)
{
    return separators == FE_TEXT ? byte == ' ' || (byte >= 9 && byte <= 13) : byte >= 0xFE;
}

/* One bit a byte of text (64,): is it a separator, does it end a sentence. */
typedef struct marks {
    uint64_t gaps, stops;
} marks;

#ifdef FE_SSE2
FE_INLINE marks find_marks(const uint8_t *text, fe_separators separators)
{
    marks found = {0, 0};
    for (int k = 0; k < 64; k += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(text + k)), gaps, stops;
        if (separators == FE_TEXT) {
            __m128i control = _mm_sub_epi8(bytes, _mm_set1_epi8(9));
            gaps = _mm_cmpeq_epi8(control, _mm_min_epu8(control, _mm_set1_epi8(4)));
            gaps = _mm_or_si128(gaps, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')));
            stops = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'));
        } else {
            stops = _mm_cmpeq_epi8(bytes, _mm_set1_epi8((char)0xFE));
            gaps = _mm_or_si128(stops, _mm_cmpeq_epi8(bytes, _mm_set1_epi8((char)0xFF)));
        }
        found.gaps |= (uint64_t)(uint32_t)_mm_movemask_epi8(gaps) << k;
        found.stops |= (uint64_t)(uint32_t)_mm_movemask_epi8(stops) << k;
    }
    return found;
}
#else
FE_INLINE marks find_marks(const uint8_t *text, fe_separators separators)
{
    marks found = {0, 0};
    uint8_t stop = separators == FE_TEXT ? '\n' : 0xFE;
    for (int k = 0; k < 64; k++) {
        found.gaps |= (uint64_t)separates(text[k], separators) << k;
        found.stops |= (uint64_t)(text[k] == stop) << k;
    }
    return found;
}
#endif

FE_INLINE int ones(uint64_t bits)
{
    int count = 0;
    for (; bits; bits &= bits - 1)
        count++;
    return count;
}

/* Where words start and end in one window, by turns, and how many words lie before each sentence end. */
typedef struct window {
    int edges, stops;
    uint32_t edge[WINDOW + 2];
    int32_t stop[WINDOW];
} window;

/* Fill `found` from text[from .. from + WINDOW) or up to `bytes`. An edge left over from the window before (a word
 * goes on) is already in it. *gap: is the byte before a separator. */
FE_INLINE void find_edges(window *found, const uint8_t *text, int64_t from, int64_t bytes, fe_separators separators,
                          uint64_t *gap)
{
    int64_t end = from + WINDOW < bytes ? from + WINDOW : bytes;
    for (int64_t at = from; at < end; at += 64) {
        marks here = find_marks(text + at, separators);
        uint64_t edges = here.gaps ^ (here.gaps << 1 | *gap);
        *gap = here.gaps >> 63;
        for (uint64_t stops = here.stops; stops; stops &= stops - 1) {
            uint64_t upto = stops ^ (stops - 1);
            found->stop[found->stops++] = found->edges / 2 + ones(edges & here.gaps & upto);
        }
        while (edges) {
            found->edge[found->edges++] = (uint32_t)(at + fe_lowest(edges));
            edges &= edges - 1;
        }
    }
}

/* Take the ids of words over the limit (-1) out of ids (words,) and correct the sentence ends; returns what is left. */
static int squeeze(window *found, int32_t *ids, int words)
{
    int kept = 0, stop = 0;
    for (int k = 0; k < words; k++) {
        for (; stop < found->stops && found->stop[stop] == k; stop++)
            found->stop[stop] = kept;
        if (ids[k] >= 0)
            ids[kept++] = ids[k];
    }
    for (; stop < found->stops; stop++)
        found->stop[stop] = kept;
    return kept;
}

/* Ids of the words between the edges: ids (edges / 2,); a word over the limit gets -1 and counts in *dropped. */
FE_INLINE fe_status look_up(fe_strmap *map, const window *found, const uint8_t *text, int64_t limit, int32_t *ids,
                            int64_t *dropped)
{
    int words = found->edges / 2;
    const uint32_t *edge = found->edge;
    fe_token batch[BATCH];
    for (int first = 0; first < words;) {
        int n = 0;
        for (; n < BATCH && first + n < words; n++) {
            int64_t start = edge[2 * (first + n)], bytes = edge[2 * (first + n) + 1] - start;
            if (FE_UNLIKELY(bytes > limit))
                break;
            batch[n] = fe_token_padded(map, text + start, bytes);
        }
        fe_status status = fe_strmap_count(map, batch, n, ids + first);
        if (status != FE_OK)
            return status;
        first += n;
        if (n < BATCH && first < words) {
            ids[first++] = -1;
            ++*dropped;
        }
    }
    return FE_OK;
}

FE_INLINE fe_status encode(fe_strmap *map, const uint8_t *text, int64_t bytes, fe_separators separators, int64_t limit,
                           int32_t *ids, int32_t *ends, fe_encoded *result)
{
    window found;
    uint64_t gap = 1;
    int64_t last = -1;
    found.edges = 0;
    for (int64_t from = 0; from < bytes; from += WINDOW) {
        found.stops = 0;
        find_edges(&found, text, from, bytes, separators, &gap);
        int words = found.edges / 2;
        int64_t dropped = result->dropped;
        fe_status status = look_up(map, &found, text, limit, ids + result->tokens, &result->dropped);
        if (status != FE_OK)
            return status;
        if (FE_UNLIKELY(result->dropped > dropped))
            words = squeeze(&found, ids + result->tokens, words);
        for (int k = 0; k < found.stops; k++) {
            int64_t end = result->tokens + found.stop[k];
            if (end != last)
                ends[result->sentences++] = (int32_t)end;
            last = end;
        }
        result->tokens += words;
        if (found.edges & 1) /* this word goes on in the next window */
            found.edge[0] = found.edge[found.edges - 1];
        found.edges &= 1;
    }
    return FE_OK;
}

fe_status fe_encode(fe_strmap *map, uint8_t *text, int64_t bytes, fe_separators separators, int64_t limit, int32_t *ids,
                    int32_t *ends, fe_encoded *result)
{
    *result = (fe_encoded){0, 0, 0};
    memset(text + bytes, separators == FE_TEXT ? ' ' : 0xFF, FE_TEXT_PAD);
    /* One more than `bytes`, so that a word that ends with the text is closed by the padding. */
    if (separators == FE_TEXT)
        return encode(map, text, bytes + 1, FE_TEXT, limit, ids, ends, result);
    return encode(map, text, bytes + 1, FE_LISTS, limit, ids, ends, result);
}

/* Words on their way into the map. */
typedef struct search {
    const fe_strmap *map;
    int32_t *ids; /* of all words so far, but for those that wait */
    int64_t words;
    int waiting;
    fe_token tokens[SEARCH];
} search;

FE_INLINE void look_up_all(search *s)
{
    fe_strmap_find(s->map, s->tokens, s->waiting, s->ids + s->words - s->waiting);
    s->waiting = 0;
}

/* Take in the words of one text (bytes,); its copy, behind which there is room, is where they are cut. */
FE_INLINE void cut(search *s, const uint8_t *text, const uint8_t *copy, int64_t bytes)
{
    int64_t start = 0;
    uint64_t gap = 1;
    int inside = 0;
    for (int64_t at = 0; at <= bytes; at += 64) {
        const uint64_t gaps = find_marks(copy + at, FE_TEXT).gaps;
        uint64_t edges = gaps ^ (gaps << 1 | gap);
        for (gap = gaps >> 63; edges; edges &= edges - 1) {
            const int64_t edge = at + fe_lowest(edges);
            inside = !inside;
            if (inside) {
                start = edge;
                continue;
            }
            fe_token *token = &s->tokens[s->waiting++];
            *token = fe_token_padded(s->map, copy + start, edge - start);
            token->at = text + start;
            s->words++;
            if (s->waiting == SEARCH)
                look_up_all(s);
        }
    }
}

/* The first lines of a text; those behind them follow by themselves. */
FE_INLINE void fetch(const fe_texts *texts, int64_t k)
{
    const int64_t bytes = texts->ends[k + 1] - texts->ends[k];
    for (int64_t at = 0; at < bytes && at < 256; at += 64)
        FE_PREFETCH((const uint8_t *)(intptr_t)texts->at[k] + at);
}

int64_t fe_find_words(const fe_strmap *map, const fe_texts *texts, uint8_t *room, int32_t *ids, int64_t *counts)
{
    search s; /* large: only what is needed is written */
    s.map = map;
    s.ids = ids;
    s.words = s.waiting = 0;
    for (int64_t k = texts->first; k < texts->last; k++) {
        const uint8_t *text = (const uint8_t *)(intptr_t)texts->at[k];
        const int64_t bytes = texts->ends[k + 1] - texts->ends[k], before = s.words;
        if (k + TEXTS < texts->last)
            fetch(texts, k + TEXTS);
        memcpy(room, text, (size_t)bytes);
        memset(room + bytes, ' ', FE_TEXT_PAD);
        cut(&s, text, room, bytes);
        counts[k - texts->first] = s.words - before;
    }
    look_up_all(&s);
    return s.words;
}

int64_t fe_last_separator(const uint8_t *text, int64_t bytes, fe_separators separators)
{
    while (bytes-- && !separates(text[bytes], separators))
        ;
    return bytes;
}

int64_t fe_first_separator(const uint8_t *text, int64_t bytes, fe_separators separators)
{
    for (int64_t at = 0; at < bytes; at++)
        if (separates(text[at], separators))
            return at;
    return -1;
}
