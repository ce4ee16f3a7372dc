"""Text and binary rows of word vectors: parsing, formatting, and finding repeated words (csrc/decimal.h).

A text row is ``word SP number SP ... number [SP] NL``. A file is cut into chunks at line ends; threads take chunks.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from fastembed._core.job cimport Job, fe_job_add, fe_job_take

cdef extern from "decimal.h" nogil:
    int FE_DECIMAL_MAX
    const uint8_t *fe_parse_float(const uint8_t *text, const uint8_t *end, char point, float *out)
    int fe_format_float(float x, char *out)

NUMBER_BYTES = FE_DECIMAL_MAX + 1  # a formatted number and its separator never take more

# What is wrong with a row; fastembed.io words the messages.
cpdef enum:
    FINE = 0
    NO_WORD = 1
    FEW_COLUMNS = 2
    BAD_NUMBER = 3
    MANY_COLUMNS = 4
    CUT = 5
    NEWLINE = 6


cdef inline bint blank(uint8_t c) noexcept nogil:
    return c == 32 or c == 9 or c == 13  # space, tab, carriage return


def count_lines(Job job, const uint8_t[::1] data, const int64_t[::1] bounds, int64_t[::1] lines):
    """data (N,), bounds (chunks+1,)  # in;  lines (chunks,)  # out: newlines in each chunk."""
    cdef int64_t chunk
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            lines[chunk] = newlines(&data[0] + bounds[chunk], &data[0] + bounds[chunk + 1])


cdef int64_t newlines(const uint8_t *p, const uint8_t *end) noexcept nogil:
    cdef int64_t count = 0
    while p < end:
        p = <const uint8_t *> memchr(p, 10, end - p)
        if p == NULL:
            break
        count += 1
        p += 1
    return count


cdef int numbers(const uint8_t *p, const uint8_t *end, char point, float *row, int64_t dim) noexcept nogil:
    """Exactly ``dim`` numbers, each after a blank, up to ``end``."""
    cdef int64_t d
    cdef const uint8_t *stop
    for d in range(dim):
        while p < end and blank(p[0]):
            p += 1
        if p == end:
            return FEW_COLUMNS
        stop = fe_parse_float(p, end, point, row + d)
        if stop == NULL or (stop < end and not blank(stop[0])):
            return BAD_NUMBER
        p = stop
    while p < end and blank(p[0]):
        p += 1
    return FINE if p == end else MANY_COLUMNS


cdef const uint8_t *last_columns(const uint8_t *begin, const uint8_t *end, int64_t dim) noexcept nogil:
    """Where the word ends if the last ``dim`` columns are the numbers, or NULL."""
    cdef const uint8_t *p = end
    cdef int64_t _column
    while p > begin and blank((p - 1)[0]):
        p -= 1
    for _column in range(dim):
        while p > begin and not blank((p - 1)[0]):
            p -= 1
        while p > begin and blank((p - 1)[0]):
            p -= 1
    return p if p > begin else NULL


cdef struct Layout:
    int64_t dim
    char point   # decimal point of the locale, for strtof
    bint spaces  # words may hold spaces: the numbers are the last columns


cdef int text_row(
    const uint8_t *p, const uint8_t *end, const Layout *layout, float *row, const uint8_t **word_end
) noexcept nogil:
    """One line [p, end) without its newline; row (D,)  # out."""
    cdef const uint8_t *q = p
    cdef int status
    while q < end and not blank(q[0]):
        q += 1
    if q == p:
        return NO_WORD
    word_end[0] = q
    status = numbers(q, end, layout.point, row, layout.dim)
    if status != FINE and status != FEW_COLUMNS and layout.spaces:
        q = last_columns(p, end, layout.dim)
        if q == NULL:
            return FEW_COLUMNS
        word_end[0] = q
        return numbers(q, end, layout.point, row, layout.dim)
    return status


