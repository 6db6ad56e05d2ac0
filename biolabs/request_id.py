import re
import uuid

SAFE = re.compile(r"[A-Za-z0-9._-]{8,64}")
HEADER = "X-Request-ID"


class RequestIdMiddleware:
    """Names every request in its log lines and its answer; a caller's name is kept only when it is safe to print."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        offered = request.META.get("HTTP_X_REQUEST_ID", "")
        request.id = offered if SAFE.fullmatch(offered) else str(uuid.uuid4())
        # django-structlog reads the header, so it must not see an unsafe one.
        request.META["HTTP_X_REQUEST_ID"] = request.id
        response = self.get_response(request)
        response.headers[HEADER] = request.id
        return response
