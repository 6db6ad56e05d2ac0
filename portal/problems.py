"""One map from an error to its answer: an RFC 9457 problem document under `/api/`, elsewhere a page or HTMX message."""

import logging
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core import exceptions as django_errors
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse, QueryDict, RawPostDataException, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from drf_spectacular.openapi import AutoSchema
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions as api_errors
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ledger.errors import Refusal
from portal.text import one_line

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
NOT_THERE = "There is nothing here that you can see."
SECRETS = re.compile("pass|pwd|token|secret|csrf|code|key|signature", re.IGNORECASE)
NOT_YOURS = "You may not do this."
NOT_READABLE = "The request could not be read."
CSRF_SENTENCE = "This form is out of date, or it came from somewhere else. Load the page again and send it once more."
TRY_AGAIN = "The database is busy. Nothing was changed; try again in a moment."
UNREADABLE = (django_errors.SuspiciousOperation, django_errors.BadRequest, MultiPartParserError, UnreadablePostError)
# SQLSTATE prefixes: connection lost, serialisation failure or deadlock, lock or statement timed out, shutting down.
BUSY_STATES = ("08", "40", "55P03", "57014", "57P0")


@dataclass(frozen=True)
class Problem:
    """What went wrong; `errors` holds `{"field", "code", "detail"}`, `details` further members of the document."""

    status: int
    code: str
    detail: str
    errors: list = field(default_factory=list)
    details: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)

    @property
    def title(self):
        return HTTPStatus(self.status).phrase

    def document(self):
        """The members of the problem document; texts are cleaned, since they may echo what came in."""
        return {
            **self.details,
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": one_line(self.detail, 1000),
            "code": self.code,
            "errors": [
                {
                    "field": None if error.get("field") is None else one_line(error["field"], 200),
                    "code": error.get("code") or "invalid",
                    "detail": one_line(error["detail"], 1000),
                }
                for error in self.errors[:200]
            ],
        }


# --- From an error to a problem -------------------------------------------------------------------------------------


def problem_for(error):
    """The problem that `error` is, or `None` for one that is a fault of ours."""
    if isinstance(error, Refusal):
        return _of_refusal(error)
    if isinstance(error, django_errors.ValidationError):
        return _of_validation(error)
    return _of_request(error) or _of_database(error)


def _of_refusal(error):
    retry_after = getattr(error, "retry_after", None)
    headers = {} if retry_after is None else {"Retry-After": str(max(1, round(retry_after)))}
    errors = getattr(error, "errors", [])
    return Problem(error.status, error.code, error.sentence, list(errors), dict(error.details), headers)


def _of_request(error):
    if isinstance(error, (Http404, django_errors.ObjectDoesNotExist)):
        return Problem(404, "not_found", NOT_THERE)
    if isinstance(error, django_errors.PermissionDenied):
        return Problem(403, "permission_denied", one_line(error, 300) or NOT_YOURS)
    if isinstance(error, django_errors.RequestDataTooBig):
        return Problem(413, "too_large", "The request is larger than this portal accepts.")
    return Problem(400, "bad_request", NOT_READABLE) if isinstance(error, UNREADABLE) else None


def _of_validation(error):
    if hasattr(error, "error_dict"):
        pairs = [
            (None if name == NON_FIELD_ERRORS else name, one) for name, many in error.error_dict.items() for one in many
        ]
    else:
        pairs = [(None, one) for one in error.error_list]
    errors = [
        {"field": name, "code": one.code or "invalid", "detail": " ".join(map(str, one.messages))}
        for name, one in pairs
    ]
    return Problem(400, "invalid", _summary(errors), errors)


def _summary(errors):
    if len(errors) == 1:
        return errors[0]["detail"]
    return f"{len(errors)} values do not fit." if errors else "The request does not fit."


def _of_database(error):
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or ""
    text = str(error)
    if isinstance(error, (OperationalError, InterfaceError)):
        away = state.startswith(BUSY_STATES) or (not state and "connect" in text) or "database is locked" in text
        return Problem(503, "busy", TRY_AGAIN, headers={"Retry-After": "2"}) if away else None
    if isinstance(error, IntegrityError) and (state in ("23505", "23P01") or "UNIQUE constraint failed" in text):
        return Problem(409, "conflict", "Somebody else was faster, or this exists already. Load it again.")
    unstorable = (
        isinstance(error, DataError)
        or (isinstance(error, UnicodeEncodeError) and "surrogates" in text)
        or (isinstance(error, OverflowError) and "SQLite INTEGER" in text)
        or (isinstance(error, ValueError) and "NUL (0x00)" in text)
    )
    return Problem(400, "invalid", "A value does not fit what can be stored.") if unstorable else None


