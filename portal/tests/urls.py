"""Views that fail in every way, beside the portal's own pages."""

import uuid
from types import SimpleNamespace

from django import forms
from django.contrib import messages
from django.core import exceptions
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template import engines
from django.urls import include, path
from django.views.decorators.http import require_POST
from rest_framework import exceptions as api_errors
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Team, User
from ledger import errors
from portal.paging import Page
from portal.parsing import StrictJSONParser
from portal.problems import show_refusal

SOMEBODY = SimpleNamespace(full_name="Mira Kessler", email="mira@example.org")


class Cause(Exception):
    def __init__(self, sqlstate):
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def caused(error, sqlstate):
    error.__cause__ = Cause(sqlstate)
    return error


MANY = [{"field": "title", "code": "blank", "detail": "Empty."}, {"field": None, "code": "x", "detail": "Both."}]
ERRORS = {
    "invalid": errors.Invalid("Two things do not fit.", errors=MANY, code="two_things"),
    "one": errors.Invalid.field("title", "May not be empty.", "blank"),
    "not-allowed": errors.NotAllowed("Only qa_lead may sign."),
    "denied": errors.TransitionDenied("Ada Ng was faster.", details={"blocked_reason": "signed"}),
    "gone": errors.Gone("Removed by retention on 3 May 2026."),
    "too-large": errors.TooLarge("At most 5 bytes."),
    "too-many": errors.TooMany("Wait.", retry_after=61.2),
    "busy": errors.Busy("Try again.", retry_after=0),
    "hostile": errors.Invalid(
        "\ud800 <script>\x00\n" + "x" * 5000, errors=[{"field": "\ud800" * 300, "detail": "\x00"}]
    ),
    "override": errors.Invalid("x", details={"status": 200, "code": "fine", "extra": "\ud800"}),
    "http404": Http404("secret path"),
    "no-row": Team.DoesNotExist("secret table"),
    "forbidden": exceptions.PermissionDenied(),
    "suspicious": exceptions.SuspiciousOperation("secret"),
    "bad": exceptions.BadRequest("secret"),
    "too-big": exceptions.RequestDataTooBig("secret"),
    "too-many-fields": exceptions.TooManyFieldsSent("secret"),
    "validation": exceptions.ValidationError({"name": ["Too short."], "__all__": ["Both."]}),
    "locked": OperationalError("database is locked"),
    "serialisation": caused(OperationalError("could not serialize access"), "40001"),
    "deadlock": caused(OperationalError("deadlock detected"), "40P01"),
    "shutdown": caused(OperationalError("terminating connection"), "57P01"),
    "connection": OperationalError("connection refused"),
    "closed": InterfaceError("connection already closed"),
    "no-table": OperationalError("no such table: x"),
    "duplicate": caused(IntegrityError("secret"), "23505"),
    "duplicate-sqlite": IntegrityError("UNIQUE constraint failed: x.y"),
    "not-null": IntegrityError("NOT NULL constraint failed: x.y"),
    "data": DataError("value too long for type character varying(50)"),
    "fault": RuntimeError("secret"),
}
UNSTORABLE = {
    "nul": lambda: User.objects.filter(full_name="\x00").exists(),
    "surrogate": lambda: User.objects.filter(full_name="\ud800").exists(),
    "huge": lambda: list(User.objects.raw("SELECT * FROM accounts_user WHERE 1 = %s", [2**70])),
    "uuid": lambda: Team.objects.get(pk="not-a-uuid"),
    "unknown": lambda: Team.objects.get(pk=uuid.uuid4()),
}


def fail(request, name):
    if name in UNSTORABLE:
        UNSTORABLE[name]()
        return HttpResponse("stored")
    raise ERRORS[name]


def page(request):
    return HttpResponse("<p>page</p>")


def data(request):
    return JsonResponse({"user": 1})


def moves(request):
    messages.success(request, "Done.")
    return redirect("/page/")


def signed_out(request):
    return redirect("/sign-in/?next=/part/")


class TitleForm(forms.Form):
    title = forms.CharField(required=False)


def form(request):
    bound = TitleForm(request.POST)
    bound.is_valid()
    try:
        raise ERRORS[request.GET["error"]]
    except errors.Refusal as refusal:
        status = show_refusal(bound, refusal)
    return HttpResponse(bound.as_p(), status=status)


