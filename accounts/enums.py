from django.db import models


class MembershipRole(models.TextChoices):
    OWNER = "owner", "Owner"
    MANAGER = "manager", "Manager"
    MEMBER = "member", "Member"


class TokenScope(models.TextChoices):
    """What an API token may do. No token signs: signing asks for the password again."""

    READ = "read", "Read"
    WRITE = "write", "Read and write"
