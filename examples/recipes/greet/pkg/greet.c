#include <greet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name to greet where none is given stands in the data package; without it the world will do. */
static const char *whom(char *buffer, int size)
{
    FILE *file = fopen("/usr/share/greet/whom", "r");
    if (file == NULL)
        return "world";
    const char *line = fgets(buffer, size, file);
    fclose(file);
    if (line == NULL)
        return "world";
    buffer[strcspn(buffer, "\n")] = '\0';
    return buffer;
}

int main(int argc, char **argv)
{
    char name[128], text[256];
    size_t language = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    if (greet_compose(text, sizeof text, language, argc > 1 ? argv[1] : whom(name, sizeof name)) < 0)
        return fprintf(stderr, "greet: nothing to say\n"), EXIT_FAILURE;
    puts(text);
    return EXIT_SUCCESS;
}
