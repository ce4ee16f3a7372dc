"""Lines of ARPA files, ``log10(prob) TAB word SP ... word [TAB log10(backoff)] NL``: parsed and formatted."""

from fastembed._core.encode cimport WordMap, fe_token, fe_token_padded
from fastembed._core.job cimport Job, fe_job_add, fe_job_take
from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memchr, memcpy


cdef extern from "decimal.h" nogil:
    int FE_DECIMAL_MAX
    const uint8_t *fe_parse_float(const uint8_t *text, const uint8_t *end, char point, float *out)
    int fe_format_float(float x, char *out)

LINE_BYTES = 2 * (FE_DECIMAL_MAX + 1) + 1  # of a formatted line besides its words and what follows each

# What is wrong with a line; fastembed.io words the messages.
cpdef enum:
    FINE = 0
    BAD_NUMBER = 1
    FEW_WORDS = 2
    UNKNOWN_WORD = 3
    MANY_COLUMNS = 4
    ABOVE_ONE = 5
    BACKOFF_ABOVE_ONE = 6


cdef enum:
    TOKENS = 64  # words that are looked up together


cdef struct Line:
    int order
    char point
    const uint8_t *data
    const uint8_t *last  # bytes from here on cannot be read 16 at a time


cdef inline bint blank(uint8_t c) noexcept nogil:
    return c == 32 or c == 9 or c == 13


cdef inline const uint8_t *after_blanks(const uint8_t *p, const uint8_t *end) noexcept nogil:
    while p < end and blank(p[0]):
        p += 1
    return p


cdef inline fe_token token_of(const Line *how, WordMap words, const uint8_t *at, int64_t bytes) noexcept nogil:
    cdef uint8_t[32] copy  # more than is read: the compiler cannot see that longer words are not copied
    if bytes <= 16 and at >= how.last:
        memcpy(copy, at, bytes)
        return fe_token_padded(&words.map, copy, bytes)
    return fe_token_padded(&words.map, at, bytes)


cdef int parse_line(const Line *how, WordMap words, const uint8_t *p, const uint8_t *end, fe_token *tokens,
                    int64_t *place, float *logs) noexcept nogil:
    """One line without its end: tokens (order,), or for single words their place in the file; logs (2,)."""
    cdef const uint8_t *begin
    cdef int k
    p = fe_parse_float(after_blanks(p, end), end, how.point, &logs[0])
    if p == NULL or p == end or not blank(p[0]) or not isfinite(logs[0]):
        return BAD_NUMBER
    if logs[0] > 0:
        return ABOVE_ONE
    for k in range(how.order):
        begin = after_blanks(p, end)
        p = begin
        while p < end and not blank(p[0]):
            p += 1
        if p == begin:
            return FEW_WORDS
        if how.order == 1:
            place[0], place[1] = begin - how.data, p - how.data
        else:
            tokens[k] = token_of(how, words, begin, p - begin)
    p = after_blanks(p, end)
    logs[1] = 0
    if p < end:
        p = fe_parse_float(p, end, how.point, &logs[1])
        if p == NULL or not isfinite(logs[1]):
            return BAD_NUMBER
        if after_blanks(p, end) < end:
            return MANY_COLUMNS
    return BACKOFF_ABOVE_ONE if logs[1] > 0 else FINE


cdef int64_t unknown(WordMap words, const fe_token *tokens, int64_t n, int order, int32_t *ids) noexcept nogil:
    """ids (n, order) of tokens (n, order); the first row with a word that there is not, or n."""
    cdef int64_t k
    words.find(tokens, <int>(n * order), ids)
    for k in range(n * order):
        if ids[k] < 0:
            return k // order
    return n


