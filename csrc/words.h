/* Cutting a document into words or characters.
 *
 * Whatever the document looks like, what comes out has one form, in which every n-gram is one piece of memory: words
 * lie one space apart, characters side by side. So a map from strings to ids is all that counting needs.
 */
#ifndef FE_WORDS_H
#define FE_WORDS_H

#include "fe.h"

#define FE_WORDS_PAD 64     /* bytes behind every text here that can be read and written */
#define FE_CODES 0x110000   /* Unicode's characters */
#define FE_CLASS_WORD 1     /* a letter, digit or underscore: \w of regular expressions */
#define FE_CLASS_SPACE 2    /* white space: \s */

/* A document as Python holds it: `length` characters of `width` bytes (1: Latin-1); ascii: all below 128. */
typedef struct fe_document {
    const void *at;
    int64_t length;
    int width, ascii;
} fe_document;

typedef struct fe_cut {
    int spaced;             /* words are what white space separates; else runs of word characters */
    int shortest;           /* words of fewer characters are left out */
    int lowercase;          /* one character to one, as the table says; for ASCII without the table */
    const uint8_t *classes; /* (FE_CODES,) bits of each character; not read for ASCII documents */
    const uint32_t *lower;  /* (FE_CODES,) */
} fe_cut;

/* text: a space, then every word with a space behind it; word k is text[starts[k] .. starts[k + 1] - 1).
 * Of characters (fe_cut_chars): character k is text[starts[k] .. starts[k + 1]). */
typedef struct fe_words {
    uint8_t *text;    /* room for 4 (length + 2) bytes, or length + 2 of an ASCII document, and FE_WORDS_PAD */
    uint32_t *starts; /* room for length + 3 */
    int64_t count;
} fe_words;

/* Words of a document. `room` (length + FE_WORDS_PAD,) is scratch for ASCII documents. */
void fe_cut_words(const fe_document *document, const fe_cut *how, uint8_t *room, fe_words *words);

/* Characters of a document; two or more characters of white space in a row become one space. */
void fe_cut_chars(const fe_document *document, const fe_cut *how, fe_words *chars);

/* Characters of words, the space before the first and after each among them: starts of chars, over the words' text. */
void fe_chars_of_words(const fe_words *words, fe_words *chars);

/* Leave out the words whose number in ids (count,) is not negative. */
void fe_words_drop(fe_words *words, const int32_t *ids);

#endif
