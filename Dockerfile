# One image for every box; which one is the command: worker, sink clickhouse, migrate …
FROM python:3.12-slim-bookworm AS build
COPY requirements.lock .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock

# The rules compiled, laid over their sources below: without them the image works as well, a little slower.
FROM python:3.12-slim-bookworm AS compiled
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make
WORKDIR /source
COPY . .
RUN make wheel && python -m zipfile -e build/wheel/*.whl /compiled && find /compiled -type f ! -name '*.so' -delete

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/fixtrail --create-home fixtrail
COPY --from=build /venv /venv
COPY schemas /app/schemas
COPY runtime /app/runtime
COPY streams /app/streams
COPY sinks /app/sinks
COPY fixtrail /app/fixtrail
COPY analytics /app/analytics
COPY --from=compiled /compiled /app
RUN /venv/bin/python -m compileall -q /app
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 FIXTRAIL_DATA=/var/lib/fixtrail
USER fixtrail
WORKDIR /var/lib/fixtrail
ENTRYPOINT ["python", "-m", "fixtrail"]
CMD ["--help"]
