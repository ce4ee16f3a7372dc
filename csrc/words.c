#include "words.h"

#include <string.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define FE_SSE2 1
#endif

/* ---- ASCII ---- */

/* Copy of text (n,), lower-case if asked, with spaces in place of all that is in no word. No branches: it vectorises. */
static void blank(const uint8_t *FE_RESTRICT text, int64_t n, int spaced, int lowercase, uint8_t *FE_RESTRICT out)
{
    uint8_t fold = lowercase ? 0x20 : 0;
    if (spaced) {
        for (int64_t k = 0; k < n; k++) {
            uint8_t c = text[k], upper = (uint8_t)(c - 'A') < 26;
            uint8_t space = ((uint8_t)(c - 9) < 5) | ((uint8_t)(c - 28) < 4); /* what str.isspace says */
            out[k] = space ? ' ' : (uint8_t)(c | (upper ? fold : 0));
        }
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        uint8_t c = text[k], upper = (uint8_t)(c - 'A') < 26;
        uint8_t inside = upper | ((uint8_t)(c - 'a') < 26) | ((uint8_t)(c - '0') < 10) | (c == '_');
        out[k] = inside ? (uint8_t)(c | (upper ? fold : 0)) : ' ';
    }
}

/* One bit for each of the spaces among text (64,). */
FE_INLINE uint64_t spaces(const uint8_t *text)
{
    uint64_t found = 0;
#ifdef FE_SSE2
    for (int k = 0; k < 64; k += 16) {
        __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(text + k)), _mm_set1_epi8(' '));
        found |= (uint64_t)(uint32_t)_mm_movemask_epi8(same) << k;
    }
#else
    for (int k = 0; k < 64; k++)
        found |= (uint64_t)(text[k] == ' ') << k;
#endif
    return found;
}

/* Append the word at `from` to text[at..); where the next one goes. Without a branch on its being long enough. */
FE_INLINE int64_t append(fe_words *words, int64_t at, const uint8_t *from, int64_t bytes, int shortest)
{
    uint8_t *to = words->text + at;
    memcpy(to, from, 16);
    if (FE_UNLIKELY(bytes > 16))
        memcpy(to + 16, from + 16, (size_t)bytes - 16);
    to[bytes] = ' ';
    words->starts[words->count] = (uint32_t)at;
    int keep = bytes >= shortest;
    words->count += keep;
    return at + (keep ? bytes + 1 : 0);
}

static void cut_ascii(const fe_document *document, const fe_cut *how, uint8_t *room, fe_words *words)
{
    int64_t n = document->length, at = 1, start = 0;
    uint64_t gap = 1; /* whether the byte before is a space */
    blank(document->at, n, how->spaced, how->lowercase, room);
    memset(room + n, ' ', FE_WORDS_PAD);
    for (int64_t from = 0; from <= n; from += 64) {
        uint64_t gaps = spaces(room + from), edges = gaps ^ (gaps << 1 | gap);
        if (gap && edges) { /* a word begins here, and the edges come in pairs from now on */
            start = from + fe_lowest(edges);
            edges &= edges - 1;
        }
        while (edges) {
            at = append(words, at, room + start, from + fe_lowest(edges) - start, how->shortest);
            edges &= edges - 1;
            if (!edges)
                break;
            start = from + fe_lowest(edges);
            edges &= edges - 1;
        }
        gap = gaps >> 63;
    }
    words->starts[words->count] = (uint32_t)at;
}

/* ---- beyond ASCII ---- */

FE_INLINE uint32_t code_at(const fe_document *document, int64_t k, int width)
{
    if (width == 1)
        return ((const uint8_t *)document->at)[k];
    return width == 2 ? ((const uint16_t *)document->at)[k] : ((const uint32_t *)document->at)[k];
}

/* Write a character, surrogates too, in UTF-8's way; returns its bytes. */
FE_INLINE int put(uint8_t *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (uint8_t)code;
        return 1;
    }
    int bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int k = bytes - 1; k; k--, code >>= 6)
        to[k] = (uint8_t)(0x80 | (code & 0x3F));
    to[0] = (uint8_t)((0xF00 >> bytes & 0xFF) | code);
    return bytes;
}

FE_INLINE void cut_wide(const fe_document *document, const fe_cut *how, int width, fe_words *words)
{
    int mask = how->spaced ? FE_CLASS_SPACE : FE_CLASS_WORD, inside = how->spaced ? 0 : FE_CLASS_WORD;
    int64_t at = 1, start = 1, characters = 0;
    for (int64_t k = 0; k <= document->length; k++) {
        uint32_t code = k < document->length ? code_at(document, k, width) : ' ';
        if ((how->classes[code] & mask) == inside) {
            at += put(words->text + at, how->lowercase ? how->lower[code] : code);
            characters++;
        } else if (characters) {
            if (characters >= how->shortest) {
                words->text[at++] = ' ';
                words->starts[words->count++] = (uint32_t)start;
                start = at;
            }
            at = start;
            characters = 0;
        }
    }
    words->starts[words->count] = (uint32_t)at;
}

void fe_cut_words(const fe_document *document, const fe_cut *how, uint8_t *room, fe_words *words)
{
    words->count = 0;
    words->text[0] = ' ';
    if (document->ascii)
        cut_ascii(document, how, room, words);
    else if (document->width == 1)
        cut_wide(document, how, 1, words);
    else if (document->width == 2)
        cut_wide(document, how, 2, words);
    else
        cut_wide(document, how, 4, words);
}

/* ---- characters ---- */

static int is_space(const fe_cut *how, const fe_document *document, uint32_t code)
{
    if (document->ascii)
        return code == ' ' || (code >= 9 && code <= 13) || (code >= 28 && code <= 31);
    return how->classes[code] & FE_CLASS_SPACE;
}

static uint32_t lowered(const fe_cut *how, const fe_document *document, uint32_t code)
{
    if (!how->lowercase)
        return code;
    return document->ascii ? code + (code >= 'A' && code <= 'Z' ? 32 : 0) : how->lower[code];
}

void fe_cut_chars(const fe_document *document, const fe_cut *how, fe_words *chars)
{
    int64_t at = 0, run = 0; /* run: characters of white space just before */
    chars->count = 0;
    for (int64_t k = 0; k < document->length; k++) {
        uint32_t code = code_at(document, k, document->width);
        run = is_space(how, document, code) ? run + 1 : 0;
        if (run > 1) {
            at = chars->starts[chars->count - 1]; /* one space for the whole run */
            chars->text[at++] = ' ';
        } else {
            chars->starts[chars->count++] = (uint32_t)at;
            at += put(chars->text + at, lowered(how, document, code));
        }
    }
    chars->starts[chars->count] = (uint32_t)at;
}

void fe_chars_of_words(const fe_words *words, fe_words *chars)
{
    int64_t bytes = words->starts[words->count];
    chars->text = words->text;
    chars->count = 0;
    for (int64_t at = 0; at < bytes; at++)
        if ((words->text[at] & 0xC0) != 0x80)
            chars->starts[chars->count++] = (uint32_t)at;
    chars->starts[chars->count] = (uint32_t)bytes;
}

void fe_words_drop(fe_words *words, const int32_t *ids)
{
    int64_t kept = 0, at = 1;
    for (int64_t k = 0; k < words->count; k++) {
        int64_t start = words->starts[k], bytes = words->starts[k + 1] - start;
        if (ids[k] >= 0)
            continue;
        memmove(words->text + at, words->text + start, (size_t)bytes);
        words->starts[kept++] = (uint32_t)at;
        at += bytes;
    }
    words->starts[kept] = (uint32_t)at;
    words->count = kept;
}
