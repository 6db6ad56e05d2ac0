"""gunicorn's settings; it reads this file by itself from the folder it is started in."""

from biolabs import environment as given

bind = f"{given.text('HOST', '127.0.0.1')}:{given.whole('PORT', 8000, least=1, most=65535)}"
workers = given.whole("WEB_CONCURRENCY", 2, least=1, most=64)
# Threads, so that a long download or a slow client does not hold up the others.
worker_class = "gthread"
threads = 4
timeout = 60
graceful_timeout = 20
control_socket_disable = True
# Which proxies to believe is Django's decision (TRUSTED_PROXIES), in one place.
forwarded_allow_ips = ""
