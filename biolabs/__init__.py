"""The project: settings, addresses, API router, health, schedules. It sees every app; no app imports it."""