# --- API ------------------------------------------------------------------------------------------------------------


class ProblemRenderer(JSONRenderer):
    media_type = MEDIA_TYPE
    ensure_ascii = True  # an echoed half of a surrogate pair could not be encoded otherwise


class ProblemHandler(ExceptionHandler):
    """DRF's errors as problems: `DRF_STANDARDIZED_ERRORS["EXCEPTION_HANDLER_CLASS"]`."""

    def run(self):
        """The problem as a DRF response, whatever the view would have rendered."""
        problem = problem_for(self.exc)
        if problem is None and isinstance(self.exc, api_errors.APIException):
            problem = self._of_api(self.exc)
        if problem is None and self.should_not_handle(self.exc):
            return None
        problem = problem or Problem(500, "server_error", "The portal failed here. It has been recorded; try again.")
        set_rollback()
        response = Response(problem.document(), status=problem.status, headers=problem.headers)
        request = self.context.get("request")
        if request is not None:
            request.accepted_renderer, request.accepted_media_type = ProblemRenderer(), MEDIA_TYPE
        self.report_exception(self.exc, response)
        return response

    def report_exception(self, exc, response):
        if response.status_code < 500:
            return
        if problem_for(exc) is not None:  # understood, so no alarm; pages do the same
            logger.warning("Answered %s on %s", response.status_code, self.context["request"].path, exc_info=exc)
        else:
            exc = self.convert_unhandled_exceptions(exc)
            super().report_exception(exc, response)

    def _of_api(self, exc):
        found = self.format_exception(exc)["errors"]
        errors, code = [], "invalid"
        if isinstance(exc, api_errors.ValidationError):
            # A document's `errors` name a field; "non_field_errors" is the library's word for none.
            errors = [
                {"field": _field_name(error["attr"]), "code": error["code"], "detail": error["detail"]}
                for error in found
            ]
            detail = _summary(errors)
        else:
            code, detail = found[0]["code"], found[0]["detail"]
        if detail.startswith("CSRF Failed"):
            code, detail = "csrf_failed", CSRF_SENTENCE
        elif isinstance(exc, api_errors.NotFound):
            detail = NOT_THERE
        return Problem(exc.status_code, code, detail, errors, headers=self.get_headers(exc))


