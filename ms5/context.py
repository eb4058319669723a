from django.conf import settings
from django.http import HttpRequest


def product(request: HttpRequest) -> dict[str, str]:
    return {"version": settings.VERSION, "product_name": settings.PROJECT_NAME}