def parse_text(
    Job job, const uint8_t[::1] data, const int64_t[::1] bounds, const int64_t[::1] first_row,
    float[:, ::1] rows, int64_t[:, ::1] words, int64_t[:, ::1] errors, tuple layout,
):
    """Parse the lines of each chunk.

    data (N,), bounds (chunks+1,), first_row (chunks,)  # in
    rows (V, D), words (V, 2) byte spans, errors (chunks, 2): status and row of a chunk's first bad line  # out
    layout: (decimal point's code, words may hold spaces)
    """
    cdef Layout how
    cdef int64_t chunk
    how.dim = rows.shape[1]
    how.point = layout[0]
    how.spaces = layout[1]
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            parse_chunk(data, bounds[chunk], bounds[chunk + 1], first_row[chunk], rows, words, &errors[chunk, 0], &how)
            fe_job_add(&job.c, bounds[chunk + 1] - bounds[chunk])


cdef void parse_chunk(
    const uint8_t[::1] data, int64_t begin, int64_t end, int64_t row,
    float[:, ::1] rows, int64_t[:, ::1] words, int64_t *error, const Layout *how
) noexcept nogil:
    cdef const uint8_t *base = &data[0]
    cdef const uint8_t *p = base + begin
    cdef const uint8_t *stop = base + end
    cdef const uint8_t *eol
    cdef const uint8_t *word_end = NULL
    cdef int status
    while p < stop:
        eol = <const uint8_t *> memchr(p, 10, stop - p)
        if eol == NULL:
            return  # the caller has counted the newlines, so this cannot be reached
        status = text_row(p, eol, how, &rows[row, 0], &word_end)
        if status != FINE:
            error[0] = status
            error[1] = row
            return
        words[row, 0] = p - base
        words[row, 1] = word_end - base
        row += 1
        p = eol + 1


def parse_binary(const uint8_t[::1] data, int64_t begin, float[:, ::1] rows, int64_t[:, ::1] words):
    """word2vec's binary rows: ``word SP D floats [NL]`` from byte ``begin``.

    data (N,)  # in;  rows (V, D), words (V, 2) byte spans  # out
    Returns (status, row, byte): where it ended, with status 0, or where it failed.
    """
    cdef const uint8_t *base = &data[0]
    cdef const uint8_t *p = base + begin
    cdef const uint8_t *end = base + data.shape[0]
    cdef const uint8_t *space
    cdef int64_t row = 0, count = rows.shape[0], ended = 0
    cdef int64_t width = 4 * rows.shape[1]
    cdef int status = FINE
    with nogil:
        while row < count:
            space = <const uint8_t *> memchr(p, 32, end - p) if p < end else NULL
            if space == NULL or end - space - 1 < width:
                status = CUT
            elif space == p:
                status = NO_WORD
            elif memchr(p, 10, space - p) != NULL:
                status = NEWLINE
            if status != FINE:
                break
            words[row, 0] = p - base
            words[row, 1] = space - base
            memcpy(&rows[row, 0], space + 1, width)
            p = space + 1 + width
            if p < end and p[0] == 10:  # word2vec.c ends rows with a newline, gensim does not
                p += 1
                ended += 1
            row += 1
        if status == FINE and ended != 0 and ended != count:
            status = CUT
    return status, row, p - base


def format_binary(const float[:, :] rows, const uint8_t[::1] blob, const int64_t[::1] offsets, uint8_t[::1] out):
    """word2vec's binary rows, ``word SP D floats NL``, in the byte order of the machine.

    rows (n, D), blob and offsets (n+1,) of their words  # in;  out (bytes of all rows,)  # out
    """
    cdef int64_t row, d, length
    cdef uint8_t *p = &out[0]
    with nogil:
        for row in range(rows.shape[0]):
            length = offsets[row + 1] - offsets[row]
            memcpy(p, &blob[0] + offsets[row], length)
            p[length] = 32
            p += length + 1
            for d in range(rows.shape[1]):
                memcpy(p, &rows[row, d], 4)
                p += 4
            p[0] = 10
            p += 1


