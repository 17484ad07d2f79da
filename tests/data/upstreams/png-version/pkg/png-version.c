/* Says which libpng and zlib it runs on. */
#include <png.h>
#include <stdio.h>
#include <zlib.h>

int main(void)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    if (png == NULL)
        return 1;
    printf("libpng %s on zlib %s\n", png_get_libpng_ver(png), zlibVersion());
    png_destroy_write_struct(&png, NULL);
    return 0;
}
