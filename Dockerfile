# One image for every process of the product: docker run IMAGE web | plc | worker | beat | escalator | watchdog | migrate
FROM python:3.11-slim-bookworm AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN /opt/venv/bin/pip install -r /tmp/requirements.txt

FROM python:3.11-slim-bookworm
COPY ms5/bare/system_packages.sh /tmp/system_packages.sh
RUN /tmp/system_packages.sh pdf \
    && rm -rf /var/lib/apt/lists/* /tmp/system_packages.sh \
    && useradd --system --uid 10001 --home-dir /app ms5 \
    && install -d -o ms5 -g ms5 /data
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MS5_HOST=0.0.0.0 MS5_PORT=8000 MS5_DATA_DIR=/data STATIC_ROOT=/app/staticfiles
RUN MS5_ENV=development DATABASE_URL=postgresql:///build REDIS_URL=redis://build \
    python manage.py collectstatic --noinput --verbosity=0
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['MS5_PORT']}/health/live\", timeout=4)"]
ENTRYPOINT ["deploy/start"]
CMD ["web"]
