#include <stdio.h>

int main(void)
{
    puts("This line is missing its end")
    return 0;
}
