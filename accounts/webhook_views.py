"""Pages of webhooks, for administrators: who is told, what was sent. The answer that makes a secret alone shows it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import transitions_webhooks as verbs
from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.policies import check_is_administrator
from accounts.scoping import not_there
from accounts.webhook_forms import WebhookPageForm
from accounts.webhook_kinds import WEBHOOK_KINDS
from accounts.webhooks import state_of
from ledger.errors import Refusal
from portal.paging import page_of
from portal.problems import show_refusal

STATES = {
    "waiting": {"next_attempt_at__isnull": False},
    "delivered": {"delivered_at__isnull": False},
    "gave_up": {"gave_up_at__isnull": False},
}


@login_required
@require_safe
def webhooks(request):
    """Every webhook, and which ones do not get through."""
    check_is_administrator(request.user)
    failing = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), next_attempt_at__isnull=False).exclude(error="")
    rows = WebhookEndpoint.objects.select_related("team").annotate(failing=Exists(failing))
    page = page_of(rows, request, order="name")
    for row in page.items:
        row.kind_words = _kinds(row)
    return render(request, "accounts/webhooks.html", {"page": page})


@login_required
@require_safe
def webhook(request, pk):
    """One webhook and what was sent to it in the last 30 days; `?state=` waiting, delivered or gave_up."""
    endpoint = _endpoint(request, pk)
    state = request.GET.get("state") if request.GET.get("state") in STATES else ""
    now, deliveries = timezone.now(), endpoint.deliveries.filter(**STATES.get(state, {}))
    page = page_of(deliveries, request, order="-created_at")
    for row in page.items:
        row.state = state_of(row)
        row.can_retry = endpoint.is_active and verbs.why_not_retry(row, now=now) is None
        row.kind_words = WEBHOOK_KINDS.get(row.kind, "A test message")
    context = {"endpoint": endpoint, "kinds": _kinds(endpoint), "page": page, "state": state, "now": now}
    return render(request, "accounts/webhook.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_new(request):
    """Register a webhook; the answer is the only page that shows its secret."""
    check_is_administrator(request.user)
    form = WebhookPageForm(request.POST if request.method == "POST" else None)
    status = 400 if form.errors else 200
    if request.method == "POST" and form.is_valid():
        try:
            return _secret_page(request, *verbs.create_webhook(by=request.user, **form.cleaned_data))
        except Refusal as refusal:
            status = show_refusal(form, refusal)
    return render(request, "accounts/webhook_form.html", {"form": form}, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_change(request, pk):
    """Correct a webhook's name, address, team or kinds."""
    endpoint = _endpoint(request, pk)
    form = WebhookPageForm(request.POST if request.method == "POST" else None, instance=endpoint)
    status = 400 if form.errors else 200
    if request.method == "POST" and form.is_valid():
        try:
            verbs.change_webhook(pk, by=request.user, **form.cleaned_data)
        except Refusal as refusal:
            status = show_refusal(form, refusal)
        else:
            messages.success(request, "The webhook is changed.")
            return redirect("webhook", pk)
    context = {"form": form, "endpoint": WebhookEndpoint.objects.get(pk=pk)}
    return render(request, "accounts/webhook_form.html", context, status=status)


@login_required
@never_cache
@require_POST
def webhook_secret(request, pk):
    """A new secret, shown once; the one before is no longer used."""
    endpoint = _endpoint(request, pk)
    return _secret_page(request, *verbs.renew_webhook_secret(endpoint.pk, by=request.user), new=False)


def _secret_page(request, endpoint, secret, *, new=True):
    context = {"endpoint": endpoint, "secret": secret, "new": new}
    return render(request, "accounts/webhook_secret.html", context, status=201)


@login_required
@require_POST
def webhook_pause(request, pk):
    """Pause or (`active=1`) resume; what waits for a paused one is given up."""
    active = request.POST.get("active") == "1"
    endpoint = verbs.change_webhook(_endpoint(request, pk).pk, by=request.user, is_active=active)
    words = "is told again what happens from now on" if active else "is paused and told nothing"
    messages.success(request, f"{endpoint.name} {words}.")
    return redirect("webhook", pk)


@login_required
@require_POST
def webhook_test(request, pk):
    """Send a message of the kind `test`."""
    verbs.send_test(_endpoint(request, pk).pk, by=request.user)
    messages.success(request, "A test message is on its way. Load this page again to see what came of it.")
    return redirect("webhook", pk)


@login_required
@require_POST
def webhook_remove(request, pk):
    """Forget a paused webhook and its deliveries."""
    endpoint = _endpoint(request, pk)
    verbs.remove_webhook(endpoint.pk, by=request.user)
    messages.success(request, f"{endpoint.name} is removed. The audit trail keeps what it was.")
    return redirect("webhooks")


@login_required
@require_POST
def webhook_retry(request, pk, delivery_pk):
    """Send a message again that was given up, or try now what waits for later."""
    endpoint = _endpoint(request, pk)
    if not endpoint.deliveries.filter(pk=delivery_pk).exists():
        raise not_there()
    verbs.retry_delivery(delivery_pk, by=request.user)
    messages.success(request, "The message is tried once more, within a minute.")
    return redirect("webhook", pk)


def _endpoint(request, pk):
    check_is_administrator(request.user)
    endpoint = WebhookEndpoint.objects.select_related("team", "created_by").filter(pk=pk).first()
    if endpoint is None:
        raise not_there()
    return endpoint


def _kinds(endpoint):
    return [WEBHOOK_KINDS[kind] for kind in endpoint.kinds if kind in WEBHOOK_KINDS]
