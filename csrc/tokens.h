/* Cutting text into words and sentences. */
#ifndef FE_TOKENS_H
#define FE_TOKENS_H

#include "strmap.h"

/* What separates words. FE_TEXT: ASCII whitespace (space, tab, newline, vertical tab, form feed, carriage return),
 * and newline ends a sentence. FE_LISTS: the bytes 0xFF and 0xFE, which UTF-8 never uses; 0xFE ends a sentence, and
 * everything between them is a word, spaces included. */
typedef enum fe_separators { FE_TEXT = 0, FE_LISTS = 1 } fe_separators;

#define FE_TEXT_PAD 64 /* bytes behind a text that must be writable */

typedef struct fe_encoded {
    int64_t tokens;    /* ids written */
    int64_t sentences; /* ends written */
    int64_t dropped;   /* words longer than the limit */
} fe_encoded;

/* Words of text (bytes,), which ends with a separator or at the end of a word, into ids (bytes/2 + 1,), and where
 * sentences end into ends (bytes/2 + 2,): ends[k] ids lie before the k-th end; ends that repeat are written once.
 * Words longer than `limit` bytes are left out. FE_TEXT_PAD bytes behind the text are overwritten. */
fe_status fe_encode(fe_strmap *map, uint8_t *text, int64_t bytes, fe_separators separators, int64_t limit, int32_t *ids,
                    int32_t *ends, fe_encoded *result);

/* Texts [first, last) of those that lie anywhere: text k has ends[k + 1] - ends[k] bytes from the address at[k] on. */
typedef struct fe_texts {
    const int64_t *at, *ends;
    int64_t first, last;
} fe_texts;

/* Words of texts between white space, looked up: ids, -1 for unknown ones, of text after text; counts (last - first,)
 * says how many words each has. Returns how many there are: of a text half as many as bytes, and one more, at most. In
 * `room` is room for the longest text and FE_TEXT_PAD. Threads can share the map. */
int64_t fe_find_words(const fe_strmap *map, const fe_texts *texts, uint8_t *room, int32_t *ids, int64_t *counts);

/* Index of the last / first separator, or -1. */
int64_t fe_last_separator(const uint8_t *text, int64_t bytes, fe_separators separators);
int64_t fe_first_separator(const uint8_t *text, int64_t bytes, fe_separators separators);

#endif
