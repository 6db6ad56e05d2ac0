from django import forms
from django.core.exceptions import ValidationError

from accounts.models import WebhookEndpoint
from accounts.transitions_webhooks import checked_url
from accounts.webhook_kinds import WEBHOOK_KINDS
from ledger.errors import Invalid


class WebhookForm(forms.ModelForm):
    kinds = forms.MultipleChoiceField(
        choices=WEBHOOK_KINDS.items(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked means all of them.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["name", "url", "team", "kinds", "is_active"]
        labels = {"url": "Address"}
        help_texts = {
            "url": "Begins with https:// and leads to a public address, or to one that WEBHOOK_ALLOWED_INTERNAL lists.",
            "team": "Only what happens in this team; empty: in every team.",
        }

    def clean_url(self):
        url = self.cleaned_data["url"]
        if url == self.initial.get("url"):
            return url
        try:
            return checked_url(url)
        except Invalid as refusal:
            raise ValidationError(refusal.sentence) from refusal


class WebhookPageForm(WebhookForm):
    """Without the switch: on its page a webhook is paused and resumed by a button."""

    class Meta(WebhookForm.Meta):
        fields = ["name", "url", "team", "kinds"]

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.fields["team"].empty_label = "Every team"