PARTS = """{% extends "base.html" %}{% load portal %}{% block heading %}Parts{% endblock %}{% block content %}
<form id="told" hx-post="/fail/denied/" hx-target="#told" hx-swap="outerHTML" hx-select="#told">{% csrf_token %}
<label class="field"><span>Notes</span><input name="notes"></label><button class="button">Refused</button></form>
<button class="button" hx-post="/moves/">Moves</button>
<button class="button" hx-get="/data/" hx-target="#nowhere">Not HTML</button>
<button class="button" hx-get="/problem-page/" hx-target="#nowhere">Whole page</button>
<button class="button" hx-get="/fail/fault/" hx-target="#nowhere">Fault</button>
<button class="button" hx-get="/api/nothing/" hx-target="#nowhere">Document</button>
<div id="nowhere"></div>
<form id="wrong" action="/form-part/" hx-post="/form-part/" hx-target="#wrong" hx-swap="outerHTML">
<button class="button">Wrong</button></form>
<div id="step"><form action="/step-part/" hx-post="/step-part/" hx-target="#step" hx-swap="outerHTML">
<button class="button">Start</button></form></div><p id="status">Planned</p>
<ul class="items" id="rows" data-rows>{% for row in page %}<li><a href="#{{ row }}">Row {{ row }}</a></li>{% endfor %}
{% pager page rows="#rows" %}</ul>
{% endblock %}"""


def parts(request):
    start = int(request.GET.get("cursor") or 0)
    rows = Page([start + 1, start + 2], str(start + 2) if start < 4 else None, request.GET.get("cursor", ""))
    context = {"page": rows, "navigation": {}, "user": SOMEBODY}
    return HttpResponse(engines["django"].from_string(PARTS).render(context, request))


def form_part(request):
    summary = '<div class="error-summary" role="alert" tabindex="-1" data-focus>Say more.</div>'
    return HttpResponse(f'<form id="wrong" action="/form-part/">{summary}<button>Wrong</button></form>', status=400)


def step_part(request):
    form = '<form action="/step-part/"><button>Skip</button></form>'
    return HttpResponse(f'<p id="status" hx-swap-oob="true">Running</p><div id="step"><h3>Step 1</h3>{form}</div>')


def problem_page(request):
    return render(request, "base.html", {"navigation": {}, "user": SOMEBODY})


class ApiFail(APIView):
    authentication_classes = []
    permission_classes = []

    def get(self, request, name):
        if name in UNSTORABLE:
            UNSTORABLE[name]()
            return Response("stored")
        if name == "throttled":
            raise api_errors.Throttled(wait=12.3)
        if name == "nested":
            detail = {"events": [{}, {"payload": {"x": ["Bad."]}}], "non_field_errors": ["Both."]}
            raise api_errors.ValidationError(detail)
        raise ERRORS[name]


class RowSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(["a", "b"])
    title = serializers.CharField(max_length=5)
    team = serializers.PrimaryKeyRelatedField(queryset=Team.objects.all(), required=False)
    rows = serializers.ListField(child=serializers.IntegerField(), required=False)


class ApiRows(APIView):
    parser_classes = [StrictJSONParser, MultiPartParser]

    def post(self, request):
        row = RowSerializer(data=request.data)
        row.is_valid(raise_exception=True)
        return Response(row.data["title"], status=201)


urlpatterns = [
    path("fail/<str:name>/", fail),
    path("page/", page),
    path("data/", data),
    path("moves/", moves),
    path("signed-out/", signed_out),
    path("form/", form),
    path("post-only/", require_POST(page)),
    path("problem-page/", problem_page),
    path("parts/", parts),
    path("form-part/", form_part),
    path("step-part/", step_part),
    path("api/fail/<str:name>/", ApiFail.as_view()),
    path("api/plain/<str:name>/", fail),
    path("api/post-only/", require_POST(data)),
    path("api/rows/", ApiRows.as_view()),
    path("api/row/<uuid:pk>/", data),
    path("", include("biolabs.urls")),
]
handler400 = "portal.problems.bad_request"
handler403 = "portal.problems.permission_denied"
handler404 = "portal.problems.page_not_found"
handler500 = "portal.problems.server_error"
