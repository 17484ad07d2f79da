#include "greet.h"

#include <stdio.h>
#include <string.h>

int main(void)
{
    char buffer[64];
    if (greet_compose(buffer, sizeof buffer, 0, "world") != 13 || strcmp(buffer, "Hello, world!") != 0)
        return fprintf(stderr, "FAILED: composed %s\n", buffer), 1;
    if (greet_compose(buffer, 4, 0, "world") != -1)
        return fprintf(stderr, "FAILED: a small buffer was overrun\n"), 1;
    if (greet_word(greet_languages()) != NULL)
        return fprintf(stderr, "FAILED: an unknown language has a word\n"), 1;
    puts("all is well");
    return 0;
}