cdef int64_t parse_lines(const Line *how, WordMap words, const uint8_t *p, const uint8_t *stop, int32_t *ids,
                         int64_t *places, float *logs, int *status) noexcept nogil:
    """Lines [p, stop); how many are fine, and the status of the one behind them."""
    cdef fe_token[TOKENS] tokens
    cdef int64_t row = 0, first = 0, most = TOKENS // how.order, found
    cdef const uint8_t *end
    status[0] = FINE
    while p < stop and status[0] == FINE:
        end = <const uint8_t *>memchr(p, 10, stop - p)
        end = stop if end == NULL else end
        status[0] = parse_line(how, words, p, end, &tokens[(row - first) * how.order], places, &logs[2 * row])
        row += status[0] == FINE
        p = end + 1
        if how.order == 1:
            places += 2
            first = row
        elif row - first == most or status[0] != FINE or p >= stop:
            found = unknown(words, tokens, row - first, how.order, &ids[first * how.order])
            if found < row - first:
                status[0] = UNKNOWN_WORD
                return first + found
            first = row
    return row


def lines(const uint8_t[::1] data, int64_t begin, int64_t stop):
    """Lines from ``begin`` on, before one that begins with a backslash, until one that ends at ``stop`` or behind it.

    Returns where they end, how many they are; where the last one that is not empty ends, which of them it is from 1.
    """
    cdef const uint8_t *p = &data[0] + begin
    cdef const uint8_t *last = &data[0] + data.shape[0]
    cdef const uint8_t *end
    cdef const uint8_t *filled = p
    cdef int64_t count = 0, kept = 0
    with nogil:
        while p < &data[0] + stop and p[0] != 92:
            end = <const uint8_t *>memchr(p, 10, last - p)
            end = last if end == NULL else end
            count += end < last
            if after_blanks(p, end) < end:
                filled, kept = end + (end < last), count
            p = end + (end < last)
    return p - &data[0], count, filled - &data[0], kept


def parse(Job job, const uint8_t[::1] data, const int64_t[::1] bounds, const int64_t[::1] first_row, WordMap words,
          int32_t[:, ::1] ids, int64_t[:, ::1] places, float[:, ::1] logs, int64_t[:, ::1] errors, char point):
    """Parse the lines of one order; chunk k is the whole lines data[bounds[k]:bounds[k + 1]], from row first_row[k].

    ids (n, order), logs (n, 2), for single words places (n, 2) of begin and end, else (0, 2)  # out
    errors (C, 2) : status and row of a chunk's first bad line  # out
    """
    cdef int64_t chunk, row
    cdef int status
    cdef Line how
    how.order, how.point = ids.shape[1], point
    how.data, how.last = &data[0], &data[0] + data.shape[0] - 16
    with nogil:
        chunk = fe_job_take(&job.c)
        while chunk >= 0:
            row = first_row[chunk]
            row += parse_lines(&how, words, &data[0] + bounds[chunk], &data[0] + bounds[chunk + 1], &ids[row, 0],
                               &places[row, 0] if how.order == 1 else NULL, &logs[row, 0], &status)
            errors[chunk, 0], errors[chunk, 1] = status, row
            fe_job_add(&job.c, bounds[chunk + 1] - bounds[chunk])
            chunk = fe_job_take(&job.c)


def format(const int32_t[:, ::1] ids, const float[:, ::1] logs, const uint8_t[::1] blob, const int64_t[::1] offsets,
           uint8_t[::1] out):
    """Write the lines of n-grams ids (n, order) with logs (n, 1 or 2) to out; returns the bytes written.

    blob, offsets : of the vocabulary. A back-off weight of 0 is left out; minus infinity becomes -99.
    """
    cdef int64_t row, k, length
    cdef char *p = <char *>&out[0]
    with nogil:
        for row in range(ids.shape[0]):
            p += write_log(logs[row, 0], p)
            for k in range(ids.shape[1]):
                p[0] = 32 if k else 9
                length = offsets[ids[row, k] + 1] - offsets[ids[row, k]]
                memcpy(p + 1, &blob[0] + offsets[ids[row, k]], length)
                p += 1 + length
            if logs.shape[1] > 1 and logs[row, 1] != 0:
                p[0] = 9
                p += 1 + write_log(logs[row, 1], p + 1)
            p[0] = 10
            p += 1
    return p - <char *>&out[0]


cdef inline int write_log(float value, char *out) noexcept nogil:
    if isfinite(value):
        return fe_format_float(value, out)
    memcpy(out, b"-99", 3)
    return 3
