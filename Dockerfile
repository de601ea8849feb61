# The server in a small image: docker build -t gameserver . && docker run -p 8765:8765 -v gameserver:/data gameserver
# Without GAMESERVER_REDIS_URL and GAMESERVER_SQL_URL it keeps everything in /data, on an embedded Valkey and SQLite.
FROM python:3.11-slim AS build
WORKDIR /src
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
RUN python -m venv /opt/gameserver
COPY pyproject.toml setup.py README.md LICENSE ./
COPY scripts/constraints.txt scripts/
COPY gameserver gameserver
COPY client_demo client_demo
# The hot path is compiled. What that takes is pinned, too: by the first of the two, or by the second since pip 25.3.
RUN GAMESERVER_COMPILE=1 PIP_CONSTRAINT=scripts/constraints.txt PIP_BUILD_CONSTRAINT=scripts/constraints.txt \
    /opt/gameserver/bin/pip install --no-cache-dir --disable-pip-version-check ".[embedded]"

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home gameserver
COPY --from=build /opt/gameserver /opt/gameserver
ENV PATH=/opt/gameserver/bin:$PATH PYTHONUNBUFFERED=1 GAMESERVER_HOST=0.0.0.0 GAMESERVER_FOLDER=/data
USER gameserver
WORKDIR /data
VOLUME /data
EXPOSE 8765
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ.get(\"GAMESERVER_PORT\") or 8765}/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["gameserver", "run"]
