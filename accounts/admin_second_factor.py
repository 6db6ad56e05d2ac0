"""Lets an administrator take off the second factor of somebody who lost phone and recovery codes."""

from django import forms
from django.contrib import admin, messages
from django.template.response import TemplateResponse

from accounts.transitions_second_factor import REASON_LENGTH, remove_second_factor_of
from ledger.errors import Refusal
from portal.problems import show_refusal


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        help_text="How you made sure that it is this person. They read it, and it stays on record.",
        widget=forms.TextInput({"size": 80}),
    )


class SecondFactorRemoval:
    """The action of the list of people; one at a time, with a reason."""

    @admin.action(description="Remove second factor…", permissions=["change"])
    def remove_second_factor(self, request, queryset):
        people = list(queryset[:2])
        if len(people) != 1:
            self.message_user(request, "Remove a second factor from one person at a time, please.", messages.ERROR)
            return None
        form = ReasonForm(request.POST if "confirm" in request.POST else None)
        if form.is_valid():
            try:
                user = remove_second_factor_of(people[0].pk, by=request.user, reason=form.cleaned_data["reason"])
            except Refusal as refusal:
                show_refusal(form, refusal)
            else:
                self.message_user(request, f"{user.printed_name} signs in with the password alone, and was told so.")
                return None
        return self._ask_for_reason(request, people[0], form)

    def _ask_for_reason(self, request, person, form):
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Remove second factor: are you sure?",
            "person": person,
            "form": form,
            "action": request.POST["action"],
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/accounts/remove_second_factor.html", context)
