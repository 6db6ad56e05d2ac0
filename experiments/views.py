"""Pages of runs: list, start, steps, timeline."""

import json

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.scoping import visible_or_404
from experiments import gates, queries, transitions
from experiments.enums import STEP_MOVES, StepStatus
from experiments.events import OPEN_FAMILIES, Event
from experiments.forms import ExecutionFilter, NoteForm, SearchForm, StartForm
from experiments.models import Execution, Protocol
from experiments.policies import check_can_grant_approval, why_not_run
from ledger.errors import Refusal
from portal.paging import page_of
from portal.problems import show_refusal, wants_fragment
from portal.text import clean_text, one_line

LONGEST_PAYLOAD = 4000
MOVES = {
    StepStatus.IN_PROGRESS: ("Start", "play"),
    StepStatus.COMPLETED: ("Complete", "check"),
    StepStatus.SKIPPED: ("Skip", None),
    StepStatus.PENDING: ("Back to pending", "retry"),
}
# Where to look for what a gate asks for.
PLACES = (
    ("inventory:", "inventory_list", "See the inventory"),
    ("equipment:", "equipment_list", "See the equipment"),
    ("booking:", "booking_list", "See the bookings"),
)
REMEDY_WORDS = {
    "inventory:link": "Link the item",
    "inventory:restore": "Make it available again",
    "inventory:auto_reserve": "Reserve it",
    "booking:create": "Link the booking",
    "booking:adjust": "Move the booking to now",
    "equipment:register": "Register the equipment",
    "equipment:calibrate": "Ask for calibration",
    "equipment:maintenance_request": "Ask for maintenance",
}
TYPES_SHOWN = [("", "Every type"), *((family, f"{family}*") for family in OPEN_FAMILIES)]
TYPES_SHOWN += [(name, name) for name in ("session.created", "step.transition", "remediation.execute")]
TYPES_SHOWN += [("narrative_export.", "narrative_export.*")]


