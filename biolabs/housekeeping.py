from django.core.management import call_command


def forget_expired_sessions():
    call_command("clearsessions")
