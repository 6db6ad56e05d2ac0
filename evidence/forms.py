from django import forms

from evidence.models import NotebookEntry
from evidence.transitions import LONGEST_CONTENT


class EntryForm(forms.Form):
    """Title and Markdown; `revision` is the one the writer started from."""

    title = forms.CharField(max_length=NotebookEntry._meta.get_field("title").max_length)
    content = forms.CharField(
        label="Text",
        required=False,
        strip=False,
        max_length=LONGEST_CONTENT,
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "true"}),
        help_text="Markdown: # heading, **bold**, - list, tables with |. Every save keeps the revision before.",
    )
    revision = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)

    def clean_content(self):
        # Browsers send CRLF whatever was typed.
        return self.cleaned_data["content"].replace("\r\n", "\n").replace("\r", "\n")


class UploadForm(forms.Form):
    """Only shows: what is uploaded is received by `evidence.uploads`."""

    upload = forms.FileField(label="File", required=False)
