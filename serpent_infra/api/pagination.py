"""How lists are divided into pages."""

from rest_framework.pagination import PageNumberPagination


class StandardPagination(PageNumberPagination):
    """Fifty results a page, up to 500 where asked with `?page_size=`."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
