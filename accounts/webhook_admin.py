"""Webhooks in Django's admin: the verbs of `transitions_webhooks`; the secret is shown once, by the answer itself."""

from django.contrib import admin, messages
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from accounts.admin_verbs import VerbAdmin
from accounts.transitions_webhooks import (
    change_webhook,
    create_webhook,
    renew_webhook_secret,
    send_test,
)
from accounts.webhook_forms import WebhookForm
from accounts.webhooks import state_of
from ledger.admin import ReadOnlyAdmin
from ledger.errors import Refusal


class WebhookAdmin(VerbAdmin):
    form = WebhookForm
    list_display = ["name", "url", "team", "is_active", "created_at"]
    list_filter = ["is_active", "team"]
    list_select_related = ["team"]
    search_fields = ["name", "url"]
    readonly_fields = ["created_at", "created_by"]
    autocomplete_fields = ["team"]
    actions = ["test", "renew_secret"]

    def form_page(self, *given):
        # Without Django's transaction: looking up a name can take seconds, and the verbs bring their own.
        return self._changeform_view(*given)

    def get_fields(self, request, obj=None):
        return [*WebhookForm.Meta.fields, *(self.readonly_fields if obj else [])]

    def save_model(self, request, obj, form, change):
        given = {name: form.cleaned_data[name] for name in WebhookForm.Meta.fields}
        if change:
            change_webhook(obj.pk, by=request.user, **given)
            return
        active = given.pop("is_active")
        created, request.webhook_secret = create_webhook(by=request.user, **given)
        if not active:
            change_webhook(created.pk, by=request.user, is_active=False)
        obj.pk = created.pk
        obj.refresh_from_db()

    def response_add(self, request, obj, post_url_continue=None):
        return self._secret_page(request, obj, request.webhook_secret)

    @admin.action(description="Send a test message")
    def test(self, request, queryset):
        for endpoint in queryset:
            try:
                send_test(endpoint.pk, by=request.user)
            except Refusal as refusal:
                self.message_user(request, refusal.sentence, messages.ERROR)
            else:
                self.message_user(request, f"A test message to {endpoint.name} is on its way. Look at its deliveries.")

    @admin.action(description="Make a new secret (one webhook)")
    def renew_secret(self, request, queryset):
        if queryset.count() != 1:
            self.message_user(request, "Choose one webhook.", messages.ERROR)
            return None
        return self._secret_page(request, *renew_webhook_secret(queryset.get().pk, by=request.user))

    def _secret_page(self, request, endpoint, secret):
        context = self.admin_site.each_context(request) | {
            "title": f"The secret of {endpoint.name}",
            "opts": self.opts,
            "secret": secret,
            "endpoint": endpoint,
            "next": reverse("admin:accounts_webhookendpoint_changelist"),
        }
        answer = TemplateResponse(request, "admin/accounts/webhook_secret.html", context)
        add_never_cache_headers(answer)
        return answer


class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind", "endpoint", "attempts", "state", "response_status", "error"]
    list_filter = [
        ("gave_up_at", admin.EmptyFieldListFilter),
        ("delivered_at", admin.EmptyFieldListFilter),
        "kind",
        "endpoint",
    ]
    list_select_related = ["endpoint"]
    date_hierarchy = "created_at"

    @admin.display(description="state")
    def state(self, delivery):
        return state_of(delivery).replace("_", " ")
