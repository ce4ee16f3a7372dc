from libc.stdint cimport int64_t, uint8_t


cdef object utf8(str text, const uint8_t **at, int64_t *length)
