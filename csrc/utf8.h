/* UTF-8: walking over characters, finding and replacing what is not valid. */
#ifndef FE_UTF8_H
#define FE_UTF8_H

#include "fe.h"

/* Bytes of the character at `at` (1..4); if it is not valid, minus the length of the piece to replace by one U+FFFD
 * (the "maximal subpart" of the Unicode standard, chapter 3.9, which is also what Python's decoder replaces). */
static inline int fe_utf8_step(const uint8_t *at, const uint8_t *end)
{
    uint8_t lead = at[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return -1;
    int length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (int k = 1; k < length; k++) {
        if (at + k == end || at[k] < low || at[k] > high)
            return -k;
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

/* Index of the first byte that is not valid UTF-8 or is NUL, or -1. */
static inline int64_t fe_utf8_bad(const uint8_t *text, int64_t bytes)
{
    const uint8_t *at = text, *end = text + bytes;
    while (at < end) {
        int step = fe_utf8_step(at, end);
        if (step < 0 || *at == 0)
            return at - text;
        at += step;
    }
    return -1;
}

/* Copy with U+FFFD in place of every invalid piece and every NUL. `out` holds 3 * bytes; returns its length and adds
 * the number of replacements to *replaced. */
static inline int64_t fe_utf8_repair(const uint8_t *text, int64_t bytes, uint8_t *out, int64_t *replaced)
{
    const uint8_t *at = text, *end = text + bytes;
    uint8_t *to = out;
    while (at < end) {
        int step = fe_utf8_step(at, end);
        if (step < 0 || *at == 0) {
            *to++ = 0xEF;
            *to++ = 0xBF;
            *to++ = 0xBD;
            ++*replaced;
            at += step < 0 ? -step : 1;
        } else {
            while (step--)
                *to++ = *at++;
        }
    }
    return to - out;
}

#endif