@login_required
@require_safe
def execution_list(request):
    """Runs the person may see, newest first; search and filters live in the address."""
    form = ExecutionFilter(request.GET, user=request.user)
    form.is_valid()
    given = form.cleaned_data
    rows = queries.executions_matching(
        request.user,
        text=given.get("q", ""),
        status=given.get("status", ""),
        team=given.get("team"),
        mine=given.get("mine", False),
    )
    page = page_of(rows, request, order="-created_at")
    counts = queries.step_counts(page.items)
    for execution in page.items:
        execution.done, execution.all_steps = counts.get(execution.pk, (0, 0))
    context = {"form": form, "page": page, "filtered": any(given.values()), "now": timezone.now()}
    return render(request, "experiments/execution_list.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def execution_new(request):
    """First choose a protocol, then say what the run is called and what it needs."""
    chosen = request.GET.get("protocol")
    if not chosen:
        return _choose_protocol(request)
    protocol = visible_or_404(Protocol.objects.select_related("team"), request.user, chosen)
    form = StartForm(request.POST or None, user=request.user, initial={"title": protocol.name})
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            given = dict(form.cleaned_data)
            openings = ("notebook",) if given.pop("auto_create_notebook") else ()
            try:
                execution = transitions.start_execution(protocol, by=request.user, openings=openings, **given)
            except Refusal as refusal:
                status = show_refusal(form, refusal)
            else:
                messages.success(request, "The run is open. Its first event is recorded.")
                return redirect("execution", execution.pk)
    return render(request, "experiments/execution_new.html", {"protocol": protocol, "form": form}, status=status)


def _choose_protocol(request):
    form = SearchForm(request.GET)
    text = form.cleaned_data["q"] if form.is_valid() else ""
    page = page_of(queries.protocols_matching(request.user, text), request, order="-created_at")
    return render(request, "experiments/execution_choose.html", {"form": form, "page": page, "text": text})


@login_required
@require_safe
def execution(request, pk):
    """A run's steps with their gates and remedies."""
    return _steps_page(request, pk)


def _steps_page(request, pk, *, status=200):
    now = timezone.now()
    found = visible_or_404(queries.runs(), request.user, pk)
    why_not = why_not_run(request.user, found)
    rows = [
        _step_row(found, step, gate, request.user, why_not, now) for step, gate in queries.steps_with_gates(found, now)
    ]
    context = {
        "execution": found,
        "tab": "steps",
        "rows": rows,
        "done": sum(row["step"].status in gates.DONE for row in rows),
        "why_not": why_not,
        "now": now,
    }
    template = "experiments/_steps_swap.html" if wants_fragment(request) else "experiments/execution.html"
    return render(request, template, context, status=status)


def _step_row(execution, step, gate, user, why_not, now):
    moves = []
    for to, (words, icon) in MOVES.items():
        if to in STEP_MOVES[StepStatus(step.status)]:
            again = step.status in gates.DONE and to == StepStatus.IN_PROGRESS
            gated = to in (StepStatus.IN_PROGRESS, StepStatus.COMPLETED) and not gate.is_open
            reason = why_not or ("First clear what blocks it." if gated else None)
            moves.append(
                {"to": to.value, "words": "Take up again" if again else words, "icon": icon, "why_not": reason}
            )
    remedies = [
        {
            "action": action,
            "words": _remedy_words(action),
            "why_not": _why_not_remedy(execution, action, user, why_not, now),
        }
        for action in (*gate.required_actions, *gate.auto_triggers)
    ]
    places = [
        (name, words) for noun, name, words in PLACES if any(each.startswith(noun) for each in gate.required_actions)
    ]
    return {"step": step, "gate": gate, "moves": moves, "remedies": remedies, "places": places}


def _remedy_words(action):
    noun, _, rest = action.partition(":")
    verb, _, target = rest.partition(":")
    return REMEDY_WORDS.get(f"{noun}:{verb}") or f"Grant “{target}”"


def _why_not_remedy(execution, action, user, why_not, now):
    if not action.startswith("compliance:approve:"):
        return why_not
    try:
        check_can_grant_approval(user, execution, action.removeprefix("compliance:approve:"), now=now)
    except Refusal as refusal:
        return refusal.sentence
    return None


@login_required
@require_POST
def step_transition(request, pk, index):
    """Move a step; a refusal is shown above the steps."""
    found = visible_or_404(Execution.objects, request.user, pk)
    to = request.POST.get("status", "")
    try:
        transitions.move_step(found.pk, index, by=request.user, to=to)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return _steps_page(request, pk, status=refusal.status)
    messages.success(request, f"Step {index + 1} is {StepStatus(to).label.lower()}.")
    return _back_to_steps(request, pk, index)


@login_required
@require_POST
def step_remediate(request, pk, index):
    """Carry out one remedy, or all triggers with `auto`."""
    found = visible_or_404(Execution.objects, request.user, pk)
    actions = request.POST.getlist("action")
    try:
        results = transitions.remediate_step(
            found.pk, index, by=request.user, actions=actions, auto="auto" in request.POST
        )
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return _steps_page(request, pk, status=refusal.status)
    for result in results:
        say = messages.success if result["status"] in ("executed", "scheduled") else messages.warning
        say(request, result["message"])
    return _back_to_steps(request, pk, index)


def _back_to_steps(request, pk, index):
    if wants_fragment(request):
        return _steps_page(request, pk)
    return redirect(f"{reverse('execution', args=[pk])}#step-{index}")


@login_required
@require_safe
def execution_timeline(request, pk):
    """A run's events, oldest first, by type."""
    return _timeline_page(request, pk, NoteForm())


@login_required
@require_POST
def note_add(request, pk):
    """Add a note to the timeline."""
    found = visible_or_404(Execution.objects, request.user, pk)
    form = NoteForm(request.POST)
    status = 400
    if form.is_valid():
        note = {"event_type": "note.operator", "payload": {"text": form.cleaned_data["text"]}}
        try:
            transitions.append_events(found.pk, [note], by=request.user)
        except Refusal as refusal:
            status = show_refusal(form, refusal)
        else:
            messages.success(request, "The note is on the timeline.")
            return redirect("execution_timeline", pk)
    return _timeline_page(request, pk, form, status=status)


def _timeline_page(request, pk, form, *, status=200):
    found = visible_or_404(Execution.objects.select_related("protocol__team", "run_by"), request.user, pk)
    chosen = clean_text(request.GET.get("event_type"), "event_type", 100, required=False)
    page = page_of(queries.timeline(found, chosen), request, order="sequence")
    for event in page.items:
        payload = event.payload
        event.shown, event.told = payload_shown(payload), _told(event.event_type, payload)
    context = {
        "execution": found,
        "tab": "timeline",
        "page": page,
        "form": form,
        "why_not": why_not_run(request.user, found),
        "types": TYPES_SHOWN if chosen in dict(TYPES_SHOWN) else [*TYPES_SHOWN, (chosen, chosen)],
        "chosen": chosen,
        "now": timezone.now(),
    }
    return render(request, "experiments/execution_timeline.html", context, status=status)


def payload_shown(payload):
    """The payload indented, its control and bidi characters visible, cut where it is very long."""
    text = json.dumps(payload, indent=2, ensure_ascii=False, sort_keys=True)
    lines = text[:LONGEST_PAYLOAD].split("\n")
    cut = (
        [f"… {len(text) - LONGEST_PAYLOAD:,} more characters; the API has the whole"]
        if len(text) > LONGEST_PAYLOAD
        else []
    )
    return "\n".join([*map(one_line, lines), *cut])


def _told(event_type, payload):
    """An event's own words for its line, or nothing; the narrative has the full sentences."""
    if event_type == Event.STEP_TRANSITION:
        moved = f"{payload['from']} to {payload['to']}".replace("_", " ")
        return f"Step {payload['index'] + 1}: {moved}"
    words = next((payload[key] for key in ("summary", "text", "message", "title") if payload.get(key)), "")
    return words[:160] if isinstance(words, str) else ""
