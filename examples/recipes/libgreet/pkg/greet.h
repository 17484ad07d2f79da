/* Words of welcome. */
#ifndef GREET_H
#define GREET_H

#include <stddef.h>

/* How many languages are known. */
size_t greet_languages(void);

/* The word of welcome in a language, 0 up to greet_languages() - 1; NULL beyond. */
const char *greet_word(size_t language);

/* Writes a whole greeting for somebody into a buffer; gives its length, or -1 where the buffer is too small. */
int greet_compose(char *buffer, size_t size, size_t language, const char *name);

#endif
