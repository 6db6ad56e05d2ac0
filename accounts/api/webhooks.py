"""Webhooks, for administrators: who is told, the secret once, a test message, what was delivered."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.directory import named
from accounts.api.serializers import StrictSerializer
from accounts.api.views import checked
from accounts.models import Team, WebhookDelivery, WebhookEndpoint
from accounts.policies import check_is_administrator
from accounts.scoping import uuid_or_404
from accounts.transitions_webhooks import (
    change_webhook,
    create_webhook,
    remove_webhook,
    renew_webhook_secret,
    retry_delivery,
    send_test,
)
from accounts.webhook_kinds import WEBHOOK_KINDS
from accounts.webhooks import state_of
from portal.paging import CursorPaging
from portal.parsing import ShortListField


class WebhookSerializer(serializers.ModelSerializer):
    team_id = serializers.UUIDField(read_only=True, allow_null=True)
    created_by_id = serializers.UUIDField(read_only=True)
    kinds = ShortListField(child=serializers.ChoiceField(list(WEBHOOK_KINDS)), read_only=True)

    class Meta:
        model = WebhookEndpoint
        fields = ["id", "name", "url", "kinds", "team_id", "is_active", "created_at", "created_by_id"]
        read_only_fields = fields


class WebhookWithSecret(WebhookSerializer):
    """`secret` is in this answer and in no other."""

    secret = serializers.CharField(source="plain_secret", read_only=True)

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]
        read_only_fields = fields


class WebhookInput(StrictSerializer):
    name = serializers.CharField(max_length=100)
    url = serializers.CharField(max_length=500)
    kinds = ShortListField(child=serializers.CharField(max_length=60), max_length=100, required=False)
    team_id = serializers.UUIDField(required=False, allow_null=True)


class WebhookChange(WebhookInput):
    is_active = serializers.BooleanField(required=False)


class WebhookDeliverySerializer(serializers.ModelSerializer):
    webhook_id = serializers.UUIDField(source="endpoint_id", read_only=True)
    state = serializers.CharField(read_only=True, source="state_words", help_text="waiting, delivered or gave_up")

    class Meta:
        model = WebhookDelivery
        fields = ["id", "webhook_id", "kind", "state", "attempts", "response_status", "error", "created_at"]
        fields += ["next_attempt_at", "delivered_at", "gave_up_at"]
        read_only_fields = fields

    def to_representation(self, delivery):
        delivery.state_words = state_of(delivery)
        return super().to_representation(delivery)


def with_team(given):
    """The verbs take a team, bodies its id."""
    if "team_id" not in given:
        return given
    team_id = given.pop("team_id")
    return given | {"team": named(Team.objects.all(), team_id, "team_id") if team_id else None}


def webhook_or_404(request, pk):
    check_is_administrator(request.user)
    found = WebhookEndpoint.objects.filter(pk=uuid_or_404(pk)).first()
    if found is None:
        raise Http404
    return found


def with_secret(row, secret, code):
    row.plain_secret = secret
    return Response(WebhookWithSecret(row).data, status=code, headers={"Cache-Control": "no-store"})


class Webhooks(ListAPIView):
    """Every webhook. Administrators only."""

    serializer_class = WebhookSerializer
    pagination_class = CursorPaging
    page_order = "name"
    filter_backends = []

    def get_queryset(self):
        check_is_administrator(self.request.user)
        return WebhookEndpoint.objects.all()

    @extend_schema(request=WebhookInput, responses={201: WebhookWithSecret})
    def post(self, request):
        check_is_administrator(request.user)
        given = with_team(dict(checked(WebhookInput, request)))
        return with_secret(*create_webhook(by=request.user, **given), status.HTTP_201_CREATED)


class OneWebhook(APIView):
    """Change a webhook; one that is switched off gives up what waits for it."""

    @extend_schema(responses=WebhookSerializer)
    def get(self, request, pk):
        return Response(WebhookSerializer(webhook_or_404(request, pk)).data)

    @extend_schema(request=WebhookChange(partial=True), responses=WebhookSerializer)
    def patch(self, request, pk):
        webhook = webhook_or_404(request, pk)
        given = with_team(dict(checked(WebhookChange, request, partial=True)))
        return Response(WebhookSerializer(change_webhook(webhook.pk, by=request.user, **given)).data)

    @extend_schema(responses={204: None})
    def delete(self, request, pk):
        """Forget a webhook that is switched off, and its deliveries."""
        remove_webhook(webhook_or_404(request, pk).pk, by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class WebhookSecret(APIView):
    """A new secret; the one before is no longer used."""

    @extend_schema(request=None, responses={201: WebhookWithSecret})
    def post(self, request, pk):
        webhook = webhook_or_404(request, pk)
        return with_secret(*renew_webhook_secret(webhook.pk, by=request.user), status.HTTP_201_CREATED)


class WebhookTest(APIView):
    """Enqueue a message of the kind `test`; look at the deliveries for what came of it."""

    @extend_schema(request=None, responses={201: WebhookDeliverySerializer})
    def post(self, request, pk):
        webhook = webhook_or_404(request, pk)
        delivery = send_test(webhook.pk, by=request.user)
        return Response(WebhookDeliverySerializer(delivery).data, status=status.HTTP_201_CREATED)


class WebhookDeliveries(ListAPIView):
    """What was sent to a webhook in the last 30 days, newest first."""

    serializer_class = WebhookDeliverySerializer
    pagination_class = CursorPaging
    page_order = "-created_at"
    filter_backends = []

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return WebhookDelivery.objects.none()
        return webhook_or_404(self.request, self.kwargs["pk"]).deliveries.all()


class WebhookRetry(APIView):
    """One more attempt, now, of a message that was given up or waits long for its next."""

    @extend_schema(request=None, responses=WebhookDeliverySerializer)
    def post(self, request, pk, delivery_id):
        delivery = webhook_or_404(request, pk).deliveries.filter(pk=uuid_or_404(delivery_id)).first()
        if delivery is None:
            raise Http404
        return Response(WebhookDeliverySerializer(retry_delivery(delivery.pk, by=request.user)).data)
