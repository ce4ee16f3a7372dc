/* Decimal text <-> float, correctly rounded, for text files of vectors.
 *
 * Reading. A decimal is w * 10^e with an integer w. If w < 2^53 and |e| <= 22, both w and 10^|e| are exact doubles, so
 * one multiplication or division gives the nearest double (W. Clinger, How to read floating point numbers accurately,
 * PLDI 1990). Rounding that to float is right too, unless the double lies exactly between two floats, where the
 * part lost in the first rounding would have decided. That case, and numbers out of the range, go to strtof.
 *
 * Writing. Nine digits identify every float. In double, x * 10^k has a relative error of about 2^-52 while half the
 * distance between two floats is at least 2^-25 relative, so a candidate with fewer digits can be judged in
 * double: it reads back as x if it is nearer to x than that half distance.
 */
#ifndef FE_DECIMAL_H
#define FE_DECIMAL_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fe.h"

enum { FE_DECIMAL_MAX = 20 };   /* bytes that fe_format_float may write */
enum { FE_DECIMAL_TOKEN = 127 }; /* the longest number that the slow path takes */

static const double fe_ten[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* 10^-30 .. 10^53 */
static const double fe_scale[84] = {
    1e-30, 1e-29, 1e-28, 1e-27, 1e-26, 1e-25, 1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17,
    1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9,  1e-8,  1e-7,  1e-6,  1e-5,  1e-4,  1e-3,
    1e-2,  1e-1,  1e0,   1e1,   1e2,   1e3,   1e4,   1e5,   1e6,   1e7,   1e8,   1e9,   1e10,  1e11,
    1e12,  1e13,  1e14,  1e15,  1e16,  1e17,  1e18,  1e19,  1e20,  1e21,  1e22,  1e23,  1e24,  1e25,
    1e26,  1e27,  1e28,  1e29,  1e30,  1e31,  1e32,  1e33,  1e34,  1e35,  1e36,  1e37,  1e38,  1e39,
    1e40,  1e41,  1e42,  1e43,  1e44,  1e45,  1e46,  1e47,  1e48,  1e49,  1e50,  1e51,  1e52,  1e53};

/* Eight digits at once: subtract '0' from every byte, then add neighbours by pairs, fours and eights. */
FE_INLINE int fe_eight_digits(const uint8_t *text, uint64_t *value)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t v;
    memcpy(&v, text, 8);
    if (((v & 0xF0F0F0F0F0F0F0F0u) | (((v + 0x0606060606060606u) & 0xF0F0F0F0F0F0F0F0u) >> 4)) != 0x3333333333333333u)
        return 0;
    v -= 0x3030303030303030u;
    v = v * 10 + (v >> 8);
    *value = ((v & 0x000000FF000000FFu) * 0x000F424000000064u + ((v >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u) >> 32;
    return 1;
#else
    (void)text, (void)value;
    return 0;
#endif
}

FE_INLINE const uint8_t *fe_digits(const uint8_t *p, const uint8_t *end, uint64_t *w)
{
    uint64_t eight;
    while (end - p >= 8 && fe_eight_digits(p, &eight)) {
        *w = *w * 100000000u + eight;
        p += 8;
    }
    for (; p < end && (unsigned)(*p - '0') < 10; p++)
        *w = *w * 10 + (unsigned)(*p - '0');
    return p;
}

/* text (length,): a number already checked by fe_parse_float; point: the decimal point of this process's locale */
static const uint8_t *fe_parse_slow(const uint8_t *text, const uint8_t *end, char point, float *out)
{
    char copy[FE_DECIMAL_TOKEN + 1];
    size_t length = (size_t)(end - text);
    if (length > FE_DECIMAL_TOKEN)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    char *dot = strchr(copy, '.');
    if (dot != NULL)
        *dot = point;
    char *stop;
    *out = strtof(copy, &stop);
    return stop == copy + length && isfinite(*out) ? end : NULL;
}

/* Reads [+-]digits[.digits][(e|E)[+-]digits] at `text`; returns where it ends, or NULL if there is no such number or it
 * is no finite float. */
FE_INLINE const uint8_t *fe_parse_float(const uint8_t *text, const uint8_t *end, char point, float *out)
{
    const uint8_t *p = text;
    int negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    uint64_t w = 0;
    const uint8_t *first = p;
    p = fe_digits(p, end, &w);
    ptrdiff_t digits = p - first, exponent = 0;
    if (p < end && *p == '.') {
        first = ++p;
        p = fe_digits(p, end, &w);
        digits += p - first;
        exponent = first - p;
    }
    if (digits == 0)
        return NULL;
    if (p < end && (*p | 0x20) == 'e') {
        int minus = ++p < end && *p == '-', e = 0;
        if (p < end && (*p == '-' || *p == '+'))
            p++;
        if (p == end || (unsigned)(*p - '0') >= 10)
            return NULL;
        for (; p < end && (unsigned)(*p - '0') < 10; p++)
            e = e < 10000 ? e * 10 + (*p - '0') : e;
        exponent += minus ? -e : e;
    }
    if (digits > 19 || w > (uint64_t)1 << 53 || exponent < -22 || exponent > 22)
        return fe_parse_slow(text, p, point, out);
    double value = exponent < 0 ? (double)w / fe_ten[-exponent] : (double)w * fe_ten[exponent];
    uint64_t bits;
    memcpy(&bits, &value, 8);
    if (FE_UNLIKELY((bits & 0x1FFFFFFF) == 0x10000000)) /* between two floats */
        return fe_parse_slow(text, p, point, out);
    *out = (float)(negative ? -value : value);
    return p;
}

/* The fewest digits m and the exponent k with m * 10^k nearer to x > 0 than to any other float. */
FE_INLINE uint32_t fe_shortest(float x, int *exponent)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    int field = (int)(bits >> 23 & 0xFF), e2 = field ? field : 1;
    double value = x, half;
    uint64_t half_bits = (uint64_t)(e2 - 151 + 1023 - (field > 1 && (bits & 0x7FFFFF) == 0)) << 52, value_bits;
    memcpy(&half, &half_bits, 8);
    memcpy(&value_bits, &value, 8);
    int log2 = (int)(value_bits >> 52) - 1023;
    int log10 = (int)floor(log2 * 0.30102999566398120); /* of 2^log2, so at most one too small */
    double nine = value * fe_scale[8 - log10 + 30];
    if (nine >= 999999999.5) {
        log10++;
        nine = value * fe_scale[8 - log10 + 30];
    }
    double limit = half * fe_scale[8 - log10 + 30] * 0.999999;
    uint32_t best = (uint32_t)(nine + 0.5);
    int dropped = 0;
    for (int k = 1; k < 9; k++) {
        uint32_t shorter = (uint32_t)(nine * fe_scale[30 - k] + 0.5);
        if (fabs(shorter * fe_ten[k] - nine) >= limit)
            break;
        best = shorter;
        dropped = k;
    }
    while (best % 10 == 0) {
        best /= 10;
        dropped++;
    }
    *exponent = dropped + log10 - 8;
    return best;
}

/* Writes a finite float with the fewest digits that read back to it, as 0.00123, 12.5 or 1.5e-07; returns the number of
 * bytes, at most FE_DECIMAL_MAX. */
FE_INLINE int fe_format_float(float x, char *out)
{
    char *p = out, text[12];
    if (signbit(x)) {
        *p++ = '-';
        x = -x;
    }
    if (x == 0) {
        *p++ = '0';
        return (int)(p - out);
    }
    int exponent, count = 0;
    uint32_t m = fe_shortest(x, &exponent);
    for (; m; m /= 10)
        text[11 - count++] = (char)('0' + m % 10);
    const char *digit = text + 12 - count;
    int point = count + exponent; /* digits before the decimal point */
    if (point <= -5 || point > 15) {
        *p++ = digit[0];
        if (count > 1) {
            *p++ = '.';
            memcpy(p, digit + 1, (size_t)count - 1);
            p += count - 1;
        }
        int e = point - 1;
        *p++ = 'e';
        *p++ = e < 0 ? '-' : '+';
        e = e < 0 ? -e : e;
        *p++ = (char)('0' + e / 10);
        *p++ = (char)('0' + e % 10);
    } else if (point <= 0) {
        memcpy(p, "0.0000", (size_t)(2 - point));
        p += 2 - point;
        memcpy(p, digit, (size_t)count);
        p += count;
    } else {
        for (int k = 0; k < count || k < point; k++) {
            if (k == point)
                *p++ = '.';
            *p++ = k < count ? digit[k] : '0';
        }
    }
    return (int)(p - out);
}

#endif
