"""Stands in for the project's Celery."""

import os

from celery import Celery

app = Celery("rtbplatform", broker=os.environ["REDIS_URL"])
app.conf.broker_connection_retry_on_startup = True