def gather(const uint8_t[::1] data, const int64_t[:, ::1] words, const int64_t[::1] offsets, uint8_t[::1] blob):
    """Copy the spans words (V, 2) of data to blob at offsets (V+1,)."""
    cdef int64_t row
    with nogil:
        for row in range(words.shape[0]):
            memcpy(&blob[0] + offsets[row], &data[0] + words[row, 0], words[row, 1] - words[row, 0])


cdef inline uint64_t mix(uint64_t h, uint64_t factor) noexcept nogil:
    h *= factor
    return h ^ (h >> 29)


cdef uint64_t hash_word(const uint8_t *p, int64_t length, uint64_t seed, uint64_t factor) noexcept nogil:
    cdef uint64_t h = seed ^ <uint64_t> length
    cdef uint64_t piece
    while length >= 8:
        memcpy(&piece, p, 8)
        h = mix(h ^ piece, factor)
        p += 8
        length -= 8
    piece = 0
    memcpy(&piece, p, length)
    return mix(mix(h ^ piece, factor), factor)


def mark_repeats(
    const uint8_t[::1] blob, const int64_t[::1] offsets, int32_t[::1] table, uint8_t[::1] repeated,
    uint64_t seed, uint64_t factor,
):
    """Set repeated[v] where word v has come before; returns how many have.

    blob, offsets (V+1,)  # in;  table (2^k >= 2V,) filled with -1: scratch;  repeated (V,)  # out
    seed and the odd factor are drawn anew for every file, so that no file can be made to collide.
    """
    cdef int64_t row, other, length, count = 0, words = offsets.shape[0] - 1
    cdef uint64_t mask = table.shape[0] - 1, slot
    cdef const uint8_t *base = &blob[0]
    with nogil:
        for row in range(words):
            length = offsets[row + 1] - offsets[row]
            slot = hash_word(base + offsets[row], length, seed, factor) & mask
            while table[slot] >= 0:
                other = table[slot]
                if (offsets[other + 1] - offsets[other] == length
                        and memcmp(base + offsets[other], base + offsets[row], length) == 0):
                    repeated[row] = 1
                    count += 1
                    break
                slot = (slot + 1) & mask
            else:
                table[slot] = row
    return count


def format_rows(
    Job job, const float[:, :] rows, const uint8_t[::1] blob, const int64_t[::1] offsets,
    uint8_t[::1] out, const int64_t[:, ::1] spans, int64_t[::1] ends,
):
    """Write text rows: chunk k formats rows spans[k, 0]..spans[k, 1] at out[spans[k, 2]:].

    rows (n, D), blob and offsets (n+1,) of their words  # in
    out, ends (chunks,): where each chunk's text ends  # out
    Without words (an empty blob) a row is its numbers, separated by tabs.
    """
    cdef int64_t chunk, row, d, length
    cdef char *p
    cdef bint named = blob.shape[0] > 0
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            p = <char *> &out[0] + spans[chunk, 2]
            for row in range(spans[chunk, 0], spans[chunk, 1]):
                if named:
                    length = offsets[row + 1] - offsets[row]
                    memcpy(p, &blob[0] + offsets[row], length)
                    p += length
                for d in range(rows.shape[1]):
                    if named or d:
                        p[0] = 32 if named else 9
                        p += 1
                    p += fe_format_float(rows[row, d], p)
                p[0] = 10
                p += 1
            ends[chunk] = p - <char *> &out[0]


def parse_float(bytes text, char point=b"."):
    """One number as a float, or None: for tests."""
    cdef float value = 0  # some compilers do not see that it is set where it counts
    cdef const uint8_t *begin = text
    cdef const uint8_t *end = begin + len(text)
    return value if fe_parse_float(begin, end, point, &value) == end and len(text) else None


def format_float(float value):
    """One finite number as text: for tests."""
    cdef char text[32]
    return text[:fe_format_float(value, text)]
