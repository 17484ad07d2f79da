#include "greet.h"

#include <stdio.h>

static const char *const words[] = {"Hello", "Hej", "Bonjour", "Moin", "Dia dhuit"};

size_t greet_languages(void)
{
    return sizeof words / sizeof *words;
}

const char *greet_word(size_t language)
{
    return language < greet_languages() ? words[language] : NULL;
}

int greet_compose(char *buffer, size_t size, size_t language, const char *name)
{
    const char *word = greet_word(language);
    if (word == NULL || name == NULL)
        return -1;
    int length = snprintf(buffer, size, "%s, %s!", word, name);
    return length >= 0 && (size_t)length < size ? length : -1;
}
