from django.shortcuts import redirect
from django.urls import resolve

OPEN = {"password_change", "sign_out", "sign_in", "healthz", "readyz"}


class PasswordChangeMiddleware:
    """Who got a password from somebody else chooses a new one before anything else (the API has its own check)."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        if request.path_info.startswith("/api/") or resolve(request.path_info).url_name in OPEN:
            return None
        if request.user.is_authenticated and request.user.must_change_password:
            return redirect("password_change")
        return None
