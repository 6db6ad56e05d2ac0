"""`{% panels "protocol" protocol %}`: what higher apps show on this page."""

from django import template

from experiments import panels as registry

register = template.Library()


@register.simple_tag(takes_context=True)
def panels(context, place, subject):
    return registry.panels(place, subject, context["request"])