class ProblemErrorSerializer(serializers.Serializer):
    field = serializers.CharField(allow_null=True, help_text="Where, as `attachments.3.label`.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """The shape of a problem document, for the OpenAPI document; further members may follow."""

    type = serializers.CharField()
    title = serializers.CharField(help_text="The words of the status.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="A sentence for people.")
    code = serializers.CharField(help_text="Stable; for programs.")
    errors = ProblemErrorSerializer(many=True)


class ProblemSchema(AutoSchema):
    """Says once for every operation that any other status is a problem document: `DEFAULT_SCHEMA_CLASS`."""

    def _get_response_bodies(self, direction="response"):
        bodies = super()._get_response_bodies(direction)
        if direction == "response":
            problem = self._get_response_for_code(ProblemSerializer, "default", [MEDIA_TYPE])
            bodies.setdefault("default", {**problem, "description": "Why it was not done."})
        return bodies


def _field_name(attr):
    if not attr:
        return None
    return ".".join(part for part in attr.split(".") if part != "non_field_errors") or None


# --- Pages ----------------------------------------------------------------------------------------------------------


def is_api(request):
    return request.path_info.startswith("/api/")


def wants_fragment(request):
    """Whether HTMX asked for a part of a page; a matter of shape only, never of permission."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def problem_response(request, problem):
    """The answer for a problem or an error that is one: document, HTMX message or page."""
    if not isinstance(problem, Problem):
        problem = problem_for(problem)
    if is_api(request):
        response = HttpResponse(
            ProblemRenderer().render(problem.document()), content_type=MEDIA_TYPE, status=problem.status
        )
    elif wants_fragment(request):
        body = render_to_string("portal/_problem.html", {"problem": problem.document()})
        response = HttpResponse(body, status=problem.status)
        # Beside the page, not in place of the form: what was typed stays.
        response["HX-Retarget"], response["HX-Reswap"] = "#messages", "innerHTML show:none"
        response["HX-Reselect"] = "unset"
    else:
        response = HttpResponse(_page(request, problem), status=problem.status)
    for name, value in problem.headers.items():
        response[name] = value
    return response


TEMPLATES = {"csrf_failed": "403_csrf.html", 403: "403.html", 404: "404.html", 429: "429.html", 500: "500.html"}


def _page(request, problem):
    template = TEMPLATES.get(problem.code) or TEMPLATES.get(problem.status, "portal/problem.html")
    user = getattr(request, "user", None)
    # The database may be what failed: from 500 up nothing is asked of it.
    signed_in = problem.status < 500 and user is not None and user.is_authenticated
    layout = "base.html" if signed_in else "base_signed_out.html"
    context = {"problem": problem.document(), "layout": layout, "typed": _typed(request)}
    return render_to_string(template, context, request=request if signed_in else None)


def _typed(request):
    """What a person wrote into the form that failed, to copy: browsers forget it on pages that are not stored."""
    # An upload that nobody has read yet is not read for this.
    if request.content_type != "application/x-www-form-urlencoded" and not hasattr(request, "_post"):
        return []
    try:
        texts = [(name, value) for name, values in request.POST.lists() for value in values if len(value) > 20]
    except (*UNREADABLE, RawPostDataException):
        return []
    return [(name, value[:20_000]) for name, value in texts if not SECRETS.search(name)][:20]


def show_refusal(form, refusal):
    """Put a refusal on a form, each error at its field where the form has it; returns the status to answer with."""
    errors = getattr(refusal, "errors", [])
    placed = [error for error in errors if error["field"] in form.fields]
    for error in placed:
        form.add_error(error["field"], one_line(error["detail"], 1000))
    if not placed or len(placed) < len(errors):
        form.add_error(None, one_line(refusal.sentence, 1000))
    return refusal.status


class ProblemMiddleware:
    """Refusals raised in page views become pages; API paths never answer HTML; pages are not stored in caches."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        is_html = response.get("Content-Type", "").startswith("text/html")
        empty = not response.streaming and not response.content
        if 400 <= response.status_code < 500 and is_html and (is_api(request) or empty):
            response = self._told_again(request, response)
            is_html = not is_api(request)
        if response.status_code in (301, 302, 303, 307, 308):
            _come_back_to_the_page(request, response)
            if wants_fragment(request):
                return _as_htmx_redirect(response)
        if is_html:
            patch_vary_headers(response, ["HX-Request"])
        if is_html or is_api(request):
            response.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request, exception):
        if isinstance(exception, (Http404, django_errors.PermissionDenied, django_errors.SuspiciousOperation)):
            return None  # Django calls the handlers below, and shows its own page with DEBUG
        problem = problem_for(exception)
        if problem is None:
            return None
        if problem.status >= 500:
            logger.warning("Answered %s on %s", problem.status, request.path, exc_info=exception)
        return problem_response(request, problem)

    def _told_again(self, request, response):
        """What Django answers by itself (405, 400, 404 with DEBUG), in the portal's form."""
        status = HTTPStatus(response.status_code)
        code = status.phrase.lower().replace(" ", "_")
        detail = {404: NOT_THERE, 405: "This address does not take that method."}.get(
            status, f"The request was refused: {status.phrase}."
        )
        headers = {"Allow": response["Allow"]} if response.has_header("Allow") else {}
        told = problem_response(request, Problem(response.status_code, code, detail, headers=headers))
        told.cookies = response.cookies
        return told


def _come_back_to_the_page(request, response):
    """Signed out meanwhile: after sign-in to the page a form or part was on, not to the address it was sent to."""
    sign_in, _, query = response["Location"].partition("?")
    asked_to_sign_in = sign_in == resolve_url(settings.LOGIN_URL) and REDIRECT_FIELD_NAME in QueryDict(query)
    if not asked_to_sign_in or (request.method in ("GET", "HEAD") and not wants_fragment(request)):
        return
    page = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
    if page.netloc == request.get_host() and not page.path.startswith(sign_in):
        came_from = page.path + (f"?{page.query}" if page.query else "")
        response["Location"] = f"{sign_in}?{urlencode({REDIRECT_FIELD_NAME: came_from})}"


def _as_htmx_redirect(response):
    """The browser goes there itself: a followed redirect would put a whole page into a part of one."""
    told = HttpResponse(status=200, headers={"HX-Redirect": response["Location"], "Cache-Control": "no-store"})
    told.cookies = response.cookies
    return told


def bad_request(request, exception=None):
    return problem_response(request, problem_for(exception) or Problem(400, "bad_request", NOT_READABLE))


def permission_denied(request, exception=None):
    return problem_response(request, problem_for(exception) or Problem(403, "permission_denied", NOT_YOURS))


def page_not_found(request, exception=None):
    return problem_response(request, Problem(404, "not_found", NOT_THERE))


def server_error(request):
    return problem_response(
        request, Problem(500, "server_error", "The portal failed here. It has been recorded; nothing was half done.")
    )


def csrf_failure(request, reason=""):
    return problem_response(request, Problem(403, "csrf_failed", CSRF_SENTENCE))
